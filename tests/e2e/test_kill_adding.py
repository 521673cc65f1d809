"""kill -9 at random moments while documents are added: nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mastra_desktop.domain.knowledge import SearchMode
from tests.cores import core_over

ROOT = Path(__file__).resolve().parents[2]
WORDS = [
    "water",
    "sample",
    "storage",
    "hours",
    "student",
    "price",
    "laboratory",
    "freezer",
    "protocol",
    "nitrogen",
    "valve",
    "pressure",
]


def make_files(folder: Path, count: int) -> None:
    """Text, Markdown, CSV, JSON and HTML, from one to some twenty passages."""
    folder.mkdir()
    chance = random.Random(4)
    for i in range(count):
        sentences = [
            " ".join(chance.choices(WORDS, k=9)).capitalize() + "."
            for _ in range(chance.choice((4, 30, 120)))
        ]
        text = f"File {i}. " + " ".join(sentences)
        suffix = (".txt", ".md", ".csv", ".json", ".html")[i % 5]
        content = {
            ".md": f"# Heading {i}\n\n{text}\n",
            ".csv": "name,value\n" + "\n".join(f"{s},{n}" for n, s in enumerate(sentences)) + f"\nfile,{i}\n",
            ".json": json.dumps({"id": i, "notes": sentences}),
            ".html": f"<html><body><h1>Heading {i}</h1><p>{text}</p></body></html>",
        }.get(suffix, text)
        (folder / f"file {i:03}{suffix}").write_text(content)


def run(home: Path, folder: Path, kill_after_s: float | None) -> bool:
    """Whether it got to its end."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.e2e.adding_script", str(home), str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout
    if kill_after_s is not None:
        child.stdout.readline()
        threading.Event().wait(kill_after_s)
        child.send_signal(signal.SIGKILL)
    lines = child.stdout.read().split()
    child.stdout.close()
    code = child.wait(400)
    assert code in (0, -signal.SIGKILL)
    return "done" in lines


def contents(home: Path) -> list[tuple[object, ...]]:
    """Every document with its passages, and whether each has its vector."""
    with closing(sqlite3.connect(home / "mastra.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute(
            "SELECT d.name, d.state, d.sha256, p.position, p.start_char, p.end_char, p.embedded, v.passage_id IS NOT NULL"
            " FROM documents d JOIN passages p ON p.document_seq = d.seq"
            " LEFT JOIN passage_vectors v ON v.passage_id = p.id"
            " WHERE d.deleted_at IS NULL ORDER BY d.name, p.position"
        ).fetchall()


async def found_by_both(home: Path) -> int:
    """How many passages the index of meanings holds; a search by each side finds something."""
    async with core_over(home) as core:
        (collection,) = await core.knowledge.collections()
        for mode in SearchMode:
            assert (await core.knowledge.search([collection.id], "water storage hours", mode=mode)).hits
        return collection.embedded


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_9_while_adding(tmp_path: Path) -> None:
    """50 kills while 200 mixed files are added: the same documents and passages as without any."""
    make_files(tmp_path / "files", 200)
    assert run(tmp_path / "calm", tmp_path / "files", None)
    chance = random.Random(50)
    kills = 0
    while kills < 50:
        kills += 1
        if run(tmp_path / "killed", tmp_path / "files", chance.uniform(0.05, 1.6)):
            break  # done before its time: the kills that are left would meet nothing
    assert kills >= 20
    assert run(tmp_path / "killed", tmp_path / "files", None)
    calm, killed = contents(tmp_path / "calm"), contents(tmp_path / "killed")
    assert calm == killed
    assert all(row[1] == "ready" and row[6] and row[7] for row in killed)
    assert asyncio.run(found_by_both(tmp_path / "killed")) == len(killed)
