"""Which kind a file is: by its suffix for a person, by its content for the reader."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.building import protected

# What each kind is called, and the suffixes that promise it.
_SUFFIXES: dict[str, tuple[str, str]] = {
    "pdf": ("PDF", "pdf"),
    "docx": ("Word", "docx docm dotx"),
    "pptx": ("PowerPoint", "pptx pptm ppsx potx"),
    "sheet": ("Excel", "xlsx xlsm xls xlsb"),
    "ods": ("Spreadsheet", "ods"),
    "odt": ("OpenDocument", "odt ott"),
    "odp": ("Presentation", "odp"),
    "epub": ("Book", "epub"),
    "html": ("Web page", "html htm xhtml"),
    "markdown": ("Markdown", "md markdown mdown mkd mdx"),
    "csv": ("Table", "csv tsv tab"),
    "json": ("JSON", "json jsonl ndjson geojson"),
    "eml": ("Mail", "eml"),
    "msg": ("Mail", "msg"),
    "mbox": ("Mailbox", "mbox"),
    "rtf": ("RTF", "rtf"),
    "notebook": ("Notebook", "ipynb"),
    "image": ("Image", "png jpg jpeg tif tiff bmp gif webp"),
    "text": ("Text", "txt text log rst adoc org tex srt vtt ini cfg conf env properties"),
    "code": (
        "Code",
        "py pyi js mjs cjs ts jsx tsx java c h cc cpp cxx hpp hh cs go rs rb php swift kt kts scala dart lua "
        "pl r jl m mm sh bash zsh fish ps1 bat cmd sql css scss less vue svelte toml yaml yml xml xsl "
        "proto graphql gradle cmake mk tf hcl zig nim ex exs erl hs ml clj lisp el vb fs asm s diff patch",
    ),
}
_BY_SUFFIX = {f".{suffix}": kind for kind, (_, suffixes) in _SUFFIXES.items() for suffix in suffixes.split()}
_TEXT_KINDS = frozenset(("html", "markdown", "csv", "json", "eml", "mbox", "notebook", "text", "code"))

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_REFUSED = (
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xfe\xed\xfa", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\x1f\x8b\x08", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"Rar!\x1a\x07", "an archive"),
    (b"BZh", "an archive"),
    (b"\xfd7zXZ\x00", "an archive"),
    (b"\x28\xb5\x2f\xfd", "an archive"),
    (b"SQLite format 3\x00", "a database"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
    (b"fLaC", "sound"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_READ = (
    "PDF, Word, Excel, PowerPoint, OpenDocument, EPUB, web pages, Markdown, text, mail and pictures "
    "can be added."
)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype html|html|head|body)\b", re.I | re.S)
_OOXML = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "sheet"))
_OPEN_DOCUMENT = (
    ("opendocument.text", "odt"),
    ("opendocument.spreadsheet", "ods"),
    ("opendocument.pres", "odp"),
)


def suffixes() -> frozenset[str]:
    """Suffixes (".pdf") of the files that are added from a folder."""
    return frozenset(_BY_SUFFIX)


def kind_of(path: Path) -> str:
    """What a person calls this kind of file, by its name: "PDF", "Word"; "Text" for an unknown suffix."""
    return _SUFFIXES[_BY_SUFFIX.get(path.suffix.lower(), "text")][0]


def reader_for(path: Path) -> str:
    """The key of the reader for this file, by its content; its name decides only among kinds of text.

    Raises KnowledgeError for content that no reader can read.
    """
    named = _BY_SUFFIX.get(path.suffix.lower(), "text")
    with path.open("rb") as file:
        head = file.read(4096)
    found = _by_content(path, head)
    if found:
        return found
    if named in _TEXT_KINDS:
        return named
    # Its name promises something that its content is not: it may still be text.
    return _by_text(head) or _text_or_damaged(head, named)


def _text_or_damaged(head: bytes, named: str) -> str:
    if b"\x00" in head or sum(byte < 9 for byte in head) > len(head) // 50:
        raise KnowledgeError(
            f"This file is damaged, or is no {_SUFFIXES[named][0]} file.",
            hint="Open it in another program and save it again.",
        )
    return "text"


def _by_content(path: Path, head: bytes) -> str:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(path)
    if head.startswith(_OLE):
        return _in_ole(path)
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image"
    for magic, what in _REFUSED:
        if head.startswith(magic):
            raise KnowledgeError(f"This file is {what}.", hint=_READ)
    if head[4:8] == b"ftyp" or head[:4] == b"RIFF":
        raise KnowledgeError("This file is sound or video.", hint=_READ)
    if _BY_SUFFIX.get(path.suffix.lower(), "text") == "text" and _HTML.match(head):
        return "html"
    return ""


def _by_text(head: bytes) -> str:
    if _HTML.match(head):
        return "html"
    if head.startswith(b"From ") and b"\n" in head:
        return "mbox"
    return ""


def _in_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mimetype = (
                archive.open("mimetype").read(200).decode("ascii", "replace") if "mimetype" in names else ""
            )
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError) as error:
        raise KnowledgeError(
            "This file is damaged: its end may be missing.",
            hint="Copy or download it again.",
            detail=str(error),
        ) from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise KnowledgeError("This file is damaged.", detail=str(error)) from error
    if "epub" in mimetype or "META-INF/container.xml" in names:
        return "epub"
    for part, kind in _OPEN_DOCUMENT:
        if part in mimetype:
            return kind
    for folder, kind in _OOXML:
        if any(name.startswith(folder) for name in names) and "[Content_Types].xml" in names:
            return kind
    raise KnowledgeError("This file is an archive.", hint="Unpack it and add the folder.")


def _in_ole(path: Path) -> str:
    import olefile

    try:
        with olefile.OleFileIO(BytesIO(path.read_bytes())) as ole:
            streams = {"/".join(entry) for entry in ole.listdir()}
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise KnowledgeError("This file is damaged.", hint="Copy it again.", detail=str(error)) from error
    if "EncryptedPackage" in streams:
        raise protected()
    if "__properties_version1.0" in streams:
        return "msg"
    if streams & {"Workbook", "Book"}:
        return "sheet"
    old = {"WordDocument": ("Word", "docx"), "PowerPoint Document": ("PowerPoint", "pptx")}
    for stream, (program, suffix) in old.items():
        if stream in streams:
            raise KnowledgeError(
                f"This file is in {program}'s format from before 2007, which is not read.",
                hint=f"Open it and save it as .{suffix}.",
            )
    raise KnowledgeError("This kind of file is not read.", hint=_READ)
