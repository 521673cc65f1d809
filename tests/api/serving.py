"""The API over a core of its own, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from mastra_desktop.core import Core
from mastra_desktop.domain.tokens import TokenRole
from tests.cores import core_over

T = TypeVar("T")


class Serving:
    """`url` while it runs; `core` belongs to the server's loop: use it through `run`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="serving")
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self.core: Core
        self.url = ""
        self._tokens: dict[TokenRole, str] = {}

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def run(self, ask: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """Awaits `ask(core)` on the server's loop."""
        return asyncio.run_coroutine_threadsafe(ask(self.core), self._loop).result(30)

    def token(self, role: TokenRole = TokenRole.OPERATOR) -> str:
        if role not in self._tokens:
            self._tokens[role] = self.run(lambda core: core.tokens.create(role)).secret
        return self._tokens[role]

    def client(self, role: TokenRole = TokenRole.OPERATOR, **headers: str) -> httpx.Client:
        shown = {"Authorization": f"Bearer {self.token(role)}"} | headers
        return httpx.Client(base_url=self.url, headers=shown, timeout=30, trust_env=False)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        async with core_over(self._home, purpose="serve") as core:
            self.core = core
            self.url = await core.api.serve()
            self._ready.set()
            await self._end.wait()
