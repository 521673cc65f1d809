"""Word files with python-docx: headings, paragraphs, lists and tables in the order they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder
from mastra_desktop.ingest.tables import add_rows

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_THROUGH = frozenset(f"{_W}{tag}" for tag in ("sdt", "sdtContent", "customXml", "ins", "smartTag", "moveTo"))
_NOTES = ("footnotes", "endnotes", "comments")


def read_docx(asked: Asked) -> ReadText:
    """Headings by their style, list items, rows of tables; notes and comments at the end."""
    import docx

    document = docx.Document(str(asked.path))
    styles = _styles(document)
    builder = TextBuilder()
    for element in _in_order(document.element.body):
        if element.tag == f"{_W}tbl":
            add_rows(builder, _rows(element))
        else:
            kind, level = _kind(element, styles)
            builder.add(kind, _text(element), level=level)
    for part in document.part.package.iter_parts():
        if part.partname.rpartition("/")[2].removesuffix(".xml") in _NOTES:
            _add_notes(builder, part.blob)
    return builder.done(title=document.core_properties.title or "")


def _styles(document: Document) -> dict[str, tuple[BlockKind, int]]:
    """What a paragraph with each style is, by the style's name, else by its outline level."""
    found: dict[str, tuple[BlockKind, int]] = {}
    for style in document.styles.element.iter(f"{_W}style"):
        identifier = style.get(f"{_W}styleId") or ""
        name_element = style.find(f"{_W}name")
        name = (name_element.get(f"{_W}val") or "").lower() if name_element is not None else ""
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        if name == "title":
            found[identifier] = (BlockKind.HEADING, 1)
        elif name.startswith("heading ") and name[8:9].isdigit():
            found[identifier] = (BlockKind.HEADING, max(1, min(6, int(name[8:9]))))
        elif outline is not None and (value := outline.get(f"{_W}val") or "").isdigit() and int(value) < 9:
            found[identifier] = (BlockKind.HEADING, min(6, int(value) + 1))
        elif name.startswith("list"):
            found[identifier] = (BlockKind.LIST_ITEM, 0)
    return found


def _in_order(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls and tracked insertions."""
    for element in parent:
        if element.tag in (f"{_W}p", f"{_W}tbl"):
            yield element
        elif element.tag in _THROUGH:
            yield from _in_order(element)


def _kind(paragraph: Any, styles: dict[str, tuple[BlockKind, int]]) -> tuple[BlockKind, int]:
    properties = paragraph.find(f"{_W}pPr")
    if properties is None:
        return BlockKind.PARAGRAPH, 0
    style = properties.find(f"{_W}pStyle")
    by_style = styles.get(style.get(f"{_W}val") or "") if style is not None else None
    if by_style is not None and by_style[0] is BlockKind.HEADING:
        return by_style
    if by_style is not None or properties.find(f"{_W}numPr") is not None:
        return BlockKind.LIST_ITEM, 0
    return BlockKind.PARAGRAPH, 0


def _text(paragraph: Any) -> str:
    """What is shown of a paragraph: links and insertions too, deletions (`w:delText`) not."""
    parts: list[str] = []
    for element in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}noBreakHyphen"):
        if element.tag == f"{_W}t":
            parts.append(element.text or "")
        elif element.tag == f"{_W}tab":
            if element.getparent().tag != f"{_W}tabs":  # there it is a tab stop
                parts.append("\t")
        else:
            parts.append("-" if element.tag == f"{_W}noBreakHyphen" else "\n")
    return "".join(parts)


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iter(f"{_W}tr"):
        yield [
            " ".join(_text(paragraph) for paragraph in cell.iter(f"{_W}p"))
            for cell in row.iterchildren(f"{_W}tc", f"{_W}sdt")
        ]


def _add_notes(builder: TextBuilder, blob: bytes) -> None:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for paragraph in etree.fromstring(blob, parser).iter(f"{_W}p"):
        builder.add(BlockKind.PARAGRAPH, _text(paragraph))
