"""Embedders that are away: what is said of them, what waits, and how it goes on."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import AuthError, NetworkError, RateLimited
from mastra_desktop.domain.events import BusEvent, EmbedderChanged, ProvidersChanged
from mastra_desktop.domain.knowledge import Document, DocumentState, SearchMode
from mastra_desktop.ops.bus import Bus
from mastra_desktop.services.embedder_health import EmbedderHealth
from mastra_desktop.services.health import Status
from tests.cores import core_over, make_home
from tests.fakes import ScriptedProvider

RULES = "# Rules\n\nNobody runs in the corridor of the laboratory.\n"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rests_grow_and_stay_short() -> None:
    """5, 10, 20, 20 s: with the try itself work goes on within 30 s of the return. Back, all begins anew."""
    clock, heard = Clock(), list[BusEvent]()
    bus = Bus()
    bus.subscribe(heard.append)
    health = EmbedderHealth(bus, clock=clock)
    rests = []
    for _ in range(4):
        health.failed("work/e", NetworkError("Nothing answers."))
        rests.append(health.rests()["work/e"])
        clock.now += rests[-1]
        assert health.due() == ["work/e"]
    assert rests == [5, 10, 20, 20]
    health.works("work/e")
    assert health.away() == {}
    assert [e.error.message if e.error else "" for e in heard if isinstance(e, EmbedderChanged)] == [
        "Nothing answers.",
        "",
    ]
    health.failed("work/e", RateLimited("Too many.", retry_after_s=90.0))
    assert health.rests()["work/e"] == 90


def test_what_a_person_mends_is_tried_at_once() -> None:
    """A refused key rests for minutes, and not a moment longer once the providers were changed."""
    bus, due = Bus(), list[int]()
    health = EmbedderHealth(bus, clock=Clock())
    health.on_due = lambda: due.append(1)
    bus.publish(ProvidersChanged())
    assert due == []
    health.failed("work/e", AuthError("The key was refused."))
    assert health.rests()["work/e"] == 300
    bus.publish(ProvidersChanged())
    assert (due, health.rests(), health.due()) == ([1], {}, ["work/e"])
    assert health.away()["work/e"].code == "auth"  # until it answered


async def add(core: Core, folder: Path, *names: str) -> list[Document]:
    """Documents of a collection of the server's embedder."""
    made = await core.knowledge.create_collection("Far", embedder_id="work/embed")
    for name in names:
        (folder / name).write_text(f"{RULES}\n{name}\n")
    return list((await core.knowledge.add(made.id, [folder / name for name in names])).documents)


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.05)


async def ready(core: Core, documents: list[Document], timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        last = {d.id: d.state async for d in core.knowledge.wait(d.id for d in documents)}
    assert set(last.values()) == {DocumentState.READY}


@pytest.mark.slow
def test_documents_wait_for_a_key(tmp_path: Path) -> None:
    """Refused, nothing fails and words are found; doctor says so; with the right key all go on at once."""

    async def main() -> None:
        with ScriptedProvider(keys=("good",)) as server:
            async with core_over(make_home(tmp_path, server.base_url)) as core:
                documents = await add(core, tmp_path, "a.md", "b.md")
                await until(lambda: "work/embed" in core.knowledge.embedders_away())
                with pytest.raises(AuthError):
                    async for _ in core.knowledge.wait((d.id for d in documents), patient=False):
                        pass
                (far,) = await core.knowledge.collections()
                assert (far.failed, far.adding, far.documents) == (0, 2, 2)
                found = await core.knowledge.search([far.id], "the corridor", mode=SearchMode.WORDS)
                assert found.hits
                check = next(c for c in (await core.health.full()).checks if c.name == "embedder")
                assert check.status is Status.DEGRADED
                assert "work/embed" in check.detail
                assert "key" in check.detail
                assert check.remedy
                assert check.still_works
                await core.keys.set("work", "good")
                await ready(core, documents, 10)
                assert core.knowledge.embedders_away() == {}
                check = next(c for c in (await core.health.quick()).checks if c.name == "embedder")
                assert check.status is Status.HEALTHY
                assert "work/embed" in check.detail

    asyncio.run(main())


@pytest.mark.slow
def test_documents_go_on_when_the_server_is_back(tmp_path: Path) -> None:
    """A server that was away for a while is used again within 30 s of its return, without anybody asking."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    async def main() -> None:
        async with core_over(make_home(tmp_path, f"http://127.0.0.1:{port}/v1")) as core:
            documents = await add(core, tmp_path, "a.md", "b.md")
            away = core.knowledge.embedders_away
            await until(lambda: "work/embed" in away())
            assert away()["work/embed"].retryable
            server = ScriptedProvider()
            server.port = port
            with server:
                back = time.monotonic()
                await ready(core, documents, 30)
                assert time.monotonic() - back < 30
                assert away() == {}

    asyncio.run(main())


@pytest.mark.slow
def test_only_a_refused_text_fails_its_document(tmp_path: Path) -> None:
    """What the server refuses of one document fails that one; a provider that is gone fails none."""

    async def main() -> None:
        with ScriptedProvider() as server:
            home = make_home(tmp_path, server.base_url)
            async with core_over(home) as core:
                (first,) = await add(core, tmp_path, "a.md")
                await ready(core, [first], 20)
                await core.providers.change_server("work", enabled=False)
                (tmp_path / "b.md").write_text(f"{RULES} again")
                (second,) = (await core.knowledge.add(first.collection_id, [tmp_path / "b.md"])).documents
                await until(lambda: "work/embed" in core.knowledge.embedders_away())
                assert (await core.knowledge.document(second.id)).state is DocumentState.EMBEDDING
                await core.providers.change_server("work", enabled=True)
                await ready(core, [second], 10)
                (tmp_path / "c.md").write_text("UNWELCOME")
                (tmp_path / "d.md").write_text("welcome")
                paths = [tmp_path / "c.md", tmp_path / "d.md"]
                both = (await core.knowledge.add(first.collection_id, paths)).documents
                async with asyncio.timeout(20):
                    last = {d.name: d.state async for d in core.knowledge.wait(d.id for d in both)}
                assert last == {"c.md": DocumentState.FAILED, "d.md": DocumentState.READY}
                assert core.knowledge.embedders_away() == {}

    asyncio.run(main())
