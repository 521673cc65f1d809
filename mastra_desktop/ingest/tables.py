"""Tables: spreadsheets with calamine, CSV with the standard library. Each row says what its cells are."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Sequence

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, check_length, counted, protected
from mastra_desktop.ingest.encodings import decode

_LONGEST_FIELD = 10_000_000
_DELIMITERS = "\t;,|"  # the first that fits: decimals have commas too


def read_csv(asked: Asked) -> ReadText:
    """A block per row: "Name: Ada | City: London" where the first row names the columns."""
    text = decode(asked.path.read_bytes())
    csv.field_size_limit(_LONGEST_FIELD)
    builder = TextBuilder()
    try:
        rows = add_rows(builder, csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise KnowledgeError(
            "This table is damaged and cannot be read.",
            hint="Open it in a spreadsheet and save it again.",
            detail=str(error),
        ) from error
    return builder.done(summary=counted(rows, "row"))


def read_sheets(asked: Asked) -> ReadText:
    """Sheets as pages, each a heading and its rows."""
    import python_calamine

    builder = TextBuilder()
    try:
        with python_calamine.load_workbook(str(asked.path)) as book:
            names = book.sheet_names
            for number, name in enumerate(names, 1):
                asked.on_progress(number - 1, len(names))
                try:
                    sheet = book.get_sheet_by_name(name)
                except python_calamine.WorksheetNotFound:  # a chart
                    continue
                rows = ([_shown(cell) for cell in row] for row in sheet.iter_rows())
                builder.add(BlockKind.HEADING, name, level=1, page=number)
                add_rows(builder, rows, page=number)
            asked.on_progress(len(names), len(names))
    except python_calamine.PasswordError as error:
        raise protected() from error
    if all(block.kind is BlockKind.HEADING for block in builder.blocks):
        raise KnowledgeError("There is no text in this file.", hint="All its sheets are empty.")
    return builder.done(summary=counted(len(names), "sheet"), pages=len(names))


def add_rows(builder: TextBuilder, rows: Iterable[Sequence[str]], *, page: int | None = None) -> int:
    """Adds a block per row that is not empty, named by the first row if that holds names. How many."""
    names: list[str] | None = None
    number = 0
    length = 0
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells):
            continue
        if names is None:
            names = _names(cells)
            if names:
                builder.add(BlockKind.TABLE_ROW, " | ".join(name for name in names if name), page=page)
                continue
        number += 1
        line = " | ".join(_named(cells, names))
        length += len(line)
        check_length(length)
        builder.add(BlockKind.TABLE_ROW, line, page=page)
    return number if number else int(bool(names))


def _names(cells: list[str]) -> list[str]:
    """The cells as names of columns, or nothing when they look like values."""
    written = [cell for cell in cells if cell]
    if len(written) < 2 or len(written) < len(cells) * 0.6 or len(set(written)) < len(written):
        return []
    if any(len(cell) > 80 or not any(char.isalpha() for char in cell) for cell in written):
        return []
    return cells


def _named(cells: list[str], names: list[str] | None) -> list[str]:
    named = []
    for index, cell in enumerate(cells):
        name = names[index] if names and index < len(names) else ""
        if cell:
            named.append(f"{name}: {cell}" if name else cell)
    return named


def _delimiter(text: str) -> str:
    """The delimiter that divides the first lines most evenly."""
    lines = [line for line in text[:20_000].split("\n")[:20] if line.strip()]

    def evenness(delimiter: str) -> int:
        found = [line.count(delimiter) for line in lines]
        usual = max(set(found), key=lambda number: (number > 0, found.count(number)))
        return found.count(usual) if usual else 0

    return max(_DELIMITERS, key=evenness) if lines else ","


def _shown(cell: object) -> str:
    """A cell as a person sees it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(" ")
    return str(cell)
