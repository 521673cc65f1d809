"""PDF with PDFium: lines with their place on the page become paragraphs and headings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, check_length, clean, counted
from mastra_desktop.ingest.ocr import find_tesseract, no_ocr, recognise

if TYPE_CHECKING:
    import pypdfium2

_SCAN_DPI = 200
_LONGEST_HEADING = 200  # characters


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a page, in points; `size` is the height of its characters."""

    text: str
    top: float
    bottom: float
    left: float
    right: float

    @property
    def size(self) -> float:
        return round(self.top - self.bottom, 1)


def read_pdf(asked: Asked) -> ReadText:
    """Text by page. Raises KnowledgeError when it is locked, damaged, or a scan that cannot be recognised."""
    import pypdfium2

    with _open(asked) as document:
        pages: list[list[_Line]] = []
        length = 0
        for number in range(len(document)):
            asked.on_progress(number, len(document))
            lines = _lines(document, number)
            length += sum(len(line.text) for line in lines)
            check_length(length)
            pages.append(lines)
        builder = TextBuilder()
        sizes = _heading_sizes(pages)
        scanned = [number for number, lines in enumerate(pages) if not lines]
        if len(scanned) == len(pages) and find_tesseract() is None:
            raise no_ocr("This scan has no text, and OCR is not installed.")
        for number, lines in enumerate(pages):
            if lines:
                _add_page(builder, lines, number + 1, sizes)
            elif find_tesseract() is not None and _has_picture(document, number):
                asked.on_progress(number, len(document))
                for paragraph in recognise(_picture(document, number)).split("\n\n"):
                    builder.add(BlockKind.PARAGRAPH, paragraph, page=number + 1)
        asked.on_progress(len(pages), len(pages))
        try:
            title = document.get_metadata_value("Title")
        except pypdfium2.PdfiumError:
            title = ""
    return builder.done(
        title=title or builder.first_heading(), summary=counted(len(pages), "page"), pages=len(pages)
    )


def _open(asked: Asked) -> pypdfium2.PdfDocument:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(asked.path, password=asked.password or None)
        if len(document) == 0:
            raise KnowledgeError("This PDF has no pages.", hint="The file may be damaged.")
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) != raw.FPDF_ERR_PASSWORD and "password" not in str(error).lower():
            raise KnowledgeError(
                "This PDF is damaged and cannot be read.",
                hint="Open it in another program and save it again.",
                detail=str(error),
            ) from error
        if asked.password:
            raise KnowledgeError("That is not the password of this PDF.", hint="Try again.") from error
        raise KnowledgeError(
            "This PDF is protected with a password.", hint="Enter its password to add it."
        ) from error
    return document


def _lines(document: pypdfium2.PdfDocument, number: int) -> list[_Line]:
    """The page's lines in reading order; a page that is damaged has none."""
    import pypdfium2

    try:
        page = document[number]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    try:
        return _lines_of(text_page)
    finally:
        text_page.close()
        page.close()


def _lines_of(text_page: pypdfium2.PdfTextPage) -> list[_Line]:
    lines: list[_Line] = []
    whole = text_page.get_text_range(errors="replace")
    # PDFium counts in UTF-16 units; as long as all are one unit wide the index is the same.
    wide = [] if whole.isascii() else [i for i, char in enumerate(whole) if char > "\uffff"]
    start = 0
    count = text_page.count_chars()
    while start < len(whole):
        end = whole.find("\n", start)
        end = len(whole) if end < 0 else end
        written = whole[start:end].rstrip()
        text = clean(written).strip()
        if text:
            shift = sum(1 for place in wide if place < start)
            first = start + shift + (len(written) - len(written.lstrip()))
            last = start + shift + len(written) - 1
            boxes = [
                text_page.get_charbox(index, loose=True) for index in (first, last) if index < count
            ] or [(0.0, 0.0, 0.0, 0.0)]
            lines.append(_Line(text, boxes[0][3], boxes[0][1], boxes[0][0], max(box[2] for box in boxes)))
        start = end + 1
    return lines


def _heading_sizes(pages: list[list[_Line]]) -> list[float]:
    """Sizes that only headings have, largest first: clearly above the size most of the text has."""
    written: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            written[line.size] += len(line.text)
    if not written:
        return []
    body = written.most_common(1)[0][0]
    total = written.total()
    larger = sorted((size for size in written if size > body * 1.12 + 0.2), reverse=True)
    if not larger or sum(written[size] for size in larger) > total * 0.3:
        return []
    merged: list[float] = []
    for size in larger:
        if not merged or size < merged[-1] * 0.93:
            merged.append(size)
    return merged


def _level(line: _Line, sizes: list[float]) -> int:
    """1 to 6 for a heading, else 0."""
    if not sizes or line.size < sizes[-1] * 0.93 or len(line.text) > _LONGEST_HEADING:
        return 0
    if sum(char.isalpha() for char in line.text) < 2:
        return 0
    return min(6, 1 + sum(1 for size in sizes if line.size <= size * 0.93))


def _add_page(builder: TextBuilder, lines: list[_Line], page: int, sizes: list[float]) -> None:
    right = max(line.right for line in lines)
    left = min(line.left for line in lines)
    full = left + (right - left) * 0.72
    steps = [a.bottom - b.bottom for a, b in pairwise(lines) if a.bottom > b.bottom]
    step = median(steps) if steps else 0.0
    text, level, before = "", -1, None
    for line in lines:
        own_level = _level(line, sizes)
        apart = before is not None and not _goes_on(before, line, step)
        if before is None or own_level != level or apart:
            _add(builder, text, level, page)
            text = line.text
        else:
            text = _joined(text, line.text, flows=before.right >= full or own_level > 0)
        level, before = own_level, line
    _add(builder, text, level, page)


def _add(builder: TextBuilder, text: str, level: int, page: int) -> None:
    kind = BlockKind.HEADING if level > 0 else BlockKind.PARAGRAPH
    builder.add(kind, text.replace("\ufffe", "").replace("\x02", ""), level=max(0, level), page=page)


def _goes_on(before: _Line, line: _Line, step: float) -> bool:
    """Whether a line belongs to the paragraph of the one before: right below it, about the same size."""
    down = before.bottom - line.bottom
    if down <= -0.3 * max(before.size, 1):  # further up: another column
        return False
    return down <= max(step * 1.35, 0.1) and abs(before.size - line.size) <= max(before.size, 1) * 0.35


def _joined(text: str, line: str, *, flows: bool) -> str:
    """Two lines as one; lines that end early (addresses, tables) stay lines."""
    if text.endswith(("\ufffe", "\x02")):  # PDFium's marks for a hyphen at the end of a line
        return text[:-1] + line
    if not flows:
        return f"{text}\n{line}"
    if text[-1] >= "\u2e80" and line[0] >= "\u2e80":  # Chinese and Japanese have no spaces
        return text + line
    return f"{text} {line}"


def _has_picture(document: pypdfium2.PdfDocument, number: int) -> bool:
    import pypdfium2
    from pypdfium2 import raw

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return False
    try:
        return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    finally:
        page.close()


def _picture(document: pypdfium2.PdfDocument, number: int) -> bytes:
    """The page as a grey picture in PNM form, which needs no library to write."""
    page = document[number]
    try:
        width, height = page.get_size()
        scale = min(_SCAN_DPI / 72, 6000 / max(width, height, 1))
        bitmap = page.render(scale=scale, grayscale=True)
        rows = bytes(bitmap.buffer)
        wide, stride = bitmap.width, bitmap.stride
        pixels = b"".join(rows[at * stride : at * stride + wide] for at in range(bitmap.height))
        return b"P5 %d %d 255\n" % (wide, bitmap.height) + pixels
    finally:
        page.close()
