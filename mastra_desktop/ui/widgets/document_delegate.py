"""How the rows of the document table are painted."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.knowledge_roles import DocumentColumn, DocumentRole
from mastra_desktop.ui.theme import Theme, ThemeController
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text
from mastra_desktop.ui.widgets.spinner import draw_spinner
from mastra_desktop.ui.widgets.tile import draw_tile

Index = QModelIndex | QPersistentModelIndex
_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
_TILE, _SIGN = 28, 15
EDGE, GAP = 24, 16  # left and right of a row; between two columns


class DocumentDelegate(QStyledItemDelegate):
    """Reads `DocumentRole`s. `angle` (degrees) turns the spinners, `hover_row` is under the pointer."""

    def __init__(self, view: QTableView, theme: ThemeController, icons: Icons) -> None:
        super().__init__(view)
        self._view, self._theme, self._icons = view, theme, icons
        self.angle = 0.0
        self.hover_row = -1
        self.retry_label = self.tr("Retry")

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme.current
        rect = QRectF(option.rect)
        painter.save()
        painter.setClipRect(rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected or index.row() == self.hover_row:
            painter.fillRect(rect, theme.color("surface.selected" if selected else "surface.hover"))
        painter.fillRect(
            QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), theme.color("border.subtle")
        )
        self._paint_focus(painter, rect, index)
        inside = cell(rect, index.column())
        match index.column():
            case DocumentColumn.NAME:
                self._paint_name(painter, inside, index, theme)
            case DocumentColumn.STATUS:
                self._paint_status(painter, inside, index, theme)
            case _:
                self._paint_figure(painter, inside, index, theme)
        painter.restore()

    def _paint_focus(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        """A frame around the row the keys are in; each cell paints its part."""
        if not self._view.hasFocus() or index.row() != self._view.currentIndex().row():
            return
        whole = rect.adjusted(0, 0, 0, -1)
        if index.column() > 0:
            whole.setLeft(whole.left() - 10)
        if index.column() < DocumentColumn.ADDED:
            whole.setRight(whole.right() + 10)
        draw_box(painter, whole, 4, None, self._theme.current.color("border.focus"), 2)

    def _paint_name(self, painter: QPainter, rect: QRectF, index: Index, theme: Theme) -> None:
        tile = QRectF(rect.left(), rect.center().y() - _TILE / 2, _TILE, _TILE)
        draw_tile(
            painter,
            tile,
            self._theme,
            self._icons,
            str(index.data(DocumentRole.TILE)),
            str(index.data(DocumentRole.ICON)),
        )
        left = tile.right() + 12
        lines = QRectF(left, rect.top(), rect.right() - left, rect.height())
        name, note = _two_lines(lines, theme)
        _draw(painter, name, str(index.data()), theme, "text.primary", weight=500, middle=True)
        _draw(painter, note, str(index.data(DocumentRole.NOTE) or ""), theme, "text.tertiary", size="small")

    def _paint_status(self, painter: QPainter, rect: QRectF, index: Index, theme: Theme) -> None:
        note = str(index.data(DocumentRole.NOTE) or "")
        percent = index.data(DocumentRole.PERCENT)
        right = rect.right()
        if index.data(DocumentRole.RETRY):
            button = self.retry_rect(rect)
            self._paint_retry(painter, button, theme)
            right = button.left() - 8
        first = QRectF(rect.left(), rect.top(), right - rect.left(), rect.height())
        second = QRectF()
        if note:
            first, second = _two_lines(first, theme)
        elif percent is not None:
            line = theme.scaled(16)
            top = rect.top() + (rect.height() - line - 8) / 2
            first = QRectF(rect.left(), top, first.width(), line)
            second = QRectF(rect.left(), top + line + 4, rect.width(), 4)
        tone = cast(Tone, index.data(DocumentRole.TONE) or "")
        sign = QRectF(first.left(), first.top(), _SIGN, first.height())
        if index.data(DocumentRole.BUSY):
            draw_spinner(painter, sign, theme.color("accent.fg"), self.angle)
        else:
            self._icons.paint(painter, sign, str(index.data(DocumentRole.ICON)), tone_text(tone))
        words = first.adjusted(_SIGN + 6, 0, 0, 0)
        if percent is not None:
            figure = f"{percent}%"
            _draw(painter, words, figure, theme, "text.secondary", size="small", align=_RIGHT)
            words.setRight(words.right() - 38)
        color = "text.primary" if percent is not None else tone_text(tone)
        _draw(painter, words, str(index.data()), theme, color, weight=500 if note else 400)
        if note:
            _draw(painter, second, note, theme, "text.secondary", size="small")
        elif percent is not None:
            draw_box(painter, second, 2, theme.color("chart.track"))
            done = QRectF(second)
            done.setWidth(max(4.0, second.width() * cast(int, percent) / 100))
            if percent:
                draw_box(painter, done, 2, theme.color(str(index.data(DocumentRole.PERCENT_COLOR))))

    def retry_rect(self, rect: QRectF) -> QRectF:
        """Where the button Retry is in a status cell's inner `rect`."""
        theme = self._theme.current
        width = 12 + 6 + 16 + QFontMetrics(theme.font("small", 500)).horizontalAdvance(self.retry_label) + 4
        height = theme.scaled(24)
        return QRectF(rect.right() - width, rect.center().y() - height / 2, width, height)

    def _paint_retry(self, painter: QPainter, rect: QRectF, theme: Theme) -> None:
        draw_box(painter, rect, 5, theme.color("control.bg"), theme.color("border.strong"))
        self._icons.paint(
            painter, QRectF(rect.left() + 8, rect.top(), 12, rect.height()), "rotate-ccw", "text.primary"
        )
        words = rect.adjusted(8 + 12 + 6, 0, 0, 0)
        _draw(painter, words, self.retry_label, theme, "text.primary", size="small", weight=500)

    def _paint_figure(self, painter: QPainter, rect: QRectF, index: Index, theme: Theme) -> None:
        text = str(index.data() or "")
        passages = index.column() == DocumentColumn.PASSAGES
        color = "text.tertiary" if text == "–" else "text.primary" if passages else "text.secondary"
        _draw(painter, rect, text, theme, color, size="ui" if passages else "small", align=_RIGHT)


def cell(rect: QRectF, column: int) -> QRectF:
    """What of a cell holds words: without the row's edges and the gaps between columns."""
    left = EDGE if column == DocumentColumn.NAME else 0
    right = EDGE if column == DocumentColumn.ADDED else GAP
    return rect.adjusted(left, 0, -right, 0)


def _two_lines(rect: QRectF, theme: Theme) -> tuple[QRectF, QRectF]:
    first, second = theme.scaled(18), theme.scaled(16)
    top = rect.top() + (rect.height() - first - second) / 2
    return (
        QRectF(rect.left(), top, rect.width(), first),
        QRectF(rect.left(), top + first, rect.width(), second),
    )


def _draw(
    painter: QPainter,
    rect: QRectF,
    text: str,
    theme: Theme,
    color: str,
    *,
    size: str = "ui",
    weight: int = 400,
    align: Qt.AlignmentFlag = _MIDDLE,
    middle: bool = False,
) -> None:
    """One elided line; `middle` shortens in the middle, so that a file's ending stays."""
    font = theme.font(size, weight, tabular=True)
    mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
    painter.setFont(font)
    painter.setPen(theme.color(color))
    painter.drawText(rect, align, QFontMetrics(font).elidedText(text, mode, int(rect.width()) + 1))
