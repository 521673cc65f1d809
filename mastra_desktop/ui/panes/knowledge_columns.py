"""The three columns of the knowledge pane, and which of them are drawers in a narrow window."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from mastra_desktop.ui.panes.knowledge_collections import KnowledgeCollections
from mastra_desktop.ui.session import put
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import restyle

_LIST, _SEARCH = 256, 408  # widths at first
_SEARCH_LEAST, _SEARCH_MOST = 340, 640


class KnowledgeColumns(QWidget):
    """Below 1280 px the search lies over the documents when it is wanted, below 960 the list too."""

    list_hidden = Signal(bool)  # the list has to be asked for by a button
    search_hidden = Signal(bool)
    search_is_drawer = Signal(bool)

    def __init__(
        self,
        theme: ThemeController,
        state: QSettings,
        list_: KnowledgeCollections,
        middle: QWidget,
        search: QWidget,
    ) -> None:
        super().__init__()
        self._theme, self._state = theme, state
        self._list, self._middle, self._search = list_, middle, search
        self._list_drawer = self._search_drawer = False
        self._window_width = 0
        self._list_off = _flag(state, "knowledge/list-hidden")
        self._search_off = _flag(state, "knowledge/search-hidden")
        self._widths = [_number(state, "knowledge/list-width", _LIST)]
        self._widths.append(_number(state, "knowledge/search-width", _SEARCH))
        layout = theme.current
        list_.setMinimumWidth(layout.px("layout.list.min"))
        list_.setMaximumWidth(layout.px("layout.list.max"))
        search.setMinimumWidth(_SEARCH_LEAST)
        search.setMaximumWidth(_SEARCH_MOST)
        middle.setMinimumWidth(layout.px("layout.content.min"))
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        for at, widget in enumerate((list_, middle, search)):
            self._splitter.addWidget(widget)
            self._splitter.setStretchFactor(at, int(widget is middle))
        self._splitter.setSizes([self._widths[0], 10_000, self._widths[1]])
        self._splitter.splitterMoved.connect(self._keep_widths)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._splitter)
        list_.setVisible(not self._list_off)
        search.setVisible(not self._search_off)
        theme.changed.connect(self._rescale)

    def _rescale(self) -> None:
        self.set_window_width(self._window_width)

    def set_window_width(self, width: int) -> None:
        """In pixels, of the whole window. Larger text needs wider columns."""
        self._window_width = width
        theme = self._theme.current
        self._set_list_drawer(width < theme.scaled(theme.px("layout.breakpoints.listDrawerBelow")))
        self._set_search_drawer(width < theme.scaled(theme.px("layout.breakpoints.fourColumns")))
        self.place_drawers()
        self._tell()

    def toggle_list(self) -> None:
        show = not self._list.isVisibleTo(self)
        if not self._list_drawer:
            self._list_off = not show
        self._show(self._list, show, drawer=self._list_drawer)

    def show_list(self) -> None:
        if not self._list.isVisibleTo(self):
            self.toggle_list()

    def toggle_search(self) -> None:
        show = not self._search.isVisibleTo(self)
        if not self._search_drawer:
            self._search_off = not show
        self._show(self._search, show, drawer=self._search_drawer)

    def close_drawer(self) -> bool:
        """Closes what lies over the documents; False when nothing does."""
        for widget, drawer in ((self._search, self._search_drawer), (self._list, self._list_drawer)):
            if drawer and widget.isVisibleTo(self):
                self._show(widget, False, drawer=True)
                return True
        return False

    def place_drawers(self) -> None:
        """Along the edges, as high as the pane."""
        if self._list_drawer:
            width = min(self._theme.current.scaled(_LIST + 24), self._list.maximumWidth())
            self._list.setGeometry(0, 0, width, self.height())
        if self._search_drawer:
            wanted = min(self._theme.current.scaled(_SEARCH), self._search.maximumWidth())
            width = min(wanted, self.width() - 40)
            self._search.setGeometry(self.width() - width, 0, width, self.height())

    def save_state(self) -> None:
        put(self._state, "knowledge/list-width", self._widths[0])
        put(self._state, "knowledge/search-width", self._widths[1])
        put(self._state, "knowledge/list-hidden", "true" if self._list_off else "false")
        put(self._state, "knowledge/search-hidden", "true" if self._search_off else "false")

    def _show(self, widget: QWidget, show: bool, *, drawer: bool) -> None:
        had_focus = widget.isAncestorOf(self.window().focusWidget() or self)
        widget.setVisible(show)
        if drawer and show:
            self.place_drawers()
            widget.raise_()
        elif not show and had_focus:
            self._middle.setFocus(Qt.FocusReason.OtherFocusReason)
        self._tell()

    def _tell(self) -> None:
        self.list_hidden.emit(self._list_drawer or self._list_off)
        self.search_hidden.emit(self._search_drawer or self._search_off)

    def _set_list_drawer(self, drawer: bool) -> None:
        if drawer == self._list_drawer:
            return
        self._list_drawer = drawer
        self._list.set_drawer(drawer)
        if drawer:
            self._take_out(self._list)
        else:
            self._splitter.insertWidget(0, self._list)
            self._list.setVisible(not self._list_off)
        self._lay_out()

    def _set_search_drawer(self, drawer: bool) -> None:
        if drawer == self._search_drawer:
            return
        self._search_drawer = drawer
        self._search.setProperty("bar", "drawerRight" if drawer else "list")
        restyle(self._search)
        self.search_is_drawer.emit(drawer)
        if drawer:
            self._take_out(self._search)
        else:
            self._splitter.addWidget(self._search)
            self._search.setVisible(not self._search_off)
        self._lay_out()

    def _take_out(self, widget: QWidget) -> None:
        widget.setParent(self)
        widget.hide()
        self.place_drawers()

    def _lay_out(self) -> None:
        sizes = {"list": self._widths[0], "search": self._widths[1], "middle": 10_000}
        places = {self._splitter.indexOf(self._middle): "middle"}
        if not self._list_drawer:
            places[self._splitter.indexOf(self._list)] = "list"
        if not self._search_drawer:
            places[self._splitter.indexOf(self._search)] = "search"
        for at, name in places.items():
            self._splitter.setStretchFactor(at, int(name == "middle"))
        self._splitter.setSizes([sizes[places[at]] for at in sorted(places)])

    def _keep_widths(self) -> None:
        if not self._list_drawer and self._list.isVisible():
            self._widths[0] = self._list.width()
        if not self._search_drawer and self._search.isVisible():
            self._widths[1] = self._search.width()


def _flag(state: QSettings, name: str) -> bool:
    return str(state.value(name, "false")) == "true"


def _number(state: QSettings, name: str, default: int) -> int:
    text = str(state.value(name, ""))
    return int(text) if text.isdecimal() else default
