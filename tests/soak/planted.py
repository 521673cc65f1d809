"""The detector on a leak that was planted, and on the same without one: `python -m tests.soak.planted`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.cores import make_home
from tests.soak.leak import Growth, growth
from tests.soak.ledger import Ledger
from tests.soak.load import Load
from tests.soak.places import Provider, Served

PLANTED_BYTES = 1024
WARM_UP_S = 65.0  # a breaker and a minute of figures remember so long
GROUPS = 32
IN_A_GROUP = 20


async def grown(folder: Path, planted_bytes: int) -> Growth:
    """What 620 answers leave behind in a `serve` that leaks `planted_bytes` with each."""
    folder.mkdir(parents=True)
    with Provider(folder / "provider") as provider:
        home = make_home(folder, provider.base_url)
        async with Served(folder, home, SOAK_PLANT=str(planted_bytes)) as served:
            load = Load("planted", [served], Ledger(), folder, model=False)
            try:
                until = time.monotonic() + WARM_UP_S
                while time.monotonic() < until:
                    await _group(load)
                load.forget_samples()
                for _ in range(GROUPS):
                    await _group(load)
            finally:
                await load.aclose()
            if failed := load.failed():
                raise RuntimeError(f"answers failed: {failed[:3]}")
    found = growth(load.samples[0])
    assert found is not None
    return found


async def _group(load: Load) -> None:
    for _ in range(IN_A_GROUP):
        await load.once(["answer"])
    await load.sample()


async def check(folder: Path) -> dict[str, Any]:
    """`found`: whether the detector tells the leak from its absence."""
    with_leak, without = await asyncio.gather(
        grown(folder / "planted", PLANTED_BYTES), grown(folder / "unplanted", 0)
    )
    return {
        "found": with_leak.leaks and not without.leaks,
        "planted_bytes": PLANTED_BYTES,
        "operations": with_leak.operations,
        "with_leak": [round(with_leak.per_operation, 1), round(with_leak.at_least, 1)],
        "without": [round(without.per_operation, 1), round(without.at_least, 1)],
    }


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mastra-soak-") as folder:
        found = asyncio.run(check(Path(folder)))
    print(found)
    return 0 if found["found"] else 1


if __name__ == "__main__":
    sys.exit(main())
