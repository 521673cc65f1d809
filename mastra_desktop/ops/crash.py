"""What is left when the app breaks: one file per crash in `logs/crashes/`, on this machine only.

Python's unhandled exceptions (in any thread) are written with the end of the log; a crash in native code
leaves what `faulthandler` could write. Secrets are taken out of both. Nothing is ever sent anywhere.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from mastra_desktop import __version__
from mastra_desktop.ops.logging import FILE_NAME
from mastra_desktop.ops.redaction import redact

FOLDER = "crashes"
KEPT = 20
LOG_LINES = 60
_RUNNING = "running.json"  # there while the app runs; left behind when it ended without closing
_NATIVE = "native.txt"  # what faulthandler writes into


@dataclass(frozen=True, slots=True)
class Ended:
    """How the run before ended, when that was not in order. `report` is the file that tells, if any."""

    folder: Path
    report: Path | None
    at: float  # seconds since the epoch: when that run began


class CrashReporter:
    """`clean` takes secrets out of text."""

    def __init__(self, logs: Path, clean: Callable[[str], str] = redact) -> None:
        self.folder = logs / FOLDER
        self.clean = clean
        self._log = logs / FILE_NAME
        self._lock = threading.Lock()

    def write(self, where: str, error: BaseException) -> Path | None:
        """Reports an exception that nobody handled; None when the disk does not take it. For any thread."""
        trace = "".join(traceback.format_exception(error))
        return self._write(where, trace)

    def ended_before(self) -> Ended | None:
        """Tells of a run before that did not end in order, once, and makes its native trace a report."""
        mark, native = self.folder / _RUNNING, self.folder / _NATIVE
        if not mark.exists():
            return None
        began = mark.stat().st_mtime
        with suppress(OSError, ValueError, KeyError):
            said = json.loads(mark.read_text("utf-8"))
            began = float(said["began"])
        report: Path | None = None
        with suppress(OSError):
            trace = native.read_text("utf-8", "replace") if native.exists() else ""
            if trace.strip():
                report = self._write("native code", trace)
        if report is None:
            newest = max(self.folder.glob("crash-*.txt"), default=None)
            report = newest if newest is not None and newest.stat().st_mtime >= began else None
        for path in (mark, native):
            path.unlink(missing_ok=True)
        return Ended(self.folder, report, began)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, what nobody handles is reported. Who has the data home owns the mark that it runs."""
        hooks = sys.excepthook, threading.excepthook
        native = None
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark = {"pid": os.getpid(), "began": datetime.now(UTC).timestamp(), "version": __version__}
            (self.folder / _RUNNING).write_text(json.dumps(mark), "utf-8")
            native = (self.folder / _NATIVE).open("w", encoding="utf-8")
            faulthandler.enable(native)

        def unhandled(
            kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
        ) -> None:
            if error is not None and not issubclass(kind, KeyboardInterrupt):
                self.write("main thread", error)
            hooks[0](kind, error or kind(), trace)

        def in_thread(args: Any) -> None:
            if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
                self.write(f"thread {args.thread.name if args.thread else '?'}", args.exc_value)
            hooks[1](args)

        sys.excepthook, threading.excepthook = unhandled, in_thread
        in_order = False
        try:
            yield
            in_order = True
        except Exception as error:
            self.write("main thread", error)
            raise
        finally:
            sys.excepthook, threading.excepthook = hooks[0], hooks[1]
            if native is not None:
                faulthandler.disable()
                native.close()
            if in_order:
                for name in (_RUNNING, _NATIVE):
                    with suppress(OSError):
                        (self.folder / name).unlink(missing_ok=True)

    def _write(self, where: str, trace: str) -> Path | None:
        at = datetime.now(UTC)
        parts = [
            f"Mastra Desktop {__version__} ended unexpectedly, or a part of it did.",
            f"Time: {at.isoformat(timespec='seconds')}",
            f"Where: {where}",
            f"System: {platform.platform()}, Python {platform.python_version()}",
            "This file stays on this computer. Keys are taken out of it.",
            "",
            self.clean(trace).rstrip(),
            "",
            "The end of the log:",
            *self._end_of_log(),
        ]
        with self._lock:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = self.folder / f"crash-{at.strftime('%Y%m%d-%H%M%S-%f')}.txt"
                path.write_text("\n".join(parts) + "\n", "utf-8", "backslashreplace")
                for old in sorted(self.folder.glob("crash-*.txt"))[:-KEPT]:
                    old.unlink(missing_ok=True)
            except OSError:
                return None
        return path

    def _end_of_log(self) -> list[str]:
        try:
            with self._log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 64_000))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ["(there is none)"]
        return [self.clean(line) for line in lines[-LOG_LINES:]]
