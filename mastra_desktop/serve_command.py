"""`mastra-desktop serve`: the core and its HTTP API without a window, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.ops import garbage
from mastra_desktop.paths import Paths

if TYPE_CHECKING:
    from mastra_desktop.core import Access, Core

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class WithCore(Protocol):
    """Runs a coroutine over an open core."""

    def __call__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        run: Callable[[Core], Awaitable[int]],
        *,
        purpose: str = ...,
        access: Access = ...,
        loop_factory: LoopFactory | None = ...,
    ) -> int: ...


class ServeCommand:
    def __init__(self, with_core: WithCore) -> None:
        self._with_core = with_core

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--ready-file",
            type=Path,
            metavar="FILE",
            help="gets {url, pid} once requests are answered, and goes at the end",
        )
        parser.set_defaults(run=self._serve, json=False)

    def _serve(self, args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
        async def run(core: Core) -> int:
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

        return self._with_core(
            paths, environ, run, purpose="serve", access="own", loop_factory=_loop_factory()
        )


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
