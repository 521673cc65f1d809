"""What was asked, what came of it, which faults were on, and who is to blame for an error."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

GRACE_S = 30.0  # after a fault has ended, everything works again
OURS_AT_MOST = 0.001

PROVIDER = frozenset({"rate_limit", "provider", "network", "timeout", "circuit_open"})
STORAGE = frozenset({"storage"})
NONE: frozenset[str] = frozenset()  # nobody may notice


class Wrong(Exception):
    """What came is not what was asked for. `code` says in which way: wrong or hang."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Told(Exception):
    """An error that the app told, by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Operation:
    """Times are the monotonic clock's. `code`: "" when it went well."""

    scene: str
    kind: str
    began: float
    ended: float
    code: str = ""
    detail: str = ""


@dataclass(slots=True)
class Fault:
    """Something outside of the app that broke. `excuses`: the codes that tell the truth about it."""

    scene: str
    name: str
    began: float
    excuses: frozenset[str]
    ended: float = float("inf")

    def covers(self, operation: Operation) -> bool:
        """Whether it was on, or just over, while the operation ran."""
        return (
            operation.scene == self.scene
            and operation.began <= self.ended + GRACE_S
            and operation.ended >= self.began
        )


@dataclass(slots=True)
class Kept:
    """A turn that was acknowledged: its rows have to be there to the end."""

    conversation_id: str
    prompt: str
    answer: str | None  # None: cut off by the client; the prompt is what counts


@dataclass
class Ledger:
    """Of all scenes."""

    started: float = field(default_factory=time.monotonic)
    operations: list[Operation] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    kept: dict[str, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    deleted: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    documents: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))  # id: removed
    skipped: list[str] = field(default_factory=list)  # what could not be tried here, and why
    broken: list[str] = field(default_factory=list)  # a promise that was not kept, each a sentence

    @contextmanager
    def fault(self, scene: str, name: str, excuses: frozenset[str]) -> Iterator[None]:
        """On as long as the block runs."""
        made = Fault(scene, name, time.monotonic(), excuses)
        self.faults.append(made)
        try:
            yield
        finally:
            made.ended = time.monotonic()

    def excused(self, operation: Operation) -> Fault | None:
        """The fault that this error reports, truthfully and in time."""
        for fault in self.faults:
            if operation.code in fault.excuses and fault.covers(operation):
                return fault
        return None

    def ours(self) -> list[Operation]:
        """Errors that nothing excuses."""
        return [o for o in self.operations if o.code and self.excused(o) is None]

    def at(self, moment: float) -> str:
        """As minutes and seconds since the start."""
        seconds = int(moment - self.started)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"

    def by_kind(self) -> list[dict[str, Any]]:
        """How many of each kind, with the times of those that went well outside of faults."""
        ours = Counter((o.scene, o.kind) for o in self.ours())
        groups: dict[tuple[str, str], list[Operation]] = defaultdict(list)
        for operation in self.operations:
            groups[operation.scene, operation.kind].append(operation)
        rows = []
        for (scene, kind), each in sorted(groups.items()):
            times = sorted(
                (o.ended - o.began) * 1000
                for o in each
                if not o.code and not any(fault.covers(o) for fault in self.faults)
            )
            rows.append(
                {
                    "scene": scene,
                    "kind": kind,
                    "count": len(each),
                    "told": sum(bool(o.code) for o in each) - ours[scene, kind],
                    "ours": ours[scene, kind],
                    "p50_ms": round(times[len(times) // 2], 1) if times else None,
                    "p99_ms": round(times[int(len(times) * 0.99)], 1) if times else None,
                }
            )
        return rows

    def recovery(self, fault: Fault) -> float | None:
        """Seconds from the end of the fault to the first thing that went well after the last that did not;
        None when nothing failed after its end."""
        if fault.ended == float("inf"):
            return None
        failed = [
            o
            for o in self.operations
            if o.code in fault.excuses and fault.covers(o) and o.ended > fault.ended
        ]
        if not failed:
            return None
        last = max(o.ended for o in failed)
        well = [
            o.ended for o in self.operations
            if o.scene == fault.scene and not o.code and o.began >= last and o.kind in {f.kind for f in failed}
        ]  # fmt: skip
        return min(well) - fault.ended if well else None
