"""The chain of the audit log: each row's HMAC-SHA256 covers the row and the HMAC of the one before."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mastra_desktop.domain.audit import AuditEntry

KEY_BYTES = 32
GAP = "audit.gap"  # the row that tells that rows before it are missing
GAP_ACCEPTED = "audit.gap_accepted"  # a person knows of the gaps whose row numbers are its target


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that are missing before `row`, which tells so; the row that accepted it, once a person did."""

    row: int
    problem: str
    accepted: AuditEntry | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking found. `bad_row`: the first one that is wrong; `unknown`: rows whose key is not here.

    A gap that was accepted is no problem any more. One that was not is told only where no row is wrong.
    """

    rows: int
    bad_row: int | None = None
    problem: str = ""
    unknown: int = 0
    gaps: tuple[Gap, ...] = ()
    cut: bool = False  # rows at the end are missing, and no row tells so yet

    @property
    def ok(self) -> bool:
        return not self.problem

    @property
    def acceptable(self) -> bool:
        """Nothing but gaps that nobody accepted yet, or rows missing at the end, which become one."""
        return self.cut or any(gap.row == self.bad_row for gap in self.gaps)


def sign(entry: AuditEntry, before: str, key: bytes) -> AuditEntry:
    """`entry` with its `mac`. `before` is the one of the row before, "" for the first."""
    return replace(entry, mac=_mac(entry, before, key))


def verify(
    entries: Iterable[AuditEntry], keys: Mapping[str, bytes], *, head: tuple[int, str] | None = None
) -> Verdict:
    """Checks rows in their order. `head`: the number and `mac` of a row that is known to have been written.

    A row whose key is not in `keys` is only checked by its number and by the row after it; it accepts no gap.
    """
    number, before, unknown = 0, "", 0
    gaps: dict[int, Gap] = {}
    macs: dict[int, str] = {}
    for entry in entries:
        number += 1
        problem = ""
        if entry.seq != number:
            problem = (
                f"Row {number} is missing." if entry.seq > number else f"Row {entry.seq} is there twice."
            )
        elif entry.chain in keys and not hmac.compare_digest(
            entry.mac.encode(), _mac(entry, before, keys[entry.chain]).encode()
        ):
            problem = f"Row {number} was changed, or is not from here."
        if problem:
            return Verdict(number, number, problem, unknown)
        if entry.action == GAP:
            gaps[number] = Gap(number, f"Rows before row {number} are missing: {entry.detail}")
        elif entry.action == GAP_ACCEPTED and entry.chain in keys:
            for row in entry.target.split(", "):
                if row.isdigit() and (gap := gaps.get(int(row))) is not None and gap.accepted is None:
                    gaps[gap.row] = replace(gap, accepted=entry)
        unknown += entry.chain not in keys
        before = entry.mac
        if head is not None and number == head[0]:
            macs[number] = entry.mac
    found = tuple(gaps.values())
    if head is not None and number < head[0]:
        problem = f"Rows {number + 1} to {head[0]} at the end are missing."
        return Verdict(number, number + 1, problem, unknown, found, cut=True)
    if head is not None and head[0] and not macs.get(head[0], "").startswith(head[1]):
        problem = f"Row {head[0]} is another one than was written."
        return Verdict(number, head[0], problem, unknown, found, cut=True)
    if (first := next((gap for gap in found if gap.accepted is None), None)) is not None:
        return Verdict(number, first.row, first.problem, unknown, found)
    return Verdict(number, unknown=unknown, gaps=found)


def _mac(entry: AuditEntry, before: str, key: bytes) -> str:
    fields = [
        before, entry.seq, repr(entry.at), entry.actor, entry.action,
        entry.target, entry.outcome, entry.detail, entry.chain,
    ]  # fmt: skip
    return hmac.new(key, json.dumps(fields).encode(), hashlib.sha256).hexdigest()
