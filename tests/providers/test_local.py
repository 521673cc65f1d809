"""The built-in model, with the real runtime and the small real model."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import platformdirs
import psutil
import pytest

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import ContextTooLong, LocalModelError, StreamCut
from mastra_desktop.domain.events import BusEvent, LocalModelChanged, LocalModelState
from mastra_desktop.domain.replies import (
    AnswerEnd,
    ModelLoading,
    Prompt,
    PromptMessage,
    ProviderEvent,
    TextDelta,
)
from mastra_desktop.providers.local import LocalProvider
from mastra_desktop.providers.model_files import read_manifest

ROOT = Path(__file__).resolve().parents[2]
CACHE = platformdirs.user_cache_path("mastra-desktop", appauthor=False) / "models"
MANIFEST = read_manifest(ROOT / "resources" / "models.json")
SMALL = CACHE / MANIFEST[1].file

pytestmark = pytest.mark.skipif(
    not SMALL.is_file(), reason="the small model is not here: python packaging/fetch_model.py small"
)


class Bus:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events: list[BusEvent] = []

    def __call__(self, event: BusEvent) -> None:
        self.events.append(event)

    @property
    def states(self) -> list[LocalModelState]:
        return [event.state for event in self.events if isinstance(event, LocalModelChanged)]


@asynccontextmanager
async def local(
    bus: Bus | None = None, model_path: Path = SMALL, command: list[str] | None = None, **options: float
) -> AsyncIterator[LocalProvider]:
    provider = LocalProvider(
        MANIFEST,
        [],
        bus or Bus(),
        model_path=model_path,
        command=command,
        idle_stop_s=options.get("idle_stop_s", 600),
        load_timeout_s=options.get("load_timeout_s", 60),
    )
    try:
        yield provider
    finally:
        await provider.aclose()


def prompt(text: str, *, max_tokens: int = 40, so_far: str = "") -> Prompt:
    messages = [PromptMessage(Role.USER, text)]
    if so_far:
        messages.append(PromptMessage(Role.ASSISTANT, so_far))
    return Prompt(
        "default",
        tuple(messages),
        system="You are a helpful assistant. Answer briefly.",
        temperature=0,
        max_tokens=max_tokens,
        continue_last=bool(so_far),
    )


CAPITAL = prompt("What is the capital of France?")
LONG = prompt("Write a long story about a lighthouse.", max_tokens=1000)


async def collect(provider: LocalProvider, asked: Prompt) -> list[ProviderEvent]:
    async with aclosing(provider.stream(asked)) as events:
        return [event async for event in events]


def text_of(events: list[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def children(pid: int | None = None) -> list[psutil.Process]:
    """The model hosts below this process."""
    return [child for child in psutil.Process(pid).children() if "mastra" in " ".join(child.cmdline())]


async def until(condition: Callable[[], bool], wait_s: float = 5) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.mark.slow
def test_it_answers_in_pieces_and_goes_on_with_an_answer() -> None:
    """The first answer announces the loading and comes in pieces with usage; `aclose` leaves no process."""

    async def run() -> None:
        bus = Bus()
        async with local(bus) as provider:
            assert [model.id for model in await provider.models()] == ["local/default"]
            events = await collect(provider, CAPITAL)
            assert isinstance(events[0], ModelLoading)
            assert "Paris" in text_of(events)
            assert len(events) > 4
            end = events[-1]
            assert isinstance(end, AnswerEnd)
            assert end.reason == "stop"
            assert end.usage.input_tokens
            assert end.usage.output_tokens
            assert end.model_name == "default"

            asked = prompt("What is the capital of France?", so_far="The capital of France is Par")
            continued = await collect(provider, asked)
            assert text_of(continued).startswith("is")
            assert not any(isinstance(event, ModelLoading) for event in continued)
            assert len(children()) == 1
        assert children() == []
        assert bus.states == [LocalModelState.LOADING, LocalModelState.READY, LocalModelState.STOPPED]
        ready = bus.events[1]
        assert isinstance(ready, LocalModelChanged)
        assert (ready.memory_bytes or 0) > 50_000_000

    asyncio.run(run())


def test_first_uses_share_one_start_and_a_cancelled_one_leaves_it_loading() -> None:
    """Three prompts at once start one child; cancelling one returns at once, the others are answered."""

    async def run() -> None:
        bus = Bus()
        async with local(bus) as provider:
            tasks = [asyncio.create_task(collect(provider, CAPITAL)) for _ in range(3)]
            await until(lambda: bool(bus.states))
            tasks[0].cancel()
            started = time.monotonic()
            await asyncio.wait([tasks[0]])
            assert time.monotonic() - started < 0.2
            for task in tasks[1:]:
                assert "Paris" in text_of(await task)
            assert bus.states.count(LocalModelState.LOADING) == 1

    asyncio.run(run())


@pytest.mark.slow
def test_a_cancelled_answer_makes_way_for_the_next() -> None:
    """Stopping in the middle of a long answer ends the work in the child: the next answer starts soon."""

    async def run() -> None:
        async with local() as provider:
            async with aclosing(provider.stream(LONG)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
            started = time.monotonic()
            assert "Paris" in text_of(await collect(provider, CAPITAL))
            assert time.monotonic() - started < 5

    asyncio.run(run())


@pytest.mark.slow
def test_a_child_that_died_unused_is_started_again() -> None:
    """Killed between two answers, it comes back with the next one and the person sees only the loading."""

    async def run() -> None:
        async with local() as provider:
            await collect(provider, CAPITAL)
            first = children()[0]
            first.kill()
            assert "Paris" in text_of(await collect(provider, CAPITAL))
            assert children()[0].pid != first.pid

    asyncio.run(run())


async def kill_at_first_text(provider: LocalProvider) -> None:
    async with aclosing(provider.stream(LONG)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                for child in children():
                    child.kill()


@pytest.mark.slow
def test_a_child_that_dies_in_mid_answer_cuts_the_stream() -> None:
    """What arrived is kept by the caller: the stream ends as StreamCut, and the next answer works."""

    async def run() -> None:
        bus = Bus()
        async with local(bus) as provider:
            with pytest.raises(StreamCut):
                await kill_at_first_text(provider)
            await until(lambda: LocalModelState.FAILED in bus.states)
            assert "Paris" in text_of(await collect(provider, CAPITAL))

    asyncio.run(run())


@pytest.mark.slow
def test_it_stops_after_a_while_without_a_prompt() -> None:
    """Unused, the child ends and gives its memory back; the next prompt starts it again."""

    async def run() -> None:
        bus = Bus()
        async with local(bus, idle_stop_s=0.3) as provider:
            await collect(provider, CAPITAL)
            await until(lambda: bus.states[-1:] == [LocalModelState.STOPPED])
            assert children() == []
            assert isinstance((await collect(provider, CAPITAL))[0], ModelLoading)

    asyncio.run(run())


@pytest.mark.slow
def test_only_the_app_may_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No system proxy stands between; without the key there is no answer, and no web page may read one."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")

    async def run() -> None:
        async with local() as provider:
            assert "Paris" in text_of(await collect(provider, CAPITAL))
            listening = [
                each for each in children()[0].net_connections() if each.status == psutil.CONN_LISTEN
            ]
            assert [each.laddr.ip for each in listening] == ["127.0.0.1"]
            connection = http.client.HTTPConnection("127.0.0.1", listening[0].laddr.port)
            connection.request("POST", "/v1/chat/completions", "{}", {"Origin": "http://page.example"})
            answer = connection.getresponse()
            assert answer.status == 401
            assert not answer.headers.get("Access-Control-Allow-Origin")
            connection.close()

    asyncio.run(run())


@pytest.mark.slow
def test_another_file_is_taken_from_the_next_answer_on(tmp_path: Path) -> None:
    """A change of the file ends the unused child; the next answer comes from the new file."""
    other = tmp_path / "other.gguf"
    other.symlink_to(SMALL)

    async def run() -> None:
        bus = Bus()
        async with local(bus) as provider:
            await collect(provider, CAPITAL)
            provider.set_model_file(other)
            first = (await collect(provider, CAPITAL))[0]
            assert isinstance(first, ModelLoading)
            assert first.name != MANIFEST[1].name
            assert (await provider.models())[0].name == first.name
            assert len(children()) == 1

    asyncio.run(run())


@pytest.mark.slow
def test_a_prompt_longer_than_the_context_is_told() -> None:
    """More tokens than the model can hold are ContextTooLong, not a failure of the model."""

    async def run() -> None:
        async with local() as provider:
            with pytest.raises(ContextTooLong):
                await collect(provider, prompt("word " * 5000))

    asyncio.run(run())


@pytest.mark.slow
def test_the_context_can_be_set_while_it_runs() -> None:
    """The size reaches the process that loads the model; another one ends the unused child."""
    asked = prompt("word " * 400)

    async def run() -> None:
        async with local() as provider:
            provider.configure(SMALL, None, 600, context_tokens=256)
            assert (await provider.models())[0].context_tokens == 256
            with pytest.raises(ContextTooLong):
                await collect(provider, asked)
            provider.configure(SMALL, None, 600, context_tokens=1024)
            assert provider.context_tokens == 1024
            events = await collect(provider, asked)
            assert isinstance(events[0], ModelLoading)
            assert isinstance(events[-1], AnswerEnd)
            provider.configure(SMALL, None, 600, context_tokens=1024)
            assert not isinstance((await collect(provider, CAPITAL))[0], ModelLoading)
            assert len(children()) == 1
            provider.configure(SMALL, None, 600)
            assert (await provider.models())[0].context_tokens == MANIFEST[1].context_tokens

    asyncio.run(run())


def test_a_file_the_runtime_refuses_is_an_error_with_a_way_forward(tmp_path: Path) -> None:
    """A GGUF cut in the middle is found by loading it; the state is failed, and no process is left."""
    cut = tmp_path / "cut.gguf"
    with SMALL.open("rb") as file:
        cut.write_bytes(file.read(20_000_000))

    async def run() -> None:
        bus = Bus()
        async with local(bus, model_path=cut) as provider:
            with pytest.raises(LocalModelError, match="could not be loaded") as caught:
                await collect(provider, CAPITAL)
            assert "Settings" in caught.value.hint
            assert "not within the file bounds" in caught.value.detail
            await until(lambda: bus.states == [LocalModelState.LOADING, LocalModelState.FAILED])
            told = await provider.test()
            assert told.error_code == "provider"
            assert told.hint
        assert children() == []

    asyncio.run(run())


def test_a_missing_file_is_told_at_once(tmp_path: Path) -> None:
    """No process is started for a file that is not there; listing the models says the same."""

    async def run() -> None:
        bus = Bus()
        async with local(bus, model_path=tmp_path / "gone.gguf") as provider:
            for attempt in (provider.models(), collect(provider, CAPITAL)):
                with pytest.raises(LocalModelError, match="does not exist"):
                    await attempt
        assert bus.states == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit(3)", "stopped while it was being loaded"),
        ("print('hello', flush=True); input()", "could not be loaded"),
        ("import sys; sys.stderr.write('x' * 1000000); sys.stdin.read()", "took too long"),
    ],
)
def test_a_child_that_does_not_come_up_is_an_error(program: str, said: str) -> None:
    """Whether it exits, talks nonsense or hangs after a megabyte of log: the person gets a sentence."""

    async def run() -> None:
        async with local(command=[sys.executable, "-c", program], load_timeout_s=0.5) as provider:
            with pytest.raises(LocalModelError, match=said):
                await collect(provider, CAPITAL)

    asyncio.run(run())


DIES_WITH_EACH_REQUEST = """
import json, socket, sys
sys.stdin.readline()
server = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"ready": {"port": server.getsockname()[1]}}), flush=True)
server.accept()[0].recv(10)
"""


def test_dying_twice_before_any_text_is_told() -> None:
    """It is started once more by itself, and not a third time."""

    async def run() -> None:
        bus = Bus()
        async with local(bus, command=[sys.executable, "-c", DIES_WITH_EACH_REQUEST]) as provider:
            with pytest.raises(LocalModelError, match="twice"):
                await collect(provider, CAPITAL)
        assert bus.states.count(LocalModelState.LOADING) == 2

    asyncio.run(run())


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.providers.test_local import CAPITAL, LONG, Bus, collect, local

async def run() -> None:
    async with local() as provider:
        if {loaded}:
            await collect(provider, CAPITAL)
            print("go", flush=True)
            await collect(provider, LONG)
        else:
            task = asyncio.create_task(collect(provider, LONG))
            await asyncio.sleep(0.2)
            print("go", flush=True)
            await task

asyncio.run(run())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX matter")
@pytest.mark.parametrize("loaded", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_killed_app_leaves_no_child(loaded: bool) -> None:
    """kill -9 of the parent, while the child writes or loads: it is gone within two seconds."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(root=str(ROOT), loaded=loaded)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"go\n"
        (child,) = children(parent.pid)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert psutil.wait_procs([child], timeout=2)[1] == []
