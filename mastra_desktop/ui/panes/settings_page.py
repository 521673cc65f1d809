"""A page of settings: a header, and rows with a label column that goes on top where it is narrow."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.settings_search import Findable
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

LABEL_COLUMN = 176
MOST_WIDTH = 752
STACKED_BELOW = 520
TEXT_TOP = 7  # puts words on the line of a button's label
NARROW_MARGIN_BELOW = 460
_ROOM = 24  # around a row that is scrolled to


class SettingRow(QWidget):
    """What is set, a hint below it, and the controls; `text` for words that begin on the label's line.

    `name` is what the row is found by: a key of the configuration, or the title.
    """

    def __init__(
        self,
        theme: ThemeController,
        title: str,
        hint: str,
        controls: QWidget,
        *,
        text: bool = False,
        name: str = "",
    ) -> None:
        super().__init__()
        self._theme = theme
        self.title = title
        self.name = name or title
        self.controls = controls
        self._text = text
        self._side = QWidget()
        words = QVBoxLayout(self._side)
        words.setContentsMargins(0, TEXT_TOP, 0, 0)
        words.setSpacing(1)
        words.addWidget(label(title, "strong", wrap=True))
        self._hint = label(hint, "hint", wrap=True)
        words.addWidget(self._hint)
        self._hint.setVisible(bool(hint))  # once it has a parent: it would be a window of its own before
        words.addStretch(1)
        self._words = words
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 14, 0, 15)
        self._box.addWidget(self._side)
        self._box.addWidget(controls, 1, Qt.AlignmentFlag.AlignTop)
        if not controls.accessibleName():
            controls.setAccessibleName(title)
        theme.changed.connect(self._arrange)  # no lambda: that would outlive the row, as the theme does
        self.set_stacked(False)

    def set_hint(self, hint: str) -> None:
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))

    def words(self) -> str:
        """What the search looks through beside title and name: the hint, and what the controls are called."""
        return " ".join([self._hint.text(), *_names_in(self.controls)])

    def add_below(self, widget: QWidget) -> None:
        """Puts a control below the hint, in the label's column."""
        self._words.insertSpacing(self._words.count() - 1, 8)
        self._words.insertWidget(self._words.count() - 1, widget, 0, Qt.AlignmentFlag.AlignLeft)

    def set_stacked(self, stacked: bool) -> None:
        """The controls below the label instead of beside it."""
        self._stacked = stacked
        self._arrange()

    def _arrange(self) -> None:
        stacked = self._stacked
        direction = QBoxLayout.Direction.TopToBottom if stacked else QBoxLayout.Direction.LeftToRight
        self._box.setDirection(direction)
        self._box.setSpacing(8 if stacked else 24)
        if self._text:
            self.controls.setContentsMargins(0, 0 if stacked else TEXT_TOP, 0, 0)
        self._side.setMinimumWidth(0 if stacked else self._theme.current.scaled(LABEL_COLUMN))
        self._side.setMaximumWidth(16777215 if stacked else self._theme.current.scaled(LABEL_COLUMN))

    def focus_control(self) -> None:
        """The keys go to the first control that takes them."""
        for control in (self.controls, *self.controls.findChildren(QWidget)):
            if (
                control.focusPolicy() != Qt.FocusPolicy.NoFocus
                and control.isEnabled()
                and control.isVisibleTo(self)
            ):
                control.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def paintEvent(self, event: QPaintEvent) -> None:
        line = self._theme.current.color("border.subtle")
        QPainter(self).fillRect(0, self.height() - 1, self.width(), 1, line)


class SettingsPage(QWidget):
    """What belongs beside the title goes into `head`, rows into the scrolling body."""

    def __init__(self, theme: ThemeController, title: str) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("settingsPage")
        self.setAccessibleName(title)
        self.rows: list[SettingRow] = []
        self._stacked = False
        self._header = Header(theme)
        self.head = self._header.row
        self.title_label = ElidedLabel(title, "title")
        self.head.addWidget(self.title_label)
        self._inner = QWidget()
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        column = QWidget()
        column.setLayout(self.body)
        column.setMaximumWidth(MOST_WIDTH)
        self._margins = QHBoxLayout(self._inner)
        self._margins.setContentsMargins(24, 6, 24, 24)
        self._margins.addWidget(column, 1000, Qt.AlignmentFlag.AlignTop)
        self._margins.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._header)
        whole.addWidget(self._scroll, 1)

    def add_row(
        self, title: str, hint: str, controls: QWidget, *, text: bool = False, name: str = ""
    ) -> SettingRow:
        row = SettingRow(self._theme, title, hint, controls, text=text, name=name)
        row.set_stacked(self._stacked)
        self.rows.append(row)
        self.body.addWidget(row)
        return row

    def add_heading(self, title: str) -> None:
        """Above the rows that come next."""
        heading = label(title, "panelTitle")
        heading.setContentsMargins(0, 20, 0, 0)
        self.body.addWidget(heading)

    def findable(self) -> list[Findable]:
        """What the search may find here."""
        return [Findable(row.name, row.title, row.words()) for row in self.rows if not row.isHidden()]

    def reveal(self, name: str) -> None:
        """Scrolls to that setting and gives it the keys."""
        for row in self.rows:
            if row.name == name and not row.isHidden():
                row.focus_control()
                show = partial(self._scroll.ensureWidgetVisible, row, 0, _ROOM)
                QTimer.singleShot(0, self, show)  # once a page that was only made is laid out
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = event.size().width()
        self._stacked = width < self._theme.current.scaled(STACKED_BELOW)
        side = 16 if width < NARROW_MARGIN_BELOW else 24
        self._margins.setContentsMargins(side, 6, side, 24)
        self.head.setContentsMargins(side, 0, side, 1)
        for row in self.rows:
            row.set_stacked(self._stacked)


def _names_in(controls: QWidget) -> list[str]:
    """What those are called, and said to do, that take the keys."""
    inside = [each for each in controls.findChildren(QWidget) if each.focusPolicy() != Qt.FocusPolicy.NoFocus]
    names = [controls.accessibleDescription()]
    for each in inside:
        names += [each.accessibleName(), each.accessibleDescription()]
    return [*names, *(each.text() for each in inside if isinstance(each, QAbstractButton))]


class Header(QWidget):
    """48 px high with a line below."""

    def __init__(self, theme: ThemeController, side: int = 24) -> None:
        super().__init__()
        self._theme = theme
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(side, 0, side, 1)
        self.row.setSpacing(10)
        theme.changed.connect(self._size)
        self._size()

    def paintEvent(self, event: QPaintEvent) -> None:
        line = self._theme.current.color("border.subtle")
        QPainter(self).fillRect(0, self.height() - 1, self.width(), 1, line)

    def _size(self) -> None:
        self.setFixedHeight(self._theme.current.scaled(self._theme.current.px("control.header")))


def column_of(*widgets: QWidget, spacing: int = 8) -> QWidget:
    """The widgets below each other, as the controls of one row."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(spacing)
    for widget in widgets:
        column.addWidget(widget)
    return made


def row_of(*widgets: QWidget, stretch: int = -1, spacing: int = 8) -> QWidget:
    """The widgets beside each other; the one at `stretch` takes the room, -1: none does."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(spacing)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == stretch else 0)
    if stretch < 0:
        row.addStretch(1)
    return made
