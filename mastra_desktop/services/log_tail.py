"""The newest lines of the log, read from the end of the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mastra_desktop.domain.telemetry import LogLine

LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_BYTES = 4 * 1024**2  # of each file that are looked through
_BLOCK = 64 * 1024
_OWN = ("time", "event", "level", "logger", "op")


def tail(file: Path, *, level: str = "debug", text: str = "", limit: int = 200) -> list[LogLine]:
    """The newest `limit` lines from `level` up that contain `text` in any field, oldest first.

    `text` may be an operation's id. The file before this one (rotated) is looked at when this one is short.
    A line that is none is left out; a missing file has no lines.
    """
    least = LEVELS.index(level) if level in LEVELS else 0
    wanted = text.casefold().encode()
    found: list[LogLine] = []
    for source in (file, file.with_name(file.name + ".1")):
        for raw in _backwards(source):
            if wanted and wanted not in raw.decode("utf-8", "replace").casefold().encode():
                continue
            line = _parsed(raw)
            if line is None or (line.level in LEVELS and LEVELS.index(line.level) < least):
                continue
            found.append(line)
            if len(found) >= limit:
                return found[::-1]
    return found[::-1]


def _backwards(file: Path) -> Iterator[bytes]:
    """The lines of a file, last first, as far as MOST_BYTES reach."""
    try:
        opened = file.open("rb")
    except OSError:
        return
    with opened:
        place = end = opened.seek(0, 2)
        rest = b""
        while place > 0 and end - place < MOST_BYTES:
            size = min(_BLOCK, place)
            place -= size
            opened.seek(place)
            first, *lines = (opened.read(size) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest = first
        if place == 0 and rest:
            yield rest


def _parsed(raw: bytes) -> LogLine | None:
    try:
        line: Any = json.loads(raw)
        at = datetime.fromisoformat(line["time"]).timestamp()
        facts = {name: _text(value) for name, value in line.items() if name not in _OWN}
        logger = str(line["logger"]).removeprefix("mastra_desktop.")
        return LogLine(at, str(line["level"]), logger, str(line["event"]), str(line.get("op", "")), facts)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
