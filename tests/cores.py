"""A core over a data home of its own, with a scripted server as the provider `work`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import Message
from mastra_desktop.domain.replies import ReplyEvent, ReplyFinished, ReplyStarted, TextDelta
from mastra_desktop.paths import find_paths


def make_home(folder: Path, base_url: str, more: str = "") -> Path:
    """A data home whose configuration names the server at `base_url` as `work`."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    server = f'[[providers]]\nid = "work"\nkind = "openai-compatible"\nbase_url = "{base_url}"\n'
    (home / "config.toml").write_text(server + more)
    return home


def core_over(home: Path, purpose: str = "test") -> AbstractAsyncContextManager[Core]:
    environ = {"MASTRA_HOME": str(home), "MASTRA_HTTP__MAX_RETRIES": "0"}
    return open_core(find_paths(environ), environ, purpose=purpose)


async def collect(answer: AsyncIterator[ReplyEvent]) -> list[ReplyEvent]:
    return [event async for event in answer]


def text_of(events: list[ReplyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def started(events: list[ReplyEvent]) -> ReplyStarted:
    return next(event for event in events if isinstance(event, ReplyStarted))


def finished(events: list[ReplyEvent]) -> ReplyFinished:
    assert isinstance(events[-1], ReplyFinished)
    return events[-1]


async def stored(core: Core, events: list[ReplyEvent]) -> Message:
    """The answer's row."""
    return await core.conversations.message(started(events).message_id)


async def take(answer: AsyncGenerator[ReplyEvent], pieces: int) -> list[ReplyEvent]:
    """What comes up to this many pieces of text; then the answer is closed, as Stop does."""
    seen: list[ReplyEvent] = []
    async with aclosing(answer) as events:
        async for event in events:
            seen.append(event)
            if sum(isinstance(e, TextDelta) for e in seen) >= pieces:
                break
    return seen
