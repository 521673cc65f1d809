"""How the Metrics pane's parts stand: a grid that loses columns with its width, and panels with a header."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.panes.parts import Panel, label
from mastra_desktop.ui.theme import ThemeController

GAP = 12
_HEAD = 38


class Tiles(QWidget):
    """Equal columns, filled row by row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles: list[QWidget] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)

    @property
    def columns(self) -> int:
        return self._columns

    @property
    def tiles(self) -> Sequence[QWidget]:
        return self._tiles

    def set_tiles(self, tiles: Sequence[QWidget]) -> None:
        self._tiles = list(tiles)
        self._place()

    def set_columns(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            self._place()

    def _place(self) -> None:
        if not self._columns:
            return
        while self._grid.count():
            self._grid.takeAt(0)
        for column in range(max(self._grid.columnCount(), self._columns)):
            self._grid.setColumnStretch(column, 1 if column < self._columns else 0)
        for number, tile in enumerate(self._tiles):
            self._grid.addWidget(tile, number // self._columns, number % self._columns)


class TitledPanel(Panel):
    """A card with a title and tools in a header 38 high; content goes into `column`."""

    def __init__(self, title: str, theme: ThemeController, tools: Sequence[QWidget] = ()) -> None:
        super().__init__(theme, radius=8, padding=(1, 1))
        self._theme = theme
        self.setAccessibleName(title)
        head = QWidget()
        head.setProperty("bar", "header")
        head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._head = head
        self.title = QLabel(title)
        self.title.setProperty("role", "panelTitle")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(head)
        row.setContentsMargins(13, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self.title, 1)
        for tool in tools:
            row.addWidget(tool)
        self.column.addWidget(head)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self._head.setFixedHeight(self._theme.current.scaled(_HEAD))


def nothing_label(words: str) -> QLabel:
    """What a panel says while it has nothing."""
    made = label(words, "hint", wrap=True)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setContentsMargins(14, 18, 14, 18)
    return made


class Filled(QWidget):
    """Content, or words where there is none."""

    def __init__(self, content: QWidget, words: str) -> None:
        super().__init__()
        self._content, self._words = content, nothing_label(words)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._words)
        column.addWidget(content)
        self.set_filled(False)

    def set_filled(self, filled: bool) -> None:
        self._content.setVisible(filled)
        self._words.setVisible(not filled)

    def set_words(self, words: str) -> None:
        self._words.setText(words)

    @property
    def words(self) -> str:
        """What it says; "" while there is content."""
        return "" if self._words.isHidden() else self._words.text()
