"""File to text. Each kind's reader is a module of its own, imported when a file needs it."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import ReadText
from mastra_desktop.ingest.archives import check_archive
from mastra_desktop.ingest.building import Asked
from mastra_desktop.ingest.kinds import kind_of, reader_for, suffixes

__all__ = ["LARGEST_FILE", "kind_of", "read", "suffixes"]

LARGEST_FILE = 100 * 1024 * 1024  # bytes
_READERS: dict[str, tuple[str, str]] = {
    "pdf": ("pdf", "read_pdf"),
    "docx": ("word", "read_docx"),
    "pptx": ("slides", "read_pptx"),
    "sheet": ("tables", "read_sheets"),
    "ods": ("tables", "read_sheets"),
    "odt": ("opendocument", "read_odt"),
    "odp": ("opendocument", "read_odp"),
    "epub": ("epub", "read_epub"),
    "html": ("html", "read_html"),
    "markdown": ("markdown", "read_markdown"),
    "csv": ("tables", "read_csv"),
    "json": ("data", "read_json"),
    "notebook": ("data", "read_notebook"),
    "eml": ("mail", "read_eml"),
    "msg": ("mail", "read_msg"),
    "mbox": ("mail", "read_mbox"),
    "rtf": ("rtf", "read_rtf"),
    "image": ("ocr", "read_image"),
    "text": ("plain", "read_text"),
    "code": ("plain", "read_code"),
}
_IN_ARCHIVES = frozenset(("docx", "pptx", "sheet", "ods", "odt", "odp", "epub"))


def read(
    path: Path, *, password: str = "", on_progress: Callable[[int, int], None] = lambda _done, _of: None
) -> ReadText:
    """The file's text and its structure. `on_progress` hears (pages done, pages in all).

    Raises KnowledgeError with the reason when it cannot be read or holds no text. Blocks; runs unbounded,
    so strangers' files are read by `ReadingProcess`.
    """
    _check_file(path)
    try:
        kind = reader_for(path)
        if kind in _IN_ARCHIVES:
            check_archive(path)
        module, function = _READERS[kind]
        reader: Callable[[Asked], ReadText] = getattr(
            import_module(f"mastra_desktop.ingest.{module}"), function
        )
        found = reader(Asked(path, password, on_progress))
    except (KnowledgeError, MemoryError):
        raise
    except OSError as error:
        raise _unreadable(error) from error
    except Exception as error:  # libraries raise whatever they stumble on in a damaged file
        raise KnowledgeError(
            "This file is damaged or unusual, and cannot be read.",
            hint="Open it in another program and save it again.",
            detail=f"{type(error).__name__}: {error}"[:500],
        ) from error
    if not found.blocks:
        raise KnowledgeError("There is no text in this file.", hint="There is nothing to search in it.")
    return found


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    if not stat.S_ISREG(found.st_mode):  # reading from a pipe or a device may never end
        raise KnowledgeError("This is not a file.", hint="Add files, or a folder of files.")
    if found.st_size == 0:
        raise KnowledgeError("This file is empty.", hint="There is nothing to search in it.")
    if found.st_size > LARGEST_FILE:
        raise KnowledgeError(
            f"This file is larger than {LARGEST_FILE // 1024**2} MB.",
            hint="Split it into smaller files and add those.",
        )


def _unreadable(error: OSError | ValueError) -> KnowledgeError:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return KnowledgeError("This file is not there any more.", hint="Add it again from where it is now.")
    if number in (errno.EACCES, errno.EPERM):
        return KnowledgeError("This file may not be read.", hint="Check its permissions.", detail=str(error))
    return KnowledgeError("This file cannot be read.", hint="Check the disk it is on.", detail=str(error))
