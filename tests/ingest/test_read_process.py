"""One file in a child process: what comes back, and how its limits end it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import MULTILINGUAL_EMBEDDER, PassageSpan, ReadText
from mastra_desktop.ingest.read_process import ReadingProcess
from mastra_desktop.ingest.readers import read
from tests.conftest import RESOURCES
from tests.ingest.making import check, make_pdf

PAGE = [(20, "Report"), *[(11, "A line of body text that is as wide as the page and ends here.")] * 6]


def read_in_child(
    path: Path, *, password: str = "", wall_s: float = 60, memory_bytes: int = 1024**3
) -> tuple[ReadText, tuple[PassageSpan, ...], list[tuple[str, int, int]]]:
    seen: list[tuple[str, int, int]] = []
    process = ReadingProcess(RESOURCES, wall_s=wall_s, memory_bytes=memory_bytes)
    found, spans = asyncio.run(
        process.read(
            path,
            tokenizer=MULTILINGUAL_EMBEDDER,
            password=password,
            on_progress=lambda *step: seen.append(step),
        )
    )
    return found, spans, seen


def script(tmp_path: Path, body: str) -> list[str]:
    """A child that keeps to the protocol as badly as `body` says."""
    path = tmp_path / "child.py"
    path.write_text("import os, sys, time\nsys.stdin.readline()\n" + body)
    return [sys.executable, str(path)]


def read_by(command: list[str], path: Path, **limits: float) -> KnowledgeError:
    process = ReadingProcess(RESOURCES, command=command, **limits)  # type: ignore[arg-type]
    with pytest.raises(KnowledgeError) as raised:
        asyncio.run(process.read(path, tokenizer=MULTILINGUAL_EMBEDDER))
    return raised.value


def test_a_child_reads_and_splits_as_the_reader_does(tmp_path: Path) -> None:
    """The text, blocks and title are the reader's; passages lie within the text, with their page."""
    path = tmp_path / "report.pdf"
    path.write_bytes(make_pdf([PAGE] * 3, title="Yearly"))
    found, spans, seen = read_in_child(path)
    assert check(found) == read(path)
    assert (found.title, found.summary, found.pages) == ("Yearly", "3 pages", 3)
    assert spans
    assert [span.index for span in spans] == list(range(len(spans)))
    assert all(found.text[span.start : span.end].strip() and span.page for span in spans)
    assert seen[0][0] == "reading"
    assert ("reading", 3, 3) in seen
    assert seen[-1][0] == "splitting"


@pytest.mark.parametrize("name", ["two\nlines.md", "中文 名称.md", "quote'\"$(x).md", "-r.md", "\udcff.md"])
def test_names_come_through_as_they_are(tmp_path: Path, name: str) -> None:
    """A name may hold what a file system allows."""
    path = tmp_path / name
    path.write_text("# Title\n\nSome text.\n")
    found, spans, _ = read_in_child(path)
    assert found.title == "Title"
    assert spans


def test_the_childs_reason_is_what_the_person_reads(tmp_path: Path) -> None:
    """A KnowledgeError crosses over with its sentence and its hint."""
    path = tmp_path / "empty.txt"
    path.touch()
    with pytest.raises(KnowledgeError, match="This file is empty") as raised:
        read_in_child(path)
    assert raised.value.hint


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The time limit holds whatever the child does."""
    error = read_by(script(tmp_path, "time.sleep(60)"), tmp_path, wall_s=0.3)
    assert "longer than" in error.message
    assert error.hint


def test_a_child_that_dies_is_an_error_with_what_it_printed(tmp_path: Path) -> None:
    """A crash of native code ends one file only; a broken answer too."""
    error = read_by(
        script(tmp_path, "print('oh no', file=sys.stderr); sys.stderr.flush(); os.abort()"), tmp_path
    )
    assert "failed" in error.message
    assert "oh no" in error.detail
    error = read_by(script(tmp_path, "print('x' * 100, flush=True); time.sleep(60)"), tmp_path, wall_s=5)
    assert "failed" in error.message
    error = read_by(script(tmp_path, "print('std::bad_alloc', file=sys.stderr); sys.exit(1)"), tmp_path)
    assert "memory" in error.message
    assert "could not be started" in read_by([str(tmp_path / "missing")], tmp_path).message


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's limit is Linux's")
def test_memory_is_limited(tmp_path: Path) -> None:
    """A file that needs more than the limit fails with that reason."""
    path = tmp_path / "large.txt"
    path.write_bytes(b"many words of text\n\n" * 1_000_000)
    with pytest.raises(KnowledgeError, match="memory"):
        read_in_child(path, memory_bytes=16 * 1024**2)


def test_cancelling_ends_the_child(tmp_path: Path) -> None:
    """Nothing goes on reading for someone who has left."""
    command = script(tmp_path, "time.sleep(60)")

    async def go() -> set[int]:
        reading = ReadingProcess(RESOURCES, command=command).read(tmp_path, tokenizer=MULTILINGUAL_EMBEDDER)
        task = asyncio.ensure_future(reading)
        while not (children := {child.pid for child in psutil.Process().children()}):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return children

    assert not any(psutil.pid_exists(pid) for pid in asyncio.run(go()))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_reader_can_neither_write_nor_reach_the_network(tmp_path: Path) -> None:
    """Whatever a file makes a library do, it stays in the child."""
    attempts = """
import socket
from mastra_desktop.ingest import read_host
read_host._shut_in()
def refused(act):
    try:
        act()
    except OSError:
        return "refused"
    return "done"
print(refused(lambda: open("made.txt", "w").write("x")))
print(refused(lambda: socket.create_connection(("127.0.0.1", 9))))
print(refused(lambda: socket.getaddrinfo("localhost", 80)))
print(refused(lambda: open("child.py").read()))
"""
    import subprocess

    (tmp_path / "child.py").write_text(attempts)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "child.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout.split() == ["refused", "refused", "refused", "done"]
    assert not (tmp_path / "made.txt").exists()
