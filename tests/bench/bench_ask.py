"""From the start of `mastra-desktop ask` to its first piece: `python -m tests.bench.bench_ask`.

The floor is a script that does nothing but stream with plain httpx. Both are processes of their own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measuring import environment, stand_in, tell
from tests.cores import make_home

ROUNDS = 9
BARE = """
import asyncio, json, sys, httpx
async def main():
    async with httpx.AsyncClient(timeout=120) as client:
        body = {"model": "normal", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
        async with client.stream("POST", sys.argv[1] + "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    print(json.loads(line[6:])["choices"][0]["delta"]["content"], flush=True)
                    break
asyncio.run(main())
"""


def first_piece_s(command: list[str], home: Path) -> float:
    """Seconds from the start of the process to the first byte it prints."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(home))
    if process.stdout is None or not process.stdout.read(1):
        raise RuntimeError(f"{command[:3]} printed nothing")
    took = time.perf_counter() - began
    process.stdout.read()
    process.stdout.close()
    process.wait(10)
    return took


def main(rounds: int) -> None:
    ask = [sys.executable, "-m", "mastra_desktop", "ask", "--model", "work/normal", "Hello"]
    times: dict[str, list[float]] = {"bare": [], "fresh": [], "ours": []}
    with stand_in() as base_url, tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), base_url)
        for number in range(rounds + 1):
            fresh = Path(folder) / str(number)
            fresh.mkdir()
            found = {
                "bare": first_piece_s([sys.executable, "-c", BARE, base_url], home),
                "fresh": first_piece_s(ask, make_home(fresh, base_url)),
                "ours": first_piece_s(ask, home),
            }
            if number:  # the first one fills the disk cache
                for name, seconds in found.items():
                    times[name].append(seconds)
    middle = {name: statistics.median(values) for name, values in times.items()}
    tell("ask to the first piece", middle["ours"], "s", floor=middle["bare"], limit=0.8)
    tell("ask to the first piece, new data home", middle["fresh"], "s", floor=middle["bare"])


if __name__ == "__main__":
    main(ROUNDS * (3 if "--full" in sys.argv else 1))
