"""An answer's sources as the transcript and its neighbours show them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.knowledge import Source
from mastra_desktop.ui.item_models.document_kinds import place_text
from mastra_desktop.ui.widgets.transcript_view import SourceView

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_WORD = re.compile(rf"[^\W_{_CJK}]{{4,}}|\d+")
_RUN = re.compile(f"[{_CJK}]{{2,}}")
_COMMON = re.compile(
    "about|after|also|been|before|could|does|each|from|give|have|here|into|more|most|much|must|other|over|"
    "should|some|such|tell|than|that|their|them|then|there|these|they|this|those|what|when|where|which|"
    "while|will|with|would|your"
)
_HEADING = re.compile(r"^#{1,6} +", re.MULTILINE)
_STEM = 5  # letters that stored, storing and storage share
_QUESTION = 400  # characters of a question that are looked for


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sources", text)


def source_views(sources: Sequence[Source], question: str) -> tuple[SourceView, ...]:
    """Cited ones first, each group by its numbers; the question's words are marked."""
    finder = _finder(question)
    ordered = sorted(sources, key=lambda source: (not source.cited, source.n))
    return tuple(_view(source, finder) for source in ordered)


def _view(source: Source, finder: re.Pattern[str] | None) -> SourceView:
    place = ""
    if source.page is not None or source.heading:
        place = place_text(source.page, source.heading, 0)
    match = _tr("match {score}").format(score=f"{source.score:.2f}")
    named = _tr("Source {n}: {document}").format(n=source.n, document=source.document)
    text = _HEADING.sub("", source.text)
    marks = tuple(found.span() for found in finder.finditer(text)) if finder is not None else ()
    return SourceView(
        source.n,
        source.document,
        " · ".join(part for part in (place[:1].upper() + place[1:], match) if part),
        text,
        f"{named}, {place}" if place else named,
        marks,
        source.cited,
    )


def _finder(question: str) -> re.Pattern[str] | None:
    """Finds the words of a question that say something, whatever their ending."""
    text = question[:_QUESTION].casefold()
    stems = {re.escape(word[:_STEM]) for word in _WORD.findall(text) if not _COMMON.fullmatch(word)}
    pairs = {run[i : i + 2] for run in _RUN.findall(text) for i in range(len(run) - 1)}
    parts = [rf"\b(?:{'|'.join(sorted(stems))})\w*"] if stems else []
    if pairs:
        parts.append(f"(?:{'|'.join(sorted(pairs))})+")
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None
