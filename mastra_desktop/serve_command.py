"""`mastra-desktop serve`: the core and its HTTP API without a window, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.command_line import LoopFactory, over_core
from mastra_desktop.domain.errors import StorageError
from mastra_desktop.ops import garbage

if TYPE_CHECKING:
    from mastra_desktop.core import Core


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="gets {url, pid} once requests are answered, and goes at the end",
    )
    run = over_core(_serve, purpose="serve", access="own", loop_factory=_loop_factory)
    parser.set_defaults(run=run, json=False)


async def _serve(core: Core, args: argparse.Namespace) -> int:
    ended = asyncio.Event()

    def end() -> None:
        if ended.is_set():
            core.shutdown.hurry()
        ended.set()

    with suppress(NotImplementedError):  # Windows has no SIGTERM to wait for
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    url = await core.api.serve()
    await core.knowledge.start()
    garbage.look_less()
    with _ready_file(args.ready_file, url):
        print(f"Mastra Desktop answers at {url}", flush=True)
        if not await core.tokens.all():
            print(
                "No token has been made yet: mastra-desktop tokens create --role operator",
                file=sys.stderr,
            )
        await ended.wait()
    return 0


def _loop_factory() -> LoopFactory | None:
    """The faster loop, where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextmanager
def _ready_file(file: Path | None, url: str) -> Iterator[None]:
    """It is there, whole, as long as the block runs. Raises StorageError."""
    if file is None:
        yield
        return
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(
            f"The file {file} cannot be written: {error.strerror or error}.",
            hint="Name another one with --ready-file.",
            detail=str(error),
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
