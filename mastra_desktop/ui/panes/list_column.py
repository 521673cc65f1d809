"""A column at the left of a pane: its title with a button for something new, a search, and rows to open."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.empty_state import EmptyState
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.section_list import SectionList


class ListColumn(QWidget):
    """`lay_out` it. `nothing` takes the place of the rows when a search finds none."""

    new_wanted = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons

    def lay_out(
        self, model: QAbstractItemModel, *, title: str, rows: str, search: str, new: str, new_icon: str
    ) -> None:
        """`rows`, `search` and `new` are what the list, its search and the button say they are."""
        theme, icons = self._theme, self._icons
        self.setProperty("bar", "list")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.search = SearchField(search, theme, icons, "Ctrl F")
        self.rows = SectionList(rows, theme, icons)
        self.rows.setModel(model)
        self.nothing = EmptyState(theme, icons, "search", self.tr("Nothing found"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.rows)
        self._stack.addWidget(self.nothing)
        self.new_button = IconButton(new_icon, new, theme, icons, "Ctrl+N")
        self.new_button.clicked.connect(self.new_wanted)
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(theme.current.px("control.header"))
        line = QHBoxLayout(header)
        line.setContentsMargins(16, 0, 12, 0)
        line.addWidget(label(title, "title"), 1)
        line.addWidget(self.new_button)
        around = QVBoxLayout()
        around.setContentsMargins(12, 10, 12, 7)
        around.addWidget(self.search)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.column.addWidget(header)
        self.column.addLayout(around)
        self.column.addWidget(self._stack, 1)
        self.search.returnPressed.connect(self.rows.setFocus)

    def show_found(self, found: bool) -> None:
        """Whether there are rows to show."""
        self._stack.setCurrentWidget(self.rows if found else self.nothing)

    def set_drawer(self, drawer: bool) -> None:
        """Whether it lies over what is beside it."""
        self.setProperty("bar", "drawer" if drawer else "list")
        restyle(self)

    def begin_rename(self, row_id: str) -> None:
        self.show()
        self.rows.begin_rename(row_id)
