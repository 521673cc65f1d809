"""Real Chroma in its real child process."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.events import VectorIndexState
from mastra_desktop.store.vectors import Vectors

State = VectorIndexState
DIMENSION = 16


def vector(n: int) -> bytes:
    """A made-up vector, always the same for the same number."""
    draw = random.Random(n)
    return array("f", (draw.gauss(0, 1) for _ in range(DIMENSION))).tobytes()


def run(
    folder: Path, use: Callable[[Vectors], Awaitable[None]], url: str = "", **limits: float
) -> list[State]:
    """Uses an index and closes it; the states it told of."""
    told: list[State] = []

    async def main() -> None:
        vectors = Vectors(folder, url, lambda state, _: told.append(state), **limits)
        try:
            await use(vectors)
        finally:
            await vectors.aclose()

    asyncio.run(asyncio.wait_for(main(), 100))
    return told


async def fill(vectors: Vectors, count: int = 50, space: str = "one") -> None:
    await vectors.upsert(space, range(count), [vector(n) for n in range(count)])


async def kill(vectors: Vectors) -> None:
    """Kills the child as a crash would."""
    child = vectors._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)


def test_what_goes_in_is_found(home: Path) -> None:
    """Nearest first with their similarity, per space; replaced, taken out, dropped; kept over a restart."""

    async def first(vectors: Vectors) -> None:
        assert await vectors.query("one", vector(1), 3) == []
        assert await vectors.count("one") == 0
        await fill(vectors)
        await fill(vectors, 3, "two")
        hits = await vectors.query("one", vector(7), 5)
        assert hits[0][0] == 7
        assert hits[0][1] == pytest.approx(1.0, abs=1e-5)
        assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
        assert len(await vectors.query("two", vector(1), 10)) == 3
        await vectors.upsert("one", [7], [vector(99)])
        assert (await vectors.query("one", vector(99), 1))[0][0] == 7
        assert await vectors.count("one") == 50
        await vectors.delete("one", [7, 12345])
        assert (await vectors.query("one", vector(99), 1))[0][0] != 7
        await vectors.drop("two")
        await vectors.drop("never there")
        assert await vectors.query("two", vector(1), 1) == []
        assert (vectors.memory_bytes() or 0) > 30_000_000
        vectors.rebuilt()

    async def second(vectors: Vectors) -> None:
        await vectors.open()
        assert await vectors.count("one") == 49
        await fill(vectors, 2, "three")
        await vectors.keep_only(["three"])
        assert (await vectors.count("one"), await vectors.count("three")) == (0, 2)

    assert run(home / "vectors", first) == [State.REBUILDING, State.READY, State.CLOSED]
    assert run(home / "vectors", second) == [State.READY, State.CLOSED]


@pytest.mark.slow
def test_restricted_to_some(home: Path) -> None:
    """The nearest of the allowed ones are found however few and far away they are."""

    async def use(vectors: Vectors) -> None:
        await fill(vectors, 3_000)
        everything = await vectors.query("one", vector(5), 3_000)
        assert len(everything) == 3_000
        order = [id for id, _ in everything]
        for only in (order[-3:], order[::2], order[:10], [10**6]):
            found = await vectors.query("one", vector(5), 5, only=only)
            assert [id for id, _ in found] == [id for id in order if id in set(only)][:5]
        assert await vectors.query("one", vector(5), 5, only=[]) == []

    run(home / "vectors", use)


@pytest.mark.slow
def test_queries_beside_an_upsert(home: Path) -> None:
    """Questions are answered while vectors go in, and every answer belongs to its question."""

    async def use(vectors: Vectors) -> None:
        await fill(vectors)
        many = range(1_000, 5_000)
        async with asyncio.TaskGroup() as group:
            adding = group.create_task(vectors.upsert("one", many, [vector(n) for n in many]))
            answered = 0
            while not adding.done():
                found = await asyncio.gather(*(vectors.query("one", vector(n), 1) for n in range(8)))
                assert [hits[0][0] for hits in found] == list(range(8))
                answered += 1
        assert answered > 0
        assert await vectors.count("one") == 4_050

    run(home / "vectors", use)


@pytest.mark.slow
def test_wrong_dimension_is_no_damage(home: Path) -> None:
    """Vectors that don't fit are refused with a sentence; nothing is set aside."""

    async def use(vectors: Vectors) -> None:
        await fill(vectors)
        with pytest.raises(KnowledgeError, match="refused"):
            await vectors.upsert("one", [1], [vector(1) * 2])
        assert await vectors.count("one") == 50

    assert State.DOWN not in run(home / "vectors", use)
    assert [path.name for path in home.iterdir()] == ["vectors"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_child(home: Path) -> None:
    """A child killed while idle or in mid upsert is replaced; the call that met it still succeeds."""

    async def use(vectors: Vectors) -> None:
        await fill(vectors)
        await kill(vectors)
        assert await vectors.count("one") == 50
        many = range(2_000)
        async with asyncio.TaskGroup() as group:
            adding = group.create_task(vectors.upsert("one", many, [vector(n) for n in many]))
            await asyncio.sleep(0.1)
            await kill(vectors)
            await adding
        assert await vectors.count("one") == 2_000

    assert run(home / "vectors", use).count(State.REBUILDING) == 1
    assert [path.name for path in home.iterdir()] == ["vectors"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.slow
def test_hanging_child(home: Path) -> None:
    """A child that does not answer in time is ended and replaced."""

    async def use(vectors: Vectors) -> None:
        await fill(vectors)
        assert vectors._child is not None
        os.kill(vectors._child.pid, signal.SIGSTOP)
        assert await vectors.count("one") == 50

    run(home / "vectors", use, request_timeout_s=2.0)


def damage_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"this is no database" * 1_000)


def damage_segment(folder: Path) -> None:
    for path in folder.rglob("*.bin"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def damage_metadata(folder: Path) -> None:
    for path in [*folder.rglob("*.pickle"), *folder.rglob("header.bin")]:
        path.write_bytes(b"\xff" * 100)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(damage_database, marks=pytest.mark.slow),
        pytest.param(damage_segment, marks=pytest.mark.slow),
        pytest.param(damage_metadata, marks=pytest.mark.slow),
    ],
)
def test_damaged_folder(home: Path, damage: Callable[[Path], None]) -> None:
    """It ends in a working, empty index, and whoever owns it is told to put everything in again."""
    folder = home / "vectors"

    async def first(vectors: Vectors) -> None:
        await fill(vectors, 2_500)
        vectors.rebuilt()

    async def second(vectors: Vectors) -> None:
        await vectors.open()
        assert vectors.generation == 1
        assert await vectors.count("one") == 0
        await fill(vectors)
        assert len(await vectors.query("one", vector(1), 5)) == 5

    async def third(vectors: Vectors) -> None:
        await vectors.open()
        vectors.rebuilt()

    run(folder, first)
    damage(folder)
    assert run(folder, second) == [State.REBUILDING, State.CLOSED]
    assert len(list(home.glob("vectors.damaged-*"))) == 1
    assert run(folder, third) == [State.REBUILDING, State.READY, State.CLOSED]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from chromadb.cli.cli import app; app()", "run", "--path", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_server_that_comes_and_goes(home: Path) -> None:
    """Unreachable: a sentence with a hint, at once for a while; back again: a later call just works."""
    port = free_port()

    async def use(vectors: Vectors) -> None:
        with pytest.raises(KnowledgeError) as error:
            await vectors.query("one", vector(1), 1)
        assert "vectors.url" in error.value.hint
        server = start_server(home / "server", port)
        try:
            for _ in range(40):
                try:
                    await fill(vectors)
                    break
                except KnowledgeError:
                    await asyncio.sleep(0.5)
            assert (await vectors.query("one", vector(3), 1))[0][0] == 3
        finally:
            server.kill()
            server.wait()
        with pytest.raises(KnowledgeError):
            await vectors.count("one")

    told = run(home / "vectors", use, f"http://127.0.0.1:{port}", try_again_s=0.3)
    assert told == [State.DOWN, State.READY, State.DOWN, State.CLOSED]
    assert not (home / "vectors").exists()
