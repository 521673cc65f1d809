"""`python -m mastra_desktop`: finds out what is wanted before it imports anything heavy."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

# Of cli.py, which takes a while to import; a test holds them together.
COMMANDS = frozenset(
    "ask audit backup config conversations database doctor keys knowledge restore serve tokens".split()  # noqa: SIM905
)


def main(argv: list[str] | None = None) -> int:
    """Runs the window (nothing given, or files to open), a child process, or a command. The exit code."""
    args = sys.argv[1:] if argv is None else argv
    if args[:1] == ["_model-host"]:
        from mastra_desktop.providers.model_host import main as run_model_host

        return run_model_host()
    if args[:1] == ["_embed-host"]:
        from mastra_desktop.providers.embedding_host import main as run_embedding_host

        return run_embedding_host()
    if args[:1] == ["_read-host"]:
        from mastra_desktop.ingest.read_host import main as run_read_host

        return run_read_host()
    if args[:1] == ["_vectors-host"]:
        from mastra_desktop.store.vectors_host import main as run_vectors_host

        return run_vectors_host()
    files = _files(args)
    if files or not args:
        from mastra_desktop.app import run_window

        _end_now(run_window(files))
    from mastra_desktop.cli import run_command

    return run_command(args)


def _files(args: list[str]) -> list[str]:
    """Absolute paths, when all that was given exist as files or folders, and the first is no command."""
    if args[:1] and args[0] not in COMMANDS and all(os.path.exists(arg) for arg in args):
        return [os.path.abspath(arg) for arg in args]
    return []


def _end_now(code: int) -> NoReturn:
    """Ends the process without taking Python apart: icons that are collected after Qt's application is
    gone crash there. Everything is closed and stored by now."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
