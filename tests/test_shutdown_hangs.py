"""Closing while something hangs: a real `serve` with real children, of which one, or all, do not answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from mastra_desktop.ops.logging import FILE_NAME
from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.redis_server import PROGRAM, RedisServer
from tests.test_cli import command, environment, run
from tests.test_cli_serve import Served, create

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
WITHIN_S = 5.0


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture(scope="module")
def template(server: ScriptedProvider, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data home with one document whose meaning is indexed, and a token."""
    folder = tmp_path_factory.mktemp("hangs")
    home = make_home(folder, server.base_url)
    (folder / "tea.txt").write_text("Green tea is steeped for two minutes.\n")
    code, _, err = run(home, "knowledge", "add", "Kitchen", str(folder / "tea.txt"))
    assert code == 0, err
    return home, create(home)


@dataclass
class Scene:
    """A `serve` with an answer under way and its children at work."""

    home: Path
    served: Served
    redis: RedisServer | None
    seen: str = ""

    def child(self, kind: str) -> psutil.Process:
        return _child(self.served.process.pid, kind)


def hold(kind: str) -> Callable[[Scene], None]:
    return lambda scene: scene.child(kind).send_signal(signal.SIGSTOP)


def hold_redis(scene: Scene) -> None:
    assert scene.redis
    scene.redis.hold(still=True)


def nothing(_: Scene) -> None:
    """What hangs does so from the start."""


HANGING: dict[str, Callable[[Scene], None]] = {
    "provider": nothing,
    "keyring": nothing,
    "log": nothing,
    "vectors": hold("_vectors-host"),
    "embedder": hold("_embed-host"),
    "redis": hold_redis,
}


@pytest.mark.parametrize("what", [*HANGING, "everything"])
def test_whatever_hangs(what: str, template: tuple[Path, str], tmp_path: Path) -> None:
    """It ends within 5 s with 0; the text that was seen is kept, no child is left, and the log names what
    was cut off. The provider hangs in every case: it has gone silent in mid-answer."""
    if what in ("redis", "everything") and PROGRAM is None:
        pytest.skip("redis-server is not installed")
    home, token = tmp_path / "home", template[1]
    shutil.copytree(template[0], home)
    hanging = HANGING if what == "everything" else {what: HANGING[what]}
    if what == "log":
        log = home / "logs" / FILE_NAME
        log.unlink(missing_ok=True)
        log.symlink_to("/dev/full")
    with ExitStack() as stack:
        more = {}
        if "keyring" in hanging:
            more["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={stack.enter_context(_Silent(tmp_path)).path}"
        redis = stack.enter_context(RedisServer(tmp_path)) if "redis" in hanging else None
        if redis is not None:
            more["MASTRA_CACHE__REDIS_URL"] = redis.url
        served = Served(home, **more)
        stack.callback(served.process.kill)
        scene = Scene(home, served, redis)
        client = stack.enter_context(
            httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60)
        )
        _search(client, served.url)
        children = [scene.child("_vectors-host"), scene.child("_embed-host")]
        answer = _begin_answer(client, served.url, scene)
        for still in hanging.values():
            still(scene)
        code, took_s, _, err = served.end()
        answer.join(10)
    print(f"{what}: closed in {took_s:.2f} s")
    assert code == 0, err
    assert took_s < WITHIN_S
    assert not _left(children)
    with closing(sqlite3.connect(home / "mastra.db")) as database:
        kept = database.execute("SELECT state, text FROM messages WHERE role = 'assistant'").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert kept == [("stopped", scene.seen)]
    if what == "log":
        assert "The log cannot be written" in err
        return
    cut_off = set(_closed(home).get("cut_off", ())) - {"audit"}  # that depends on when the keyring hung
    assert cut_off == {"vectors", "embedder"} & set(hanging)


def test_a_log_that_takes_nothing(template: tuple[Path, str], tmp_path: Path) -> None:
    """Where a thread hangs in the system, the process ends all the same, with its own exit code."""
    home = tmp_path / "home"
    shutil.copytree(template[0], home)
    log = home / "logs" / FILE_NAME
    log.unlink(missing_ok=True)
    os.mkfifo(log)  # to open it waits for a reader
    served = Served(home)
    code, took_s, _, _ = served.end()
    assert code == 0
    assert took_s < WITHIN_S


def test_asked_once_more(template: tuple[Path, str], tmp_path: Path) -> None:
    """A second SIGTERM ends at once, without what hangs; nothing stored is lost, no child is left."""
    home, token = tmp_path / "home", template[1]
    shutil.copytree(template[0], home)
    served = Served(home)
    scene = Scene(home, served, None)
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60) as client:
        _search(client, served.url)
        child = scene.child("_vectors-host")
        answer = _begin_answer(client, served.url, scene)
        child.send_signal(signal.SIGSTOP)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        code, took_s, _, _ = served.end()
        answer.join(10)
    assert code == 0
    assert took_s < 1.0
    assert not _left([child])
    with closing(sqlite3.connect(home / "mastra.db")) as database:
        kept = database.execute("SELECT state, text FROM messages WHERE role = 'assistant'").fetchall()
    assert kept == [("stopped", scene.seen)]


@pytest.mark.parametrize("times", [1, 2])
def test_the_window(times: int, template: tuple[Path, str], tmp_path: Path) -> None:
    """The same for the window: within 5 s with the index's process held still, at once when asked twice."""
    home = tmp_path / "home"
    shutil.copytree(template[0], home)
    window = subprocess.Popen(command(), env=environment(home, QT_QPA_PLATFORM="offscreen"))
    try:
        child = _child(window.pid, "_vectors-host")
        _wait_idle(child)  # it is open
        child.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        for _ in range(times):
            window.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        assert window.wait(10) == 0
        took_s = time.monotonic() - begun
    finally:
        window.kill()
        window.wait()
    print(f"the window, asked {times} times: closed in {took_s:.2f} s")
    assert took_s < (WITHIN_S if times == 1 else 1.5)
    assert not _left([child])
    assert _closed(home)["cut_off"] == ["vectors"]
    assert not (home / "logs" / "crashes" / "running.json").exists()


def _search(client: httpx.Client, url: str) -> None:
    """So that the embedder's and the index's processes are at work."""
    found = client.post(f"{url}/api/knowledge/Kitchen/search", json={"query": "how long"})
    assert (found.status_code, found.json()["notice"]) == (200, "")


def _begin_answer(client: httpx.Client, url: str, scene: Scene) -> threading.Thread:
    """Returns once the answer has said something and gone silent."""
    said = threading.Event()

    def ask() -> None:
        body: dict[str, Any] = {"model": "work/pause-7", "stream": True, "store": True}
        body["messages"] = [{"role": "user", "content": "Hi"}]
        with (
            suppress(httpx.HTTPError),
            client.stream("POST", f"{url}/v1/chat/completions", json=body) as response,
        ):
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    for choice in json.loads(line[6:]).get("choices", ()):
                        scene.seen += choice.get("delta", {}).get("content") or ""
                if "over the" in scene.seen:
                    said.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert said.wait(20), scene.seen
    return thread


def _closed(home: Path) -> dict[str, Any]:
    """The log's last line of closing."""
    lines = [json.loads(line) for line in (home / "logs" / FILE_NAME).read_text("utf-8").splitlines()]
    found: dict[str, Any] = [line for line in lines if line["event"] == "closed"][-1]
    return found


def _child(pid: int, kind: str) -> psutil.Process:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                if kind in process.cmdline():
                    return process
        time.sleep(0.05)
    raise AssertionError(f"no {kind} was started")


def _wait_idle(process: psutil.Process) -> None:
    """Until it has used next to nothing for a second."""
    before, until = -1.0, time.monotonic() + 60
    while time.monotonic() < until:
        used = sum(process.cpu_times()[:2])
        if used - before < 0.02:
            return
        before = used
        time.sleep(1)
    raise AssertionError("it does not come to rest")


def _left(children: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; where nobody collects orphans, a dead one stays as a zombie."""
    until = time.monotonic() + 1
    while True:
        running = []
        for child in children:
            with suppress(psutil.NoSuchProcess):
                if child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
                    running.append(child)
        if not running or time.monotonic() > until:
            return running
        time.sleep(0.02)


class _Silent:
    """A session bus that takes connections and never says anything."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bus"
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> _Silent:
        self._socket.bind(str(self.path))
        self._socket.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
