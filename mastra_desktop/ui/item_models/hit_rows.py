"""Passages as list rows: those a search found, or those of one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.knowledge import Passage, PassageHit
from mastra_desktop.ui.item_models.document_kinds import place_text, utf16
from mastra_desktop.ui.knowledge_roles import HitRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
SNIPPET_CHARS = 190
_LEAD = 60  # characters kept before the first found word


@dataclass(slots=True)
class HitRow:
    passage: Passage
    title: str
    rank: str
    place: str
    text: str
    score: float | None = None
    found_by: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)


class HitRows(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[HitRow] = []

    def show_hits(self, hits: Sequence[PassageHit]) -> None:
        """In the order of their ranks."""
        self._replace([self._hit(hit) for hit in hits])

    def show_passages(self, passages: Sequence[Passage]) -> None:
        """A document's own passages, in order."""
        self._replace(
            [
                HitRow(
                    passage,
                    " › ".join(passage.heading) or self.tr("Passage {n}").format(n=passage.index + 1),
                    str(passage.index + 1),
                    "" if passage.page is None else place_text(passage.page, (), passage.index),
                    snippet(passage.text, ())[0],
                )
                for passage in passages
            ]
        )

    def _hit(self, hit: PassageHit) -> HitRow:
        passage = hit.passage
        text, marks = snippet(passage.text, hit.marks)
        if hit.meaning is not None and hit.words is not None:
            found_by = self.tr("Found by meaning and by words")
        else:
            found_by = self.tr("Found by meaning") if hit.words is None else self.tr("Found by words")
        place = place_text(passage.page, passage.heading, passage.index)
        return HitRow(passage, hit.document.name, str(hit.rank), place, text, hit.score, found_by, marks)

    def _replace(self, rows: list[HitRow]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title
            case Qt.ItemDataRole.AccessibleTextRole:
                score = "" if row.score is None else self.tr("score {s}").format(s=f"{row.score:.2f}")
                parts = (row.rank, row.title, row.place, score, row.found_by, row.text)
                return ", ".join(part for part in parts if part)
            case Qt.ItemDataRole.ToolTipRole:
                return row.found_by or None
            case HitRole.ID:
                return row.passage.id
            case HitRole.RANK:
                return row.rank
            case HitRole.PLACE:
                return row.place
            case HitRole.SCORE:
                return row.score
            case HitRole.TEXT:
                return row.text
            case HitRole.MARKS:
                return row.marks
        return None


def snippet(text: str, marks: Sequence[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """About 190 characters from before the first mark on, as one line.

    `marks` are (start, end) in `text`; returned are (start, length) in the snippet, in UTF-16 units.
    """
    start = max(0, min((s for s, _ in marks), default=0) - _LEAD)
    if start:
        space = text.find(" ", start, start + 20)
        start = space + 1 if space >= 0 else start
    cut = text[start : start + SNIPPET_CHARS * 2]
    places: list[int] = []  # of each character in what is kept
    kept: list[str] = ["…"] if start else []
    for character in cut:
        blank = character.isspace()
        if not (blank and (not kept or kept[-1] == " ")):
            kept.append(" " if blank else character)
        places.append(len(kept) - 1)
        if len(kept) > SNIPPET_CHARS:
            kept.append("…")
            break
    line = "".join(kept)
    found: list[tuple[int, int]] = []
    for mark_start, mark_end in marks:
        first, last = mark_start - start, mark_end - start
        if 0 <= first < last <= len(places):
            begin, end = utf16(line, places[first]), utf16(line, places[last - 1] + 1)
            found.append((begin, end - begin))
    return line, found
