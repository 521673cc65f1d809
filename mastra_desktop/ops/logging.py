"""The log: JSON lines in `logs/mastra.log`, rotated, with one id per operation and without secrets.

    log = get_logger(__name__)
    with operation("reply"):
        log.info("reply settled", message_id=id)

Records go through the standard library, so those of other packages (from WARNING up) end up in the same
file. Each is completed where it was made, and written by one thread: no caller waits for a disk, and a
full disk never fails one.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from random import getrandbits
from typing import TYPE_CHECKING, Any

from mastra_desktop.ops.redaction import REMOVED, is_secret_name, redact

if TYPE_CHECKING:
    from mastra_desktop.ops.config import LoggingConfig

PACKAGE = "mastra_desktop"
FILE_NAME = "mastra.log"
_MOST_WAITING = 10_000  # records; a burst beyond that is counted, not kept
_GATHER_S = 0.1  # from the first waiting record to the file
_to_json = json.JSONEncoder(ensure_ascii=False).encode

_operation: ContextVar[tuple[str, str]] = ContextVar("operation", default=("", ""))

# Without a log (a library call, a command that only reads) nothing of ours goes to stderr.
logging.getLogger(PACKAGE).addHandler(logging.NullHandler())


@contextmanager
def operation(name: str) -> Iterator[str]:
    """Gives all records inside, also those of tasks started inside, one random id (yielded).

    It is also the id of the operation's trace, with 16 bytes as OpenTelemetry wants. Inside another
    operation the outer id stays, so that one click is one id down to the row.
    """
    outer_id, _ = _operation.get()
    operation_id = outer_id or f"{getrandbits(128):032x}"  # no secret: the system's cost 20 us
    token = _operation.set((operation_id, name))
    try:
        yield operation_id
    finally:
        _operation.reset(token)


def current_operation() -> str:
    """The id of the operation this code runs in; empty outside of one."""
    return _operation.get()[0]


class Logger:
    """Takes what happened in a few fixed words, and its facts by name."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **facts: object) -> None:
        self._log(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        self._log(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._log(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._log(logging.ERROR, event, facts)

    def exception(self, event: str, **facts: object) -> None:
        """An error, with the traceback of the exception being handled."""
        self._log(logging.ERROR, event, facts, exc_info=True)

    def _log(self, level: int, event: str, facts: dict[str, object], exc_info: bool = False) -> None:
        if not self._logger.isEnabledFor(level):
            return
        if exc_info:
            self._logger.log(level, "%s", event, exc_info=True, extra={"facts": facts})
            return
        # Made here: the library would look for the caller's file and line, which no line of the log has.
        record = logging.LogRecord(self._logger.name, level, "", 0, event, None, None)
        record.__dict__["facts"] = facts
        self._logger.handle(record)


def get_logger(name: str) -> Logger:
    """The logger of a module: `get_logger(__name__)`. Silent until `setup_logging`."""
    return Logger(name)


class Log:
    """The open log file. `lost` counts records that could not be written."""

    def __init__(self, folder: Path, settings: LoggingConfig, clean: Callable[[str], str] = redact) -> None:
        self.file = folder / FILE_NAME
        self._writer = _FileWriter(self.file, settings, clean)
        waiting: queue.Queue[Any] = queue.Queue(_MOST_WAITING)
        self._handler = _Completer(waiting, self._writer)
        self._listener = _Listener(waiting, self._writer)
        self._root = logging.getLogger()
        self._ours = logging.getLogger(PACKAGE)
        self._levels_before = (self._root.level, self._ours.level)
        self._root.setLevel(logging.WARNING)
        self._root.addHandler(self._handler)
        self.set_level(settings.level)
        self._listener.start()

    @property
    def lost(self) -> int:
        return self._writer.lost

    def set_level(self, level: str) -> None:
        """From which level our own records are kept, such as `INFO`."""
        self._ours.setLevel(level)

    def close(self) -> None:
        """Writes what is waiting and closes the file. Safe to call twice."""
        if self._handler not in self._root.handlers:
            return
        self._root.removeHandler(self._handler)
        self._root.setLevel(self._levels_before[0])
        self._ours.setLevel(self._levels_before[1])
        self._listener.stop()
        self._handler.close()
        self._writer.close()


@contextmanager
def setup_logging(
    folder: Path, settings: LoggingConfig, clean: Callable[[str], str] = redact
) -> Iterator[Log]:
    """Logs into `folder` (which exists) for as long as the block runs. `clean` takes secrets out of text."""
    log = Log(folder, settings, clean)
    try:
        yield log
    finally:
        log.close()


class _Completer(QueueHandler):
    """Runs on the caller's thread: adds what only it knows, and drops every object that may not leave it."""

    def __init__(self, waiting: queue.Queue[Any], writer: _FileWriter) -> None:
        super().__init__(waiting)
        self._writer = writer

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        facts = {name: _plain(value) for name, value in getattr(record, "facts", {}).items()}
        trace = record.exc_text or ""
        if record.exc_info and not trace:
            trace = logging.Formatter().formatException(record.exc_info)
        made = record
        if record.args or record.exc_info or trace or not isinstance(record.msg, str):
            text = record.getMessage()
            made = logging.LogRecord(
                record.name, record.levelno, record.pathname, record.lineno, text, None, None
            )
            made.created = record.created
        operation_id, operation_name = _operation.get()
        made.__dict__["facts"] = facts | {
            name: value
            for name, value in (("op", operation_id), ("operation", operation_name), ("exception", trace))
            if value
        }
        return made

    def handleError(self, record: logging.LogRecord) -> None:
        self._writer.lose(record)


class _Listener(QueueListener):
    """Writes in the pauses of the work: woken for each record, it would take turns with whoever made it."""

    def __init__(self, waiting: queue.Queue[Any], writer: logging.Handler) -> None:
        super().__init__(waiting, writer)
        self._waiting = waiting
        self._ending = threading.Event()

    def dequeue(self, block: bool) -> Any:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            record = self._waiting.get(block)
            self._ending.wait(_GATHER_S)
            return record

    def enqueue_sentinel(self) -> None:
        self._ending.set()
        self._waiting.put(None)  # waits for room, where the base class would fail on a full queue


class _FileWriter(RotatingFileHandler):
    """Renders and writes; trouble with the disk is counted and told once on stderr."""

    def __init__(self, file: Path, settings: LoggingConfig, clean: Callable[[str], str]) -> None:
        super().__init__(
            file,
            maxBytes=settings.max_bytes,
            backupCount=settings.backups,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
        self._clean_text = clean
        self.lost = 0

    def format(self, record: logging.LogRecord) -> str:
        """The base class asks twice: for the length, which may rotate the file, and for the line."""
        line: str = record.__dict__.get("line") or self._line(record)
        record.__dict__["line"] = line
        return line

    def _line(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            **self._clean(record.__dict__["facts"]),
            "event": self._clean(record.getMessage()),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        return _to_json(line)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, dict):
            return {k: REMOVED if v and is_secret_name(k) else self._clean(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._clean(item) for item in value]
        return value

    def handleError(self, record: logging.LogRecord) -> None:
        self.lose(record)
        stream, self.stream = self.stream, None  # opened anew for the next one
        _close_quietly(stream)

    def lose(self, record: logging.LogRecord) -> None:
        if not self.lost:
            print(f"The log cannot be written: {sys.exc_info()[1]}", file=sys.stderr)
        self.lost += 1

    def close(self) -> None:
        stream, self.stream = self.stream, None  # as the base class does
        _close_quietly(stream)
        super().close()


def _close_quietly(stream: Any) -> None:
    if stream is not None:
        try:
            stream.close()
        except OSError:
            return  # what a full disk did not take is lost, and was counted


def _plain(value: object) -> object:
    """A copy that another thread may read: JSON's types, anything else as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
