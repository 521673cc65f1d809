"""What the benchmarks share: the stand-in as a process of its own, and one line of JSON per figure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tell(
    name: str,
    value: float,
    unit: str,
    *,
    floor: float | None = None,
    most: float | None = None,
    least: float | None = None,
    limit: float | None = None,
) -> None:
    """Prints a figure. `most`, `least`: how many times the `floor` it may, must be; `limit`: what it may be by itself."""
    ratio = value / floor if floor else None
    good = (most is None or (ratio is not None and ratio <= most)) and (limit is None or value <= limit)
    good = good and (least is None or floor is None or value >= least * floor)
    allowed: str | float | None = limit
    if most is not None or least is not None:
        allowed = f"{most} x floor" if most is not None else f"at least {least} x floor"
    line = {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "floor": None if floor is None else round(floor, 3),
        "ratio": None if ratio is None else round(ratio, 2),
        "limit": allowed,
        "ok": good,
    }
    print(json.dumps(line), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def stand_in(*options: str) -> Iterator[str]:
    """The scripted provider in another process; gives its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", "tests.fakes", "--port-file", str(port_file), *options]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            while not port_file.exists():
                threading.Event().wait(0.02)
            yield f"http://127.0.0.1:{port_file.read_text()}/v1"
        finally:
            process.terminate()
            process.wait(5)


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"MASTRA_HOME": str(home)}
