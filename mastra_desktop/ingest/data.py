"""JSON, lines of JSON, and notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, clean, counted
from mastra_desktop.ingest.encodings import decode
from mastra_desktop.ingest.markdown import markdown_as_written
from mastra_desktop.ingest.plain import text_as_written

_SHORT = 300  # characters: a value this long stays on one line
_LINE_SUFFIXES = (".jsonl", ".ndjson")


def read_json(asked: Asked) -> ReadText:
    """A block per entry, as indented lines of "name: value". What is no JSON is read as text."""
    text = decode(asked.path.read_bytes())
    if asked.path.suffix.lower() in _LINE_SUFFIXES:
        return _lines(text)
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and lines[0].startswith("{") and lines[1].startswith("{"):
            return _lines(text)
        return text_as_written(text)
    builder = TextBuilder()
    entries: list[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, dict):
        entries = [{name: part} for name, part in value.items()]
    try:
        for entry in entries:
            builder.add(BlockKind.PARAGRAPH, "\n".join(_shown(entry)))
    except RecursionError:
        return text_as_written(text)
    return builder.done(summary=counted(len(entries), "entry", "entries"))


def _lines(text: str) -> ReadText:
    builder = TextBuilder()
    number = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        number += 1
        try:
            shown = "\n".join(_shown(_parse(line)))
        except (ValueError, RecursionError):
            shown = line  # a broken line is still worth finding
        builder.add(BlockKind.PARAGRAPH, shown)
    return builder.done(summary=counted(number, "entry", "entries"))


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)  # numbers as they are written


def _shown(value: Any, indent: str = "") -> Iterator[str]:
    """Indented lines, like a list a person would write."""
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, dict | list) and part and len(str(part)) > _SHORT:
                yield f"{indent}{name}:"
                yield from _shown(part, indent + "  ")
            else:
                yield f"{indent}{name}: {_flat(part)}"
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict | list):
                yield from _shown(part, indent + "  ")
            else:
                yield f"{indent}- {_flat(part)}"
    else:
        yield f"{indent}{_flat(value)}"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_flat(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(part) for part in value)
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def read_notebook(asked: Asked) -> ReadText:
    """Cells in order: Markdown with its structure, code, and what it printed."""
    text = decode(asked.path.read_bytes())
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return text_as_written(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return read_json(asked)
    builder = TextBuilder()
    title = ""
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        source = _joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            read = markdown_as_written(source)
            title = title or read.title
            builder.add_read(read)
        else:
            builder.add(BlockKind.CODE, source)
            for printed in _outputs(cell.get("outputs")):
                builder.add(BlockKind.CODE, printed)
    return builder.done(title=title, summary=counted(len(cells), "cell"))


def _outputs(outputs: Any) -> Iterator[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        yield _joined(output.get("text"))
        yield _joined(data.get("text/plain") if isinstance(data, dict) else None)


def _joined(source: Any) -> str:
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return clean(source) if isinstance(source, str) else ""
