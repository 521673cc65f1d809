"""What is kept of who did what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `at`: seconds since the epoch; `action`: "key.set", "backup.restored", ...; `outcome`: done,
    failed or refused; `chain` names the key that its `mac` was made with."""

    seq: int
    at: float
    actor: str
    action: str
    target: str
    outcome: str
    detail: str
    chain: str
    mac: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty fields ask for everything. `action` is the beginning of one: "key" finds "key.set"."""

    since: float | None = None
    until: float | None = None
    action: str = ""
    outcome: str = ""
    text: str = ""


EVERYTHING = AuditFilter()
