"""EPUB: the chapters in the order of the book's spine."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import Any
from urllib.parse import unquote

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, counted
from mastra_desktop.ingest.encodings import decode
from mastra_desktop.ingest.html import html_to_text

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
# XML ends an element in its own tag; HTML would take the rest of the chapter for its title.
_CLOSED = re.compile(r"<(title|script|style|a|div|span|p|i|b|em|strong|td|th|li)(\s[^<>]*)?/>", re.I)


def read_epub(asked: Asked) -> ReadText:
    """Raises KnowledgeError for books that are locked by their shop, and for broken ones."""
    builder = TextBuilder()
    with zipfile.ZipFile(asked.path) as archive:
        names = set(archive.namelist())
        package_path = _package_path(archive)
        package = _xml(archive.read(package_path))
        chapters = _chapters(package, package_path)
        _refuse_locked(archive, names, chapters)
        for number, name in enumerate(chapters):
            asked.on_progress(number, len(chapters))
            if name in names:
                page = decode(archive.read(name))
                builder.add_read(html_to_text(_CLOSED.sub(r"<\1\2></\1>", page)))
        asked.on_progress(len(chapters), len(chapters))
    title = package.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    return builder.done(title=title, summary=counted(len(chapters), "chapter"))


def _package_path(archive: zipfile.ZipFile) -> str:
    container = _xml(archive.read("META-INF/container.xml"))
    root = container.find(".//{*}rootfile")
    if root is None:
        raise KnowledgeError("This book is damaged: it does not say where its text is.")
    return unquote(root.get("full-path") or "")


def _chapters(package: Any, package_path: str) -> list[str]:
    """The names inside the archive, in reading order."""
    folder = posixpath.dirname(package_path)
    items = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
        for item in package.iterfind("{*}manifest/{*}item")
        if item.get("media-type") in _PAGES and "nav" not in (item.get("properties") or "").split()
    }
    spine = (items.get(item.get("idref")) for item in package.iterfind("{*}spine/{*}itemref"))
    return list(dict.fromkeys(name for name in spine if name))


def _refuse_locked(archive: zipfile.ZipFile, names: set[str], chapters: list[str]) -> None:
    if "META-INF/encryption.xml" not in names:
        return
    encryption = _xml(archive.read("META-INF/encryption.xml"))  # it may be only the fonts
    locked = {unquote(part.get("URI") or "") for part in encryption.iterfind(".//{*}CipherReference")}
    if locked & set(chapters):
        raise KnowledgeError("This book is locked by the shop it is from.", hint="Add a copy without a lock.")


def _xml(data: bytes) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(data, parser)
    if root is None:
        raise KnowledgeError("This book is damaged.", hint="Download it again.")
    return root
