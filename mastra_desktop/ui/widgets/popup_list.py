"""A list to choose from, with search and groups: models, agents, collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.overlay import Popover
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.search_field import SearchField

_ROW, _GROUP = 32, 26
_MOST_ROWS = 9
_SEARCH_FROM = 7  # fewer choices need no search line
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class PopupItem:
    """One choice. `note` stands at the right, quieter; items of one `group` follow each other."""

    id: str
    title: str
    note: str = ""
    group: str = ""
    icon: str = ""
    checked: bool = False
    enabled: bool = True


class PopupList(Popover):
    """Typing filters, Up and Down move, Enter chooses, Esc closes."""

    chosen = Signal(str)

    def __init__(
        self,
        anchor: QWidget,
        items: Sequence[PopupItem],
        label: str,
        theme: ThemeController,
        icons: Icons,
        placeholder: str = "",
        width: int = 300,
        *,
        multiple: bool = False,
        closes_without_match: bool = False,
    ) -> None:
        """`label` names the list for screen readers; seven items or a `placeholder` bring a search line.

        `multiple`: choosing turns an item's check mark, and the list stays open.
        """
        super().__init__(anchor, theme)
        self._multiple, self._closes_without_match = multiple, closes_without_match
        self._all = list(items)
        self._done = False  # something was chosen
        self._theme = theme
        self.setFixedWidth(width)
        column = QVBoxLayout(self)
        column.setContentsMargins(5, 5, 5, 5)
        column.setSpacing(5)
        self._search: SearchField | None = None
        if placeholder or len(items) >= _SEARCH_FROM:
            self._search = SearchField(placeholder or self.tr("Search"), theme, icons, parent=self)
            self._search.textChanged.connect(self._filter)
            self._search.installEventFilter(self)
            column.addWidget(self._search)
        self._rows = _Rows(self)
        self._list = QListView(self)
        self._list.setAccessibleName(label)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setModel(self._rows)
        self._list.setItemDelegate(_Delegate(theme, icons, self._list))
        self._list.setMouseTracking(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.entered.connect(self._list.setCurrentIndex)
        self._list.clicked.connect(self._choose)
        self._list.installEventFilter(self)
        column.addWidget(self._list)
        self._filter("")

    @property
    def search_text(self) -> str:
        """What was typed to filter; empty once something was chosen."""
        return "" if self._search is None or self._done else self._search.text()

    def open_popover(self) -> None:
        super().open_popover()
        (self._search or self._list).setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        key = event.key()
        if key == Qt.Key.Key_Escape and not (self._search and self._search.text()):
            self.close_popover()
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self._list.currentIndex())
            return True
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._move(1 if key == Qt.Key.Key_Down else -1)
            return True
        # Tab has nothing else in here to go to.
        return key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        self._rows.show_items(
            [
                item
                for item in self._all
                if all(word in f"{item.title} {item.note} {item.group}".casefold() for word in words)
            ]
        )
        if self._closes_without_match and words and not self._rows.rows:
            self.close_popover()
            return
        checked = next(
            (row for row, item in enumerate(self._rows.rows) if not isinstance(item, str) and item.checked),
            -1,
        )
        if checked >= 0:
            self._list.setCurrentIndex(self._rows.index(checked))
        else:
            self._list.setCurrentIndex(QModelIndex())
            self._move(1)
        theme = self._theme.current
        heights = [theme.scaled(_GROUP if isinstance(row, str) else _ROW) for row in self._rows.rows]
        self._list.setFixedHeight(max(theme.scaled(_ROW), min(sum(heights), theme.scaled(_ROW) * _MOST_ROWS)))

    def _move(self, step: int) -> None:
        row = self._list.currentIndex().row()
        for _ in self._rows.rows:
            row = (row + step) % len(self._rows.rows)
            if self._rows.flags(self._rows.index(row)) & Qt.ItemFlag.ItemIsEnabled:
                self._list.setCurrentIndex(self._rows.index(row))
                return

    def _choose(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        item = self._rows.rows[index.row()]
        if isinstance(item, str) or not item.enabled:
            return
        if self._multiple:
            self._turn(index.row(), item)
            self.chosen.emit(item.id)
            return
        self._done = True
        self.close_popover()
        self.chosen.emit(item.id)

    def _turn(self, row: int, item: PopupItem) -> None:
        """Set or take away an item's check mark."""
        turned = replace(item, checked=not item.checked)
        self._rows.rows[row] = turned
        self._all = [turned if other.id == item.id else other for other in self._all]
        self._list.viewport().update()


class _Rows(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[PopupItem | str] = []  # a string is a group's heading

    def show_items(self, items: Sequence[PopupItem]) -> None:
        self.beginResetModel()
        self.rows = []
        group = ""
        for item in items:
            if item.group and item.group != group:
                self.rows.append(item.group)
            group = item.group
            self.rows.append(item)
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row if isinstance(row, str) else row.title
        if role == Qt.ItemDataRole.AccessibleDescriptionRole and not isinstance(row, str):
            return row.note
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.rows[index.row()]
        if isinstance(row, str) or not row.enabled:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class _Delegate(QStyledItemDelegate):
    def __init__(self, theme: ThemeController, icons: Icons, parent: QObject) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        rows = index.model()
        heading = isinstance(rows, _Rows) and isinstance(rows.rows[index.row()], str)
        return QSize(10, self._theme.current.scaled(_GROUP if heading else _ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rows = index.model()
        if not isinstance(rows, _Rows):
            return
        theme = self._theme.current
        row = rows.rows[index.row()]
        rect = QRectF(option.rect)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.save()
        if isinstance(row, str):
            painter.setFont(theme.font("caption", 600))
            painter.setPen(theme.color("text.tertiary"))
            painter.drawText(rect.adjusted(8, 2, -8, 0), middle, row)
            painter.restore()
            return
        on = bool(option.state & QStyle.StateFlag.State_Selected)
        if on:
            draw_box(painter, rect, 5, theme.color("accent.fill"))
        ink = "text.onAccent" if on else "text.primary" if row.enabled else "text.disabled"
        quiet = "text.onAccent" if on else "text.tertiary" if row.enabled else "text.disabled"
        left, right = rect.left() + 8, rect.right() - 8
        if row.icon:
            self._icons.paint(painter, QRectF(left, rect.top(), 14, rect.height()), row.icon, quiet)
            left += 14 + 8
        if row.checked:
            self._icons.paint(
                painter,
                QRectF(right - 14, rect.top(), 14, rect.height()),
                "check",
                ink if on else "accent.fg",
            )
        right -= 14 + 6
        if row.note:
            font = theme.font("small")
            metrics = QFontMetrics(font)
            note = metrics.elidedText(row.note, Qt.TextElideMode.ElideRight, int((right - left) * 0.55))
            width = metrics.horizontalAdvance(note) + 2
            painter.setFont(font)
            painter.setPen(theme.color(quiet))
            painter.drawText(QRectF(right - width, rect.top(), width, rect.height()), middle, note)
            right -= width + 10
        font = theme.font("ui")
        painter.setFont(font)
        painter.setPen(theme.color(ink))
        title = QFontMetrics(font).elidedText(row.title, Qt.TextElideMode.ElideMiddle, int(right - left))
        painter.drawText(QRectF(left, rect.top(), right - left, rect.height()), middle, title)
        painter.restore()
