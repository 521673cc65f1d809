"""How a kind of file is called and drawn, by its suffix; sizes and places in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from PySide6.QtCore import QCoreApplication


@dataclass(frozen=True, slots=True)
class Kind:
    """`unit` is what reading counts: "page", "sheet", "slide", "message", or nothing."""

    name: str
    icon: str
    tile: str
    unit: str = ""


_PDF = Kind("PDF", "file-text", "rose", "page")
_WORD = Kind("Word", "file-text", "sky", "page")
_SHEET = Kind("Excel", "file-spreadsheet", "moss", "sheet")
_TABLE = Kind("CSV", "file-spreadsheet", "moss")
_SLIDES = Kind("PowerPoint", "file-chart-column", "amber", "slide")
_WEB = Kind("Web page", "file-code", "iris")
_TEXT = Kind("Text", "file-text", "slate")
_CODE = Kind("Code", "file-code", "iris")
_MAIL = Kind("Email", "mail", "slate")
_IMAGE = Kind("Image", "file-image", "plum")
_KINDS = {
    ".pdf": _PDF,
    ".docx": _WORD,
    ".doc": _WORD,
    ".rtf": Kind("Rich text", "file-text", "sky"),
    ".odt": Kind("OpenDocument", "file-text", "sky"),
    ".ods": Kind("OpenDocument", "file-spreadsheet", "moss", "sheet"),
    ".odp": Kind("OpenDocument", "file-chart-column", "amber", "slide"),
    ".epub": Kind("EPUB", "book-open", "iris"),
    ".xlsx": _SHEET,
    ".xls": _SHEET,
    ".csv": _TABLE,
    ".tsv": Kind("TSV", "file-spreadsheet", "moss"),
    ".pptx": _SLIDES,
    ".ppt": _SLIDES,
    ".html": _WEB,
    ".htm": _WEB,
    ".xhtml": _WEB,
    ".md": Kind("Markdown", "file-type", "petrol"),
    ".markdown": Kind("Markdown", "file-type", "petrol"),
    ".txt": _TEXT,
    ".log": _TEXT,
    ".json": Kind("JSON", "file-code", "iris"),
    ".ipynb": Kind("Notebook", "file-code", "amber"),
    ".eml": _MAIL,
    ".msg": _MAIL,
    ".mbox": Kind("Mailbox", "mail", "slate", "message"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"), _IMAGE),
    **dict.fromkeys((".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".go", ".rs", ".sh", ".sql"), _CODE),
}
_SIZES = ("bytes", "KB", "MB", "GB", "TB")


def kind_of(name: str, source: str = "") -> Kind:
    """The kind of a file by its name; what came from an address is a web page unless its name says more."""
    found = _KINDS.get(PurePath(name).suffix.lower())
    if found is None:
        found = _WEB if source.startswith(("http://", "https://")) else _TEXT
    return found


def size_text(size_bytes: int) -> str:
    """ "640 KB", "1.8 MB": decimal units, one digit after the point from MB on."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_SIZES) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_SIZES[unit]}" if unit >= 2 else f"{size:.0f} {_SIZES[unit]}"


def place_text(page: int | None, heading: tuple[str, ...], index: int) -> str:
    """Where a passage is: "page 14", else its heading, else "passage 3" (index 2)."""
    if page is not None:
        return _tr("page {page}").format(page=page)
    return heading[-1] if heading else _tr("passage {number}").format(number=index + 1)


def utf16(text: str, at: int) -> int:
    """The position of character `at` as Qt counts: in UTF-16 units."""
    return len(text[:at].encode("utf-16-le", "surrogatepass")) // 2


def _tr(text: str) -> str:
    return QCoreApplication.translate("Knowledge", text)
