"""What the parts of the knowledge pane say alike: durations, embedding models, and opening a file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices

from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER


def tr(text: str) -> str:
    return QCoreApplication.translate("Knowledge", text)


def duration_text(seconds: float) -> str:
    """ "less than a minute", "about 2 min", "about 1 h 20 min"."""
    minutes = math.ceil(seconds / 60)
    if seconds < 50:
        return tr("less than a minute")
    if minutes < 60:
        return tr("about {n} min").format(n=minutes)
    hours, rest = divmod(minutes, 60)
    rest = rest // 10 * 10 if hours < 10 else 0
    return tr("about {h} h {m} min").format(h=hours, m=rest) if rest else tr("about {h} h").format(h=hours)


def embedder_name(embedder_id: str) -> str:
    """The built-in ones by what they are for, others by their own name."""
    names = {MULTILINGUAL_EMBEDDER: tr("Multilingual"), ENGLISH_EMBEDDER: tr("Fast, English")}
    return names.get(embedder_id, embedder_id.rpartition("/")[2])


def is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


async def still_there(source: str) -> bool:
    """Whether a document's file is where it was; an address counts as there."""
    return is_address(source) or await asyncio.to_thread(Path(source).is_file)


def show_file(source: str) -> bool:
    """Hands the file or page to the program the desktop has for it; False when there is none."""
    return QDesktopServices.openUrl(QUrl(source) if is_address(source) else QUrl.fromLocalFile(source))


def split_urls(urls: Sequence[QUrl]) -> tuple[list[Path], list[str]]:
    """The files and folders, and the web addresses, among what was dropped."""
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    return paths, [url.toString() for url in urls if url.scheme() in ("http", "https")]
