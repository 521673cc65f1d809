"""Answers a second through the HTTP API: `python -m tests.bench.bench_api`.

`serve` is a process of its own, the 32 clients are another one, and so is the stand-in. Each client asks
again as soon as it is answered, over one connection: from the cache, then without it, each turn kept in a
conversation. The floor is a bare Starlette application on the same server that answers with JSON, in the
same run. With --full each runs four times as long; with --profile, the server's own time is listed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.measuring import ROOT, environment, percentile, stand_in, tell
from tests.cores import make_home

CLIENTS = 32
SECONDS = 3.0
ROUNDS = 3
BARE = """
import asyncio, socket, sys, orjson, uvicorn, uvloop
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def answer(request):
    asked = orjson.loads(await request.body())
    return Response(orjson.dumps({"choices": [{"message": {"content": "Hello " * 20}}], "n": len(asked)}),
                    media_type="application/json")
listener = socket.socket(); listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
app = Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])
server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", http="httptools"))
uvloop.run(server.serve([listener]))
"""


@contextmanager
def bare() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def served(home: Path, *, profile: bool = False) -> Iterator[tuple[str, str]]:
    """(url, token)"""
    env = environment(home)
    made = subprocess.run(
        [sys.executable, "-m", "mastra_desktop", "tokens", "create", "--role", "operator"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    ready = home / "ready.json"
    command = [sys.executable, "-m", "mastra_desktop", "serve", "--ready-file", str(ready)]
    if profile:
        command[1:2] = ["-m", "cProfile", "-o", str(home / "profile"), "-m"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            threading.Event().wait(0.05)
        yield json.loads(ready.read_text())["url"], made.stdout.strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    if profile:
        import pstats

        pstats.Stats(str(home / "profile")).sort_stats("tottime").print_stats(45)


def load(url: str, token: str, body: dict[str, Any], seconds: float) -> tuple[float, list[float], int]:
    """(answers a second, each one's milliseconds, how many failed), measured in a process of their own."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.bench_api",
        "--clients",
        url,
        token,
        str(seconds),
        str(CLIENTS),
    ]
    done = subprocess.run(
        command,
        input=json.dumps(body),
        env=os.environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["rate"], found["times"], found["failed"]


async def clients(url: str, token: str, seconds: float, count: int) -> None:
    """Raw HTTP, so that the clients cost little."""
    body = sys.stdin.read().encode()
    host, port = url.removeprefix("http://").split(":")
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    times: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(host, int(port))
        while (began := time.perf_counter()) < end:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            failed += not head.startswith(b"http/1.1 200")
            times.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    rate = len(times) / (time.perf_counter() - began)
    print(json.dumps({"rate": rate, "times": times, "failed": failed}))


def main(seconds: float, *, profile: bool) -> None:
    asked: dict[str, Any] = {"model": "work/normal", "messages": [{"role": "user", "content": "Hello"}]}
    bodies = {
        "from the cache": asked | {"temperature": 0},
        "not cached": asked | {"cache": False},
        "not cached, turns kept": asked | {"cache": False, "store": True},
    }
    found: dict[str, list[tuple[float, list[float], int]]] = {}
    with (
        stand_in("--pieces", "1") as base_url,
        tempfile.TemporaryDirectory() as folder,
        served(make_home(Path(folder), base_url), profile=profile) as (url, token),
        bare() as floor_url,
    ):
        for body in bodies.values():
            load(url, token, body, 1)
        for _ in range(ROUNDS):
            found.setdefault("floor", []).append(load(floor_url, token, asked, seconds / 2))
            for name, body in bodies.items():
                found.setdefault(name, []).append(load(url, token, body, seconds))
    floor = sorted(rate for rate, _, _ in found["floor"])[ROUNDS // 2]
    for name, least in (("from the cache", 1000), ("not cached", None), ("not cached, turns kept", 500)):
        rounds = found[name]
        rate = sorted(rate for rate, _, _ in rounds)[ROUNDS // 2]
        times = [t for _, each, _ in rounds for t in each]
        tell(f"api, {name}", rate, "answers/s", floor=floor, least=least / floor if least else None)
        tell(f"api, {name}, P50", percentile(times, 0.5), "ms")
        tell(f"api, {name}, P99", percentile(times, 0.99), "ms", limit=100)
        failed = sum(failed for _, _, failed in rounds)
        tell(f"api, {name}, failed", 100 * failed / len(times), "%", limit=0.1)


if __name__ == "__main__":
    if "--clients" in sys.argv:
        asyncio.run(clients(sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5])))
    else:
        main(SECONDS * (4 if "--full" in sys.argv else 1), profile="--profile" in sys.argv)
