"""OpenDocument texts and presentations with odfdo."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, counted, protected
from mastra_desktop.ingest.tables import add_rows

_MOST_REPEATED = 64  # cells: a row may claim millions of equal ones
_DROPPED = ("text:tracked-changes", "office:forms", "text:sequence-decls", "draw:image", "office:annotation")


def read_odt(asked: Asked) -> ReadText:
    """Headings, paragraphs, list items and rows of tables in order."""
    document = _open(asked)
    builder = TextBuilder()
    _add(builder, document.body, BlockKind.PARAGRAPH, None)
    return builder.done(title=document.meta.title or "")


def read_odp(asked: Asked) -> ReadText:
    """Slides as pages."""
    document = _open(asked)
    builder = TextBuilder()
    slides = [child for child in document.body.children if child.tag == "draw:page"]
    for page, slide in enumerate(slides, 1):
        asked.on_progress(page - 1, len(slides))
        _add(builder, slide, BlockKind.PARAGRAPH, page)
    return builder.done(
        title=document.meta.title or "", summary=counted(len(slides), "slide"), pages=len(slides)
    )


def _open(asked: Asked) -> Any:
    import odfdo

    with zipfile.ZipFile(asked.path) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise protected()
    return odfdo.Document(str(asked.path))


def _add(builder: TextBuilder, parent: Any, kind: BlockKind, page: int | None) -> None:
    for element in parent.children:
        tag = element.tag
        if tag == "text:h":
            level = element.get_attribute("text:outline-level") or "1"
            builder.add(BlockKind.HEADING, _text(element), level=min(6, int(level)), page=page)
        elif tag == "text:p":
            frames = [child for child in element.children if child.tag.startswith("draw:")]
            builder.add(kind, _text(element), page=page)
            for frame in frames:
                _add(builder, frame, kind, page)
        elif tag == "text:list":
            _add(builder, element, BlockKind.LIST_ITEM, page)
        elif tag == "table:table":
            add_rows(builder, _rows(element), page=page)
        elif tag not in _DROPPED:
            _add(builder, element, kind, page)


def _text(element: Any) -> str:
    """The text of a paragraph with its spans and links, without what is drawn in it."""
    parts = [element.text or ""]
    for child in element.children:
        if child.tag in ("text:s", "text:tab"):
            parts.append(" ")
        elif child.tag == "text:line-break":
            parts.append("\n")
        elif child.tag == "text:note":
            parts.append(" (" + " ".join(_text(body) for body in _paragraphs(child)) + ") ")
        elif not child.tag.startswith("draw:") and child.tag not in _DROPPED:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _paragraphs(element: Any) -> Iterator[Any]:
    for child in element.children:
        if child.tag == "text:p":
            yield child
        elif child.tag != "text:note-citation":
            yield from _paragraphs(child)


def _rows(table: Any) -> Iterator[list[str]]:
    for element in table.children:
        if element.tag == "table:table-row":
            yield list(_cells(element))
        elif element.tag in ("table:table-header-rows", "table:table-rows", "table:table-row-group"):
            yield from _rows(element)


def _cells(row: Any) -> Iterator[str]:
    for cell in row.children:
        if cell.tag not in ("table:table-cell", "table:covered-table-cell"):
            continue
        repeated = int(cell.get_attribute("table:number-columns-repeated") or "1")
        yield from [" ".join(_text(p) for p in _paragraphs(cell))] * min(repeated, _MOST_REPEATED)
