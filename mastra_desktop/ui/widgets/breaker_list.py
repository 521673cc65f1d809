"""Circuit breakers: who is asked at present, and how the last calls of each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import Tone, tone_text

CALLS = 20
Call = Literal["ok", "cut", "failed", "none"]
_BARS: dict[Call, tuple[str, int]] = {
    "ok": ("success.solid", 5),
    "cut": ("warn.solid", 9),
    "failed": ("danger.solid", 12),
    "none": ("chart.track", 5),
}
_ROW, _EDGE = 56, 14
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Breaker:
    """One row. `calls` are the last ones, oldest first; `note` says what comes next."""

    name: str
    state: str
    icon: str
    tone: Tone
    note: str
    calls: tuple[Call, ...]


class BreakerList(QWidget):
    """56 px per row; only rows that changed are painted anew."""

    def __init__(
        self, label: str, theme: ThemeController, icons: Icons, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons, self._label = theme, icons, label
        self._rows: tuple[Breaker, ...] = ()
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def rows(self) -> Sequence[Breaker]:
        return self._rows

    def show_rows(self, rows: Sequence[Breaker]) -> None:
        new = tuple(rows)
        if new == self._rows:
            return
        before, self._rows = self._rows, new
        self.setAccessibleDescription(". ".join(f"{row.name}: {row.state}, {row.note}" for row in new))
        if len(before) != len(new):
            self._restyle()
            return
        height = self._row_height()
        for number, (old, row) in enumerate(zip(before, new, strict=True)):
            if old != row:
                self.update(0, number * height, self.width(), height)

    def sizeHint(self) -> QSize:
        return QSize(200, self._row_height() * len(self._rows))

    def _row_height(self) -> int:
        return self._theme.current.scaled(_ROW)

    def _restyle(self) -> None:
        self.setFixedHeight(self._row_height() * len(self._rows))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        height = self._row_height()
        for number, row in enumerate(self._rows):
            if event.rect().top() <= (number + 1) * height and event.rect().bottom() >= number * height:
                self._paint_row(painter, row, number * height, height, last=number == len(self._rows) - 1)

    def _paint_row(self, painter: QPainter, row: Breaker, top: int, height: int, *, last: bool) -> None:
        theme = self._theme.current
        line = theme.scaled(20)
        left, right = float(_EDGE), float(self.width() - _EDGE)
        small = theme.font("small", tabular=True)
        painter.setFont(small)
        width = QFontMetricsF(small).horizontalAdvance(row.state) + 1
        painter.setPen(theme.color(tone_text(row.tone)))
        painter.drawText(QRectF(right - width, top + 8, width, line), _RIGHT, row.state)
        self._icons.paint(
            painter, QRectF(right - width - 17, top + 8, 13, line), row.icon, tone_text(row.tone)
        )
        name = theme.font("ui", 500)
        painter.setFont(name)
        painter.setPen(theme.color("text.primary"))
        room = right - width - 23 - left
        shown = QFontMetricsF(name).elidedText(row.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, top + 8, room, line), _LEFT, shown)
        below = top + 8 + line
        none: list[Call] = ["none"]
        calls = none * (CALLS - len(row.calls)) + list(row.calls[-CALLS:])
        for number, call in enumerate(calls):
            token, tall = _BARS[call]
            painter.fillRect(QRectF(left + number * 6, below + 16 - tall, 4, tall), theme.color(token))
        painter.setFont(small)
        painter.setPen(theme.color("text.secondary" if row.tone == "success" else "text.primary"))
        rest = QRectF(left + CALLS * 6 + 4, below, right - left - CALLS * 6 - 4, line)
        note = QFontMetricsF(small).elidedText(row.note, Qt.TextElideMode.ElideRight, rest.width())
        painter.drawText(rest, _RIGHT, note)
        if not last:
            painter.fillRect(QRectF(0, top + height - 1, self.width(), 1), theme.color("border.subtle"))
