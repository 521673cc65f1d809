"""Runs every benchmark, each in a process of its own: `python -m tests.bench [--full] [NAME...]`.

The short run takes under ten minutes on two cores; --full has the whole sets, and the soak of twenty minutes.
Prints a table and writes all figures to build/bench.json. A figure that falls short is said; the exit
code is 1 only when a benchmark could not run.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from tests.bench.measuring import ROOT

RESULT = ROOT / "build" / "bench.json"


def run(name: str, options: list[str]) -> list[dict[str, Any]] | None:
    """The figures of one benchmark; None when it broke."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for figure in figures:
        if "ok" not in figure:  # a benchmark that only names a limit in the figure's own unit
            limit = figure.get("limit")
            figure["ok"] = not isinstance(limit, int | float) or figure["value"] <= limit
        floor = f"floor {figure['floor']}, ratio {figure['ratio']}" if figure.get("floor") else ""
        mark = "" if figure["ok"] else "FALLS SHORT"
        allowed = f"limit {figure['limit']}" if figure.get("limit") is not None else ""
        print(
            f"  {figure['name']:<48} {figure['value']:>10} {figure['unit']:<6} {floor:<28} {allowed:<16} {mark}"
        )
    return figures if done.returncode == 0 else None


def main(arguments: list[str]) -> int:
    options = [argument for argument in arguments if argument.startswith("--")]
    wanted = [argument for argument in arguments if not argument.startswith("--")]
    names = sorted(path.stem for path in (ROOT / "tests/bench").glob("bench_*.py"))
    before = json.loads(RESULT.read_text()) if wanted and RESULT.exists() else {}  # a part leaves the others
    results: dict[str, Any] = before.get("figures", {})
    took_s: dict[str, float] = before.get("took_s", {})
    ran = [name for name in names if not wanted or name.removeprefix("bench_") in wanted]
    for name in ran:
        print(name, flush=True)
        began = time.monotonic()
        results[name] = run(name, options)
        took_s[name] = round(time.monotonic() - began, 1)
        print(f"  took {took_s[name]:.0f} s")
        if results[name] is None:
            print("  could not run")
    soaked = True
    if "--full" in options and not wanted:
        print("soak", flush=True)
        soaked = subprocess.run([sys.executable, "-m", "tests.soak"], cwd=ROOT, check=False).returncode == 0
    failed = [name for name in ran if results[name] is None]
    print(f"The benchmarks took {sum(took_s[name] for name in ran) / 60:.1f} min.")
    RESULT.parent.mkdir(exist_ok=True)
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.platform()}
    RESULT.write_text(json.dumps(about | {"took_s": took_s, "figures": results}, indent=1))
    return 0 if soaked and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
