"""What every command stands on: the core under it, its exit codes, and how it prints."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.ops.logging import operation
from mastra_desktop.ops.shutdown import LastResort
from mastra_desktop.paths import Paths
from mastra_desktop.services.as_json import error_json

if TYPE_CHECKING:
    from mastra_desktop.core import Access, Core

DONE, FAILED, CONFIG_REFUSED, INTERRUPTED = 0, 1, 3, 130

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
Work = Callable[["Core", argparse.Namespace], Coroutine[Any, Any, int]]
Run = Callable[[argparse.Namespace, Paths, Mapping[str, str]], int]


def over_core(
    work: Work,
    *,
    purpose: str = "read",
    access: Access = "read",
    loop_factory: Callable[[], LoopFactory | None] = lambda: None,
) -> Run:
    """The `run` of a parser: `work(core, args)` over an open core. Its result is the exit code."""

    def run(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
        return with_core(
            paths,
            environ,
            lambda core: work(core, args),
            purpose=purpose,
            access=access,
            loop_factory=loop_factory(),
        )

    return run


def with_core(
    paths: Paths,
    environ: Mapping[str, str],
    run: Callable[[Core], Coroutine[Any, Any, int]],
    *,
    purpose: str = "read",
    access: Access = "read",
    loop_factory: LoopFactory | None = None,
) -> int:
    """Runs `run` over an open core; a command that only reads works beside the window that owns the home.

    Ctrl-C and SIGTERM cancel it, so that it can keep what it has; one more makes closing hurry up.
    """
    gc.disable()  # importing makes a lot and leaves no garbage: a tenth of the start-up
    from mastra_desktop.core import open_core

    gc.enable()
    gc.freeze()

    last_resort = LastResort()
    opened: list[Core] = []

    async def main() -> int:
        task = asyncio.current_task()

        def end() -> None:
            last_resort.arm(INTERRUPTED)
            if task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows: asyncio.run cancels for Ctrl-C by itself
                asyncio.get_running_loop().add_signal_handler(number, end)
        try:
            with operation(purpose):
                async with open_core(paths, environ, purpose=purpose, access=access) as core:
                    opened.append(core)
                    code = FAILED
                    try:
                        code = await asyncio.shield(core.shutdown.start(run(core)))
                        return code
                    finally:
                        last_resort.arm(code)
        except asyncio.CancelledError:
            return INTERRUPTED

    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(main())
    finally:
        if not any(core.shutdown.hangs for core in opened):
            last_resort.disarm()


def print_error(error: ErrorInfo, *, as_json: bool) -> None:
    if as_json:
        print_json({"error": error_json(error)})
    else:
        print(" ".join(part for part in (error.message, error.hint) if part), file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)
