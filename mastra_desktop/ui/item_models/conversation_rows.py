"""Conversations, or search hits, as rows of a section list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.chat import Conversation, MessageState, SearchHit
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.ui.row_roles import RowRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. Marks are (start, length)."""

    id: str
    title: str
    section: bool = False
    time: str = ""
    note: str = ""
    note_icon: str = ""
    note_tone: str = ""
    busy: bool = False
    title_marks: list[tuple[int, int]] = field(default_factory=list)
    note_marks: list[tuple[int, int]] = field(default_factory=list)


class ConversationRows(QAbstractListModel):
    """Shows what `show_conversations` or `show_hits` gave it last. `now` is seconds since the epoch."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    @property
    def ids(self) -> list[str]:
        return [row.id for row in self._rows if not row.section]

    def title(self, row_id: str) -> str:
        return next((row.title for row in self._rows if row.id == row_id), "")

    def show_conversations(
        self, found: Sequence[Conversation], running: set[str], names: dict[str, str], now: float
    ) -> None:
        """The newest first, under Today, Yesterday, Previous 7 days and Older."""
        rows: list[Row] = []
        heading = ""
        for conversation in found:
            section = self._section(conversation.updated_at, now)
            if section != heading:
                heading = section
                rows.append(Row("", section, section=True))
            rows.append(self._conversation(conversation, conversation.id in running, names, now))
        self._replace(rows)

    def show_hits(self, hits: Sequence[SearchHit], now: float) -> None:
        """Titles first, then messages; a row's id is conversation-id or conversation-id/message-id."""
        rows: list[Row] = []
        titles = [hit for hit in hits if hit.message_id is None]
        texts = [hit for hit in hits if hit.message_id is not None]
        for heading, group in ((self.tr("Titles"), titles), (self.tr("Messages"), texts)):
            if group:
                rows.append(Row("", heading, section=True))
            for hit in group:
                marks = [(start, end - start) for start, end in hit.marks]
                in_title = hit.message_id is None
                rows.append(
                    Row(
                        hit.conversation_id + (f"/{hit.message_id}" if hit.message_id else ""),
                        hit.title,
                        time=short_time(hit.created_at, now),
                        note="" if in_title else " ".join(hit.snippet.split("\n")),
                        title_marks=marks if in_title else [],
                        note_marks=[] if in_title else marks,
                    )
                )
        self._replace(rows)

    def _conversation(self, found: Conversation, busy: bool, names: dict[str, str], now: float) -> Row:
        note, icon, tone = names.get(found.model_id, split_model_id(found.model_id)[1]), "", ""
        if busy:
            note, tone = self.tr("Writing…"), ""
        elif found.status is MessageState.FAILED:
            note, icon, tone = self.tr("Failed"), "circle-alert", "danger"
        elif found.status is MessageState.INTERRUPTED:
            note, icon, tone = self.tr("Interrupted"), "unplug", "warn"
        elif found.status is MessageState.STOPPED:
            note, icon = self.tr("Stopped"), "square"
        return Row(
            found.id,
            found.title,
            time=short_time(found.updated_at, now),
            note=note,
            note_icon=icon,
            note_tone=tone,
            busy=busy,
        )

    def _section(self, seconds: float, now: float) -> str:
        days = (_day(now) - _day(seconds)).days
        if days <= 0:
            return self.tr("Today")
        if days == 1:
            return self.tr("Yesterday")
        return self.tr("Previous 7 days") if days <= 7 else self.tr("Older")

    def _replace(self, rows: list[Row]) -> None:
        if rows == self._rows:
            return
        if [row.id for row in rows] == [
            row.id for row in self._rows
        ]:  # keeps focus, scroll and an open editor
            self._rows = rows
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._rows[index.row()].section:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(part for part in (row.title, row.note, row.time) if part)
            case RowRole.KIND:
                return "section" if row.section else "row"
            case RowRole.ID:
                return row.id
            case RowRole.TIME:
                return row.time
            case RowRole.NOTE:
                return row.note
            case RowRole.NOTE_ICON:
                return row.note_icon
            case RowRole.NOTE_TONE:
                return row.note_tone
            case RowRole.BUSY:
                return row.busy
            case RowRole.TITLE_MARKS:
                return row.title_marks
            case RowRole.NOTE_MARKS:
                return row.note_marks
        return None


def _day(seconds: float) -> datetime:
    return (
        datetime.fromtimestamp(seconds, UTC).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    )


def short_time(seconds: float, now: float) -> str:
    """`now` within a minute, the time today, the weekday within a week, else the date."""
    when = datetime.fromtimestamp(seconds, UTC).astimezone()
    if 0 <= now - seconds < 60:
        return "now"
    days = (_day(now) - _day(seconds)) // timedelta(days=1)
    if days <= 1:
        return f"{when:%H:%M}"
    return f"{when:%a}" if days <= 7 else f"{when:%Y-%m-%d}"
