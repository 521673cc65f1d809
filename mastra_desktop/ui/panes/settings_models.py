"""The models of one provider: which are offered, what they read and cost, how often they were asked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QDate, QLocale, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.models import ModelInfo, ModelPrice
from mastra_desktop.services.price_book import PriceBook
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_row import (
    CALLS_WIDTH,
    CONTEXT_WIDTH,
    PRICE_MARGIN,
    PRICE_WIDTH,
    ROW_HEIGHT,
    ModelRow,
    PriceEditor,
    TableLine,
)
from mastra_desktop.ui.panes.parts import IconText, Panel, label
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button

FIRST, STEP = 7, 100
TASK, WRITE_TASK = "settings-models", "settings-change-models"


def chosen_after(listed: Sequence[str], chosen: Sequence[str], name: str, on: bool) -> tuple[str, ...] | None:
    """The configuration's `models` once `name` is switched; () is every listed one. None: nothing is left."""
    every = [*listed, *(other for other in chosen if other not in listed)]
    now = set(chosen or every) | {name} if on else set(chosen or every) - {name}
    if not now:
        return None
    return () if now == set(listed) else tuple(other for other in every if other in now)


class ModelsPanel(QWidget):
    """Follows `show_server`. What a switch or the price fields change is written at once."""

    changed = Signal()
    counted = Signal(str)  # "6 of 14 on"

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self.destroyed.connect(lambda: tasks.cancel(TASK))
        self._server: ServerInfo | None = None
        self._chosen: tuple[str, ...] = ()  # as in the configuration; () is all
        self._offered: tuple[str, ...] = ()  # until the provider has been asked for its whole list
        self._listed: list[ModelInfo] | None = None
        self._said: dict[str, int] = {}  # contexts in tokens, as the provider gives them
        self._order: list[str] = []
        self._book, self._calls = PriceBook(), dict[str, int]()
        self._most = FIRST
        self.rows: dict[str, ModelRow] = {}
        self.editor: PriceEditor | None = None
        self._editing = ""
        self.refresh_button = Button(self.tr("Refresh list"), theme, icons, size="small", icon="refresh-cw")
        self.refresh_button.setObjectName("refreshModelsButton")
        self.refresh_button.clicked.connect(self.refresh)
        self.more_button = Button("", theme, icons, "quiet", "small", icon="chevron-down")
        self.more_button.setObjectName("moreModelsButton")
        self.more_button.clicked.connect(self._show_more)
        self.waiting = label("", "hint", wrap=True)
        self.trouble = label("", "error", wrap=True)
        self.problem = IconText("triangle-alert", "", theme, icons, tone="warn", wrap=True)
        self.note = label("", "hint", wrap=True)
        self._table = _Table(theme)
        self._lines = QVBoxLayout()
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(0)
        self._table.column.addWidget(self._heading())
        self._table.column.addLayout(self._lines)
        self._table.column.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for part in (self.waiting, self._table, self.trouble, self.problem, self.note):
            column.addWidget(part)
        for part in (self._table, self.trouble, self.problem):
            part.hide()

    # -- what is shown ------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every model there is to switch, in the order shown."""
        return list(self._order)

    def show_server(self, server: ServerInfo) -> None:
        """Another provider, or the same with news: its list is then kept, and so is what is edited."""
        before, self._server = self._server, server
        if before is None or (before.id, before.base_url) != (server.id, server.base_url):
            self._tasks.cancel(TASK)
            self._listed, self._offered, self._order, self._most = None, (), [], FIRST
            self._calls, self._said = {}, {}
            self._close_editor()
            self._tell("")
        elif before == server and self._tasks.running(TASK):
            return
        self._chosen = server.models
        self.refresh_button.setEnabled(server.enabled)
        self._fill()
        self._tasks.start(self._load(server, again=False), key=TASK)

    def show_offered(self, names: tuple[str, ...], waiting: str) -> None:
        """What can be asked now, or in words why nothing is known of it."""
        self._offered = names
        self.waiting.setText(waiting)
        self._fill()

    def refresh(self) -> None:
        """Asks the provider for its list anew."""
        if self._server is not None:
            self._tasks.start(self._load(self._server, again=True), key=TASK)

    async def _load(self, server: ServerInfo, *, again: bool) -> None:
        async def known(core: Core) -> tuple[PriceBook, dict[str, int]]:
            return await core.prices.book(), await core.prices.calls(server.id)

        self.refresh_button.set_loading(False)  # of a load that this one has replaced
        self._book, self._calls = await self._bridge.call(known)
        self._fill()
        if not server.enabled or (self._listed is not None and not again):
            return
        self.refresh_button.set_loading(True)
        try:
            listed = await self._bridge.call(lambda core: core.providers.listed(server.id))
        except MastraError as error:
            self._tell(f"{error.message} {error.hint}".strip())
        else:
            self._listed = listed
            self._said = {m.name: m.context_tokens for m in listed if m.context_tokens is not None}
            self._tell("")
        self.refresh_button.set_loading(False)
        self._fill()

    def _listed_names(self) -> list[str]:
        """As the provider gives them: only when nothing is chosen are those offered the whole list."""
        if self._listed is not None:
            return [model.name for model in self._listed]
        return [] if self._chosen else list(self._offered)

    def _is_on(self, name: str) -> bool:
        return not self._chosen or name in self._chosen

    def _fill(self) -> None:
        """Rows that are there already stay, with what they show brought up to date."""
        if self._server is None:
            return
        listed = self._listed_names()
        every = dict.fromkeys([*listed, *self._chosen])
        new = [name for name in every if name not in self._order]
        new.sort(key=lambda n: (not self._is_on(n), self._price(n).input is None, n))
        self._order = [name for name in self._order if name in every] + new
        shown = self._order[: self._most]
        if list(self.rows) != shown:
            self._rebuild(shown)
        for name, row in self.rows.items():
            model_id = f"{self._server.id}/{name}"
            here, own = self._book.on_this_computer(model_id), self._book.is_own(model_id)
            calls = self._calls.get(name, 0)
            row.show_model(self._is_on(name), self._price(name), calls, here=here, own=own)
        left = len(self._order) - len(shown)
        words = self.tr("Show 1 more model") if left == 1 else self.tr("Show {n} more models").format(n=left)
        self.more_button.setText(words)
        self.more_button.setVisible(left > 0)
        self._table.setVisible(bool(self._order))
        self.waiting.setVisible(not self._order and not self.trouble.isVisibleTo(self))
        self.problem.set("triangle-alert", self._book.problem, "warn")
        self.problem.setVisible(bool(self._book.problem))
        self._show_note()
        on = sum(self._is_on(name) for name in self._order)
        counted = self.tr("{n} of {of} on").format(n=on, of=len(self._order))
        self.counted.emit(counted if self._order else "")

    def _price(self, name: str) -> ModelPrice:
        """The person's own figure for the context goes before the provider's, ours after it."""
        model_id = f"{self._server.id}/{name}" if self._server is not None else name
        found = self._book.price(model_id)
        said = self._said.get(name)
        if said is None or self._book.is_own(model_id):
            return found
        return ModelPrice(said, found.input, found.cached, found.output, found.up_to)

    def _show_note(self) -> None:
        as_of = self._book.shipped.as_of
        self.note.setVisible(as_of is not None and bool(self._order))
        if as_of is not None:
            day = QLocale().toString(QDate(as_of.year, as_of.month, as_of.day), "d MMMM yyyy")
            words = self.tr("Prices in US dollars, as of {day}. Press one to enter your own.")
            self.note.setText(words.format(day=day))

    def _rebuild(self, names: list[str]) -> None:
        kept = {name: row for name, row in self.rows.items() if name in names}
        while (item := self._lines.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget not in kept.values() and widget is not self.editor:
                widget.hide()
                widget.deleteLater()
        self.rows = {name: kept.get(name) or self._new_row(name) for name in names}
        for name, row in self.rows.items():
            self._lines.addWidget(row)
            if self.editor is not None and name == self._editing:
                self._lines.addWidget(self.editor)
        if self._editing not in self.rows:
            self._close_editor()

    def _new_row(self, name: str) -> ModelRow:
        row = ModelRow(self._theme, name)
        row.toggled.connect(lambda on: self._toggle(name, on))
        row.edit_wanted.connect(lambda: self._edit(name))
        return row

    def _show_more(self) -> None:
        shown = len(self.rows)
        self._most = shown + STEP
        self._fill()
        self.rows[self._order[shown]].switch.setFocus(Qt.FocusReason.OtherFocusReason)

    def _tell(self, words: str) -> None:
        self.trouble.setText(words)
        self.trouble.setVisible(bool(words))

    # -- changes ------------------------------------------------------------------------------------

    def _toggle(self, name: str, on: bool) -> None:
        if self._server is None:
            return
        chosen = chosen_after(self._listed_names(), self._chosen, name, on)
        if chosen is None:
            self._tell(self.tr("One model stays on. To ask none of them, switch the provider off."))
            self._fill()
            return
        self._chosen = chosen
        self._tell("")
        self._tasks.start(self._write(self._server, chosen), key=WRITE_TASK)

    async def _write(self, server: ServerInfo, chosen: tuple[str, ...]) -> None:
        try:
            await self._bridge.call(lambda core: core.providers.change_server(server.id, models=chosen))
        except MastraError as error:
            if self._server is server:
                self._chosen = server.models
                self._tell(f"{error.message} {error.hint}".strip())
                self._fill()
            return
        self.changed.emit()

    def _edit(self, name: str) -> None:
        if self._server is None or self._book.shipped.as_of is None:  # not loaded yet
            return
        again = self._editing == name
        self._close_editor()
        if again:
            return
        own = self._book.is_own(f"{self._server.id}/{name}")
        self.editor = PriceEditor(self._theme, self._icons, name, self._price(name), own=own)
        self._editing = name
        self.editor.saved.connect(self._save_price)
        self.editor.closed.connect(self._close_editor)
        self._lines.insertWidget(list(self.rows).index(name) + 1, self.editor)
        self.editor.input.setFocus(Qt.FocusReason.OtherFocusReason)

    def _save_price(self, price: ModelPrice | None) -> None:
        if self._server is not None:
            model_id = f"{self._server.id}/{self._editing}"
            self._tasks.start(self._write_price(model_id, price), key=WRITE_TASK)

    async def _write_price(self, model_id: str, price: ModelPrice | None) -> None:
        editor = self.editor
        try:
            await self._bridge.call(lambda core: core.prices.change(model_id, price))
        except MastraError as error:
            if editor is not None and editor is self.editor:
                editor.show_trouble(f"{error.message} {error.hint}".strip())
            return
        if editor is self.editor:
            self._close_editor()
        self.changed.emit()
        if self._server is not None:
            self._tasks.start(self._load(self._server, again=False), key=TASK)

    def _close_editor(self) -> None:
        editor, self.editor = self.editor, None
        row = self.rows.get(self._editing)
        self._editing = ""
        if editor is None:
            return
        if row is not None and editor.isAncestorOf(self.window().focusWidget() or self):
            row.price.setFocus(Qt.FocusReason.OtherFocusReason)
        self._lines.removeWidget(editor)
        editor.hide()
        editor.deleteLater()

    def _heading(self) -> QWidget:
        made = TableLine(self._theme, above=False)
        space = QWidget()
        space.setFixedWidth(30)
        made.row.addWidget(space)
        made.row.addWidget(label(self.tr("Model"), "label"), 1)
        for words, width in (
            (self.tr("Context"), CONTEXT_WIDTH),
            (self.tr("In / out per 1M"), PRICE_WIDTH),
            (self.tr("Calls"), CALLS_WIDTH),
        ):
            cell = label(words, "label")
            cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if width == PRICE_WIDTH:
                cell.setContentsMargins(0, 0, PRICE_MARGIN, 0)
            made.add_column(cell, width)
        return made


class _Table(Panel):
    """Its heading lies on a surface of its own."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme, fill="surface.content", radius=8, padding=(0, 0))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme = self._theme.current
        inside = QPainterPath()
        inside.addRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(inside)
        height = theme.scaled(ROW_HEIGHT)
        painter.fillRect(QRectF(0, 0, self.width(), height), theme.color("surface.raised"))
