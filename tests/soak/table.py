"""The closing table, for people."""

from __future__ import annotations

from typing import Any


def show(report: dict[str, Any]) -> None:
    """On standard output."""
    print(
        f"Soak of {report['minutes']} minutes: {report['operations']:,} operations, "
        f"{report['told']} truthfully told a fault, {report['ours']} failed by our fault "
        f"({report['ours_percent']} %); {report['processors_in_use']} of a processor in use."
    )
    print(f"\n{'scene':<8}{'operation':<20}{'count':>7}{'told':>6}{'ours':>6}{'P50 ms':>10}{'P99 ms':>10}")
    for row in report["kinds"]:
        print(
            f"{row['scene']:<8}{row['kind']:<20}{row['count']:>7}{row['told']:>6}{row['ours']:>6}"
            f"{_or_dash(row['p50_ms']):>10}{_or_dash(row['p99_ms']):>10}"
        )
    print(f"\n{'at':<7}{'scene':<8}{'fault':<28}{'s':>6}{'told':>6}{'well again after s':>20}")
    for fault in report["faults"]:
        print(
            f"{fault['at']:<7}{fault['scene']:<8}{fault['name']:<28}{fault['lasted_s']:>6}{fault['told']:>6}"
            f"{_or_dash(fault['well_again_s'], 'nobody noticed' if not fault['told'] else 'at once'):>20}"
        )
    print("\nMost memory, MB: " + ", ".join(f"{name} {mb}" for name, mb in report["memory_mb"].items()))
    for scene, found in report["scenes"].items():
        for number, holding in enumerate(found["holding"], 1):
            held = ", ".join(f"{name} {was}>{now}" for name, (was, now) in holding.items() if was or now)
            print(f"{scene} {number}: {held}")
        for number, grown in enumerate(found["growth"], 1):
            if grown:
                few = " FALLS SHORT of 200" if grown["falls_short"] else ""
                few = few if grown["enough"] else " (too few for a verdict)"
                print(
                    f"{scene} {number}: {grown['bytes_per_operation']} bytes stay of an operation, at least "
                    f"{grown['at_least']}, over {grown['operations']:,}{few}"
                )
        facts = {
            name: found[name] for name in ("rows", "figures", "audit_rows", "ended_in_s") if name in found
        }
        print(f"{scene}: {facts}")
    if planted := report.get("planted"):
        print(
            f"Planted leak of {planted['planted_bytes']} bytes an operation: "
            f"{planted['with_leak'][0]}, at least {planted['with_leak'][1]}; without it {planted['without'][0]}, "
            f"at least {planted['without'][1]}, over {planted['operations']} operations: "
            f"{'told apart' if planted['found'] else 'NOT TOLD APART'}"
        )
    for what in report["skipped"]:
        print(f"Not tried: {what}")
    for error in report["our_errors"]:
        print(f"OURS {error['at']} {error['scene']} {error['kind']}: {error['code']} {error['detail']}")
    for what in report["broken"]:
        print(f"BROKEN {what}")
    print("The soak was passed." if not report["broken"] else "The soak FAILED.")


def _or_dash(value: float | None, dash: str = "-") -> str:
    return dash if value is None else f"{value:g}"
