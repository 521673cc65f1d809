"""Who called what, for the audit log. Calls alike within a few seconds become one row with their number."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mastra_desktop.domain.tokens import ApiToken
    from mastra_desktop.services.audit import AuditService

GATHER_S = 5.0
NOBODY = "unknown"

Call = tuple[str, str, str, str]  # actor, action, path, outcome


class CallLog:
    """The first call of its kind is recorded at once, those that follow it together. Belongs to one loop."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit
        self._more: Counter[Call] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, token: ApiToken | None, method: str, path: str, status: int) -> None:
        """`path` as the routes have it, so that there is a bounded number of them."""
        actor = NOBODY if token is None else f"token {token.id} {token.name}".rstrip()
        outcome = "done" if status < 400 else "refused" if status in (401, 403, 421, 429) else "failed"
        call = (actor, f"api.{method.lower()}", path, outcome)
        if call in self._more:
            self._more[call] += 1
            return
        self._more[call] = 0
        self._audit.record(*call, detail=f"status {status}")
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Records what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._more = self._more, Counter()
        for call, number in gathered.items():
            if number:
                self._audit.record(*call, detail=f"{number} more within {GATHER_S:.0f} s")
