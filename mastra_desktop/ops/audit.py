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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking found. `bad_row`: the first one that is wrong; `unknown`: rows whose key is not here."""

    rows: int
    bad_row: int | None = None
    problem: str = ""
    unknown: int = 0

    @property
    def ok(self) -> bool:
        return not self.problem


def sign(entry: AuditEntry, before: str, key: bytes) -> AuditEntry:
    """`entry` with its `mac`. `before` is the one of the row before, "" for the first."""
    return replace(entry, mac=_mac(entry, before, key))


def verify(
    entries: Iterable[AuditEntry], keys: Mapping[str, bytes], *, head: tuple[int, str] | None = None
) -> Verdict:
    """Checks rows in their order. `head`: the number and `mac` of a row that is known to have been written.

    A row whose key is not in `keys` is only checked by its number and by the row after it.
    """
    number, before, unknown = 0, "", 0
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
        elif entry.action == GAP:
            problem = f"Rows before row {number} are missing: {entry.detail}"
        if problem:
            return Verdict(number, number, problem, unknown)
        unknown += entry.chain not in keys
        before = entry.mac
        if head is not None and number == head[0]:
            macs[number] = entry.mac
    if head is not None and number < head[0]:
        return Verdict(number, number + 1, f"Rows {number + 1} to {head[0]} at the end are missing.", unknown)
    if head is not None and head[0] and not macs.get(head[0], "").startswith(head[1]):
        return Verdict(number, head[0], f"Row {head[0]} is another one than was written.", unknown)
    return Verdict(number, unknown=unknown)


def _mac(entry: AuditEntry, before: str, key: bytes) -> str:
    fields = [
        before, entry.seq, repr(entry.at), entry.actor, entry.action,
        entry.target, entry.outcome, entry.detail, entry.chain,
    ]  # fmt: skip
    return hmac.new(key, json.dumps(fields).encode(), hashlib.sha256).hexdigest()
