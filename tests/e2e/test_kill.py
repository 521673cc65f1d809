"""kill -9 at random moments of a session: what was acknowledged is kept."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from mastra_desktop.ops.lock import HomeLock
from tests.cores import core_over, make_home
from tests.fakes import ScriptedProvider, words

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "".join(words(40))  # 40 pieces, 40 ms apart: longer than the interval of saving
LOSS_S = 1.0


def kill_in_mid_session(home: Path, after_s: float) -> tuple[list[list[str]], float]:
    """Runs the session, kills it `after_s` seconds after its first step; its lines, and when it died."""
    command = [sys.executable, "-m", "tests.e2e.session_script", str(home)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout
    lines = [child.stdout.readline()]
    threading.Event().wait(after_s)
    child.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    lines += child.stdout.read().splitlines(keepends=True)
    child.stdout.close()
    assert child.wait(5) == -signal.SIGKILL
    return [line.split() for line in lines if line.endswith("\n")], killed_at


def check_rows(home: Path, lines: list[list[str]], killed_at: float) -> None:
    """As the dead process left it, read by nobody but SQLite."""
    with closing(sqlite3.connect(home / "mastra.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = {id: (text, state) for id, text, state in db.execute("SELECT id, text, state FROM messages")}
    for kind, id, *rest in lines:
        assert id in rows, f"{kind} {id} was acknowledged and is gone"
        if kind == "user":
            assert rows[id][0].startswith("Question ")
            assert rest[0] in rows
        elif kind == "settled":
            assert rows[id] == (ANSWER, "done")
        elif float(rest[1]) < killed_at - LOSS_S:
            assert len(rows[id][0]) >= int(rest[0]), "more than a second of text is lost"


def check_next_start(home: Path) -> int:
    """The next start takes under 5 s and marks what was cut off; how many conversations that were."""

    async def start() -> int:
        async with core_over(home) as core:
            for conversation in await core.conversations.recent():
                branch = await core.conversations.whole(conversation.id)
                assert all(m.state in ("done", "interrupted") for m in branch.messages)
            return core.interrupted

    began = time.monotonic()
    interrupted = asyncio.run(start())
    assert time.monotonic() - began < 5
    return interrupted


@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, kills: int) -> None:
    """No acknowledged row and no more than 1 s of text is lost; the file is sound, the lock is free."""
    chance = random.Random(9)
    with ScriptedProvider(pieces=40, delay_s=0.04) as server:
        home = make_home(tmp_path, server.base_url)
        interrupted = 0
        for _ in range(kills):
            lines, killed_at = kill_in_mid_session(home, chance.uniform(0, 1.7 if kills > 1 else 2.5))
            assert lines
            HomeLock.acquire(home, "test").release()
            check_rows(home, lines, killed_at)
            interrupted += check_next_start(home)
        assert interrupted > kills // 2
        assert server.wait_until("closed")
