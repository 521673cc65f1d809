"""The window: rail, panes, status bar; what starts, what the bus says, and how it closes."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError, describe
from mastra_desktop.domain.events import (
    BusEvent,
    ConfigChanged,
    ConfigRefused,
    ConversationChanged,
    KeysLocked,
    LocalModelChanged,
    ProviderHealthChanged,
)
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.paths import Paths
from mastra_desktop.ui.actions import Actions
from mastra_desktop.ui.bridge import Backend
from mastra_desktop.ui.closing import close_down
from mastra_desktop.ui.errors import title_of
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.news import tell_config
from mastra_desktop.ui.opening import Opening
from mastra_desktop.ui.pages import Pages
from mastra_desktop.ui.panes.metrics_status import FigureStatus
from mastra_desktop.ui.panes.model_status import ModelStatus
from mastra_desktop.ui.recovery import Recovery
from mastra_desktop.ui.session import LastPage, keep_while_used, put
from mastra_desktop.ui.starting import add_samples, start_background, what_was_interrupted
from mastra_desktop.ui.stops import move_focus
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.rail import Rail
from mastra_desktop.ui.widgets.status_bar import StatusBar
from mastra_desktop.ui.widgets.toast import ToastArea

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.ops.crash import CrashReporter, Ended

REFRESH_DELAY_MS = 60
log = get_logger(__name__)

T = TypeVar("T")


class MainWindow(QMainWindow):
    """Built before the core; `start` begins it once the window can be seen."""

    painted = Signal()

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        paths: Paths,
        make_engine: Callable[[], Backend],
        *,
        on_closed: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        crashes: CrashReporter | None = None,
        ended: Ended | None = None,
    ) -> None:
        """`ended`: how the run before did, when that was not in order."""
        super().__init__()
        self._theme, self._icons, self._state, self._paths = theme, icons, state, paths
        self._make_engine = make_engine
        self._on_closed = on_closed
        self._closing = self._closed = False
        self._first_run: QWidget | None = None
        self._crashes, self._ended_before = crashes, ended
        self.last_page = LastPage(state, self.show_page)
        self.opening = Opening(self._offer_files)
        self._engine = make_engine()
        self.tasks = Tasks(loop, self._report)
        self.actions_registry = Actions(self)
        self.setObjectName("MainWindow")
        self.setWindowTitle("Mastra Desktop")
        self._build()
        self._add_actions()
        self._restore()
        self._keeping = keep_while_used(self, self._keep_state)

    # -- the bridge the panes use: whichever engine is the current one -------------------------------

    async def call(self, ask: Callable[[Core], Awaitable[T]]) -> T:
        return await self._engine.call(ask)

    def stream(self, ask: Callable[[Core], AsyncGenerator[T]]) -> AsyncGenerator[list[T]]:
        return self._engine.stream(ask)

    # -- building -----------------------------------------------------------------------------------

    def _build(self) -> None:
        theme, icons = self._theme, self._icons
        size = theme.current
        self.setMinimumSize(size.px("layout.windowMin.0"), size.px("layout.windowMin.1"))
        self.rail = Rail(theme, icons)
        self.rail.add_item("chat", self.tr("Chat"), "message-square", "Ctrl+1")
        self.rail.add_item("knowledge", self.tr("Knowledge"), "library", "Ctrl+2")
        self.rail.take_drops("knowledge")
        self.rail.add_item("metrics", self.tr("Metrics"), "activity", "Ctrl+3")
        self.rail.add_item("settings", self.tr("Settings"), "settings", "Ctrl+,", bottom=True)
        self.rail.select("chat")
        self.pages = Pages(theme, icons, self._state, self._paths, self, self.tasks)
        self.chat = self.pages.chat
        self.status = StatusBar(theme, icons)
        self.model_status = ModelStatus(self.status)
        self.status.add_right("adding")
        self.figures = FigureStatus(self.status, self, self.tasks)
        self.figures.health_pressed.connect(lambda: self.show_page("metrics"))

        shell = QWidget()
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self.pages, 1)
        column = QVBoxLayout(shell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row, 1)
        column.addWidget(self.status)
        self._root = QStackedWidget()
        self._root.addWidget(shell)
        self.setCentralWidget(self._root)
        self.toasts = ToastArea(self, theme, icons)
        self.toasts.keep_clear(self.chat.view.composer)
        self.recovery = Recovery(
            self, theme, icons, self._paths, self.tasks, self.toasts, self._stop_engine, self._begin_engine
        )

        self.pages.turned.connect(self.last_page.seen)
        self.pages.turned.connect(self.rail.select)
        self.pages.made.connect(self._connect)
        self.pages.adding.connect(lambda words: self.status.set_item("adding", words, "file-up"))
        self.pages.health_shown.connect(self.figures.show_health)
        self._connect(self.chat)
        self.rail.item_selected.connect(self.show_page)
        self.rail.dropped.connect(lambda _page, urls: self._take_files(urls))
        self.chat.settings_wanted.connect(lambda: self.show_page("settings"))
        self.chat.passage_wanted.connect(self.open_source)
        self.chat.model_chosen.connect(self.model_status.show_model)
        self._refresh_timer = QTimer(self, singleShot=True, interval=REFRESH_DELAY_MS)
        self._refresh_timer.timeout.connect(self.chat.refresh_list)

    def _add_actions(self) -> None:
        add = self.actions_registry.add
        add("show_chat", self.tr("Chat"), lambda: self.show_page("chat"), shortcut="Ctrl+1")
        add("show_knowledge", self.tr("Knowledge"), lambda: self.show_page("knowledge"), shortcut="Ctrl+2")
        add("show_metrics", self.tr("Metrics"), lambda: self.show_page("metrics"), shortcut="Ctrl+3")
        add("show_settings", self.tr("Settings"), lambda: self.show_page("settings"), shortcut="Ctrl+,")
        add("new_chat", self.tr("New chat or collection"), self._new, shortcut="Ctrl+N")
        add("search_list", self.tr("Search in the list"), self._search, shortcut="Ctrl+F")
        add("toggle_list", self.tr("Show or hide the list"), self._toggle_list, shortcut="Ctrl+B")
        add(
            "toggle_inspector",
            self.tr("Show or hide details or search"),
            self._toggle_inspector,
            shortcut="Ctrl+I",
        )
        add("escape", self.tr("Close, or stop the reply"), self._escape, shortcut="Esc")
        add("next_pane", self.tr("Next pane"), lambda: self._move_pane(1), shortcut="F6")
        add("previous_pane", self.tr("Previous pane"), lambda: self._move_pane(-1), shortcut="Shift+F6")
        add("quit", self.tr("Quit"), self.close, shortcut="Ctrl+Q")

    def _restore(self) -> None:
        geometry = self._state.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            size = self._theme.current
            self.resize(size.px("layout.windowDefault.0"), size.px("layout.windowDefault.1"))
        if not self._paths.is_used:
            self._show_first_run()
        else:
            self.chat.setFocus()  # what is typed before the chats are loaded is kept

    # -- pages --------------------------------------------------------------------------------------

    def show_page(self, page: str) -> None:
        """`chat`, `knowledge`, `metrics` or `settings`."""
        self.pages.turn_to(page)

    def _connect(self, pane: Any) -> None:
        """A page that was made: its news become toasts."""
        pane.notice.connect(self.toasts.show_toast)
        pane.failed.connect(self._report)
        if pane is (settings := self.pages.settings) and settings is not None:
            settings.data.backups.restore_wanted.connect(self.recovery.restore)
            settings.data.check.rescue_wanted.connect(self.recovery.rescue)

    def open_source(self, source: Source) -> None:
        """Shows the document that an answer cites, at its passage."""
        self.show_page("knowledge")
        self.pages.make_knowledge().open_source(source)

    def _take_files(self, urls: list[QUrl]) -> None:
        """Dropped on the rail's Knowledge."""
        self.show_page("knowledge")
        self.pages.make_knowledge().take_urls(urls)

    def _offer_files(self, files: list[Path]) -> None:
        self.show_page("knowledge")
        self.pages.make_knowledge().offer(files)

    def _show_first_run(self) -> None:
        from mastra_desktop.ui.panes.first_run import FirstRunPage

        page = FirstRunPage(self._theme, self._icons, self._paths, self, self.tasks)
        page.finished.connect(lambda model_id: self._first_run_finished(page, model_id))
        self._first_run = page
        self._root.addWidget(page)
        self._root.setCurrentWidget(page)

    def _first_run_finished(self, page: QWidget, model_id: str) -> None:
        self._first_run = None
        self.take_away(page)
        self.tasks.start(self.call(add_samples), key="samples")
        if model_id:
            self.chat.choose_model(model_id)
        self.chat.setFocus()
        self.opening.ready()

    # -- starting -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the core; panes fill as it answers."""
        self._engine.start()
        self.tasks.start(self._load(), key="start")

    async def _load(self) -> None:
        try:
            await self._engine.ready()
        except Exception as error:
            if not isinstance(error, MastraError):
                log.exception("start failed")
            await self.recovery.show_trouble(error)
            return
        self.tasks.start(self._engine.on_event(self._heard), key="bus")
        interrupted = await self.call(what_was_interrupted)
        await self.chat.load()
        self.last_page.come_back(busy=self._first_run is not None or bool(self.chat.view.composer.text()))
        await self.call(start_background)
        self.figures.start()
        ended, self._ended_before = self._ended_before, None
        self.recovery.tell(ended, *interrupted)
        self.opening.ready(self._first_run is None)

    async def _stop_engine(self) -> None:
        """For a while: what runs ends, and what is typed is kept."""
        if not self.tasks.running("start"):
            with suppress(MastraError):  # it never came up
                await self.chat.keep_draft()
        await self.tasks.cancel_all()
        await self._engine.stop()

    async def _begin_engine(self) -> bool:
        """A new one, and the panes as it has them; whether it came up."""
        self._engine = self._make_engine()
        self._engine.start()
        await self._load()
        if self._root.currentIndex() != 0:
            return False
        last = self.chat.view.conversation_id
        self.chat.open(last if self.chat.list.knows(last) else "")
        if self.pages.settings is not None:
            self.pages.settings.refresh()
        return True

    def show_instead(self, page: QWidget) -> None:
        """A page in the place of all panes; `start_again` brings them back and starts the core anew."""
        self._root.addWidget(page)
        self._root.setCurrentWidget(page)

    def take_away(self, page: QWidget) -> None:
        self._root.setCurrentIndex(0)
        self._root.removeWidget(page)
        page.deleteLater()
        if self._first_run is not None:
            self._root.setCurrentWidget(self._first_run)

    def start_again(self, page: QWidget) -> None:
        self.take_away(page)
        self._engine = self._make_engine()
        self.start()

    def _heard(self, events: list[BusEvent]) -> None:
        for event in events:
            match event:
                case ConversationChanged():
                    self._refresh_timer.start()
                case LocalModelChanged():
                    self.model_status.show_local_model(event)
                case ConfigRefused() | ConfigChanged():
                    tell_config(self.toasts, event)
                case KeysLocked():
                    self._ask_passphrase()
                case ProviderHealthChanged():
                    self.model_status.show_health(event)
            self.pages.heard(event)

    def _ask_passphrase(self) -> None:
        """A key is needed and the file of keys is locked."""
        from mastra_desktop.ui.panes.passphrase_dialog import Passphrases

        Passphrases(self._theme, self._icons, self, self.tasks, self).ask_when_quiet(self)

    # -- actions ------------------------------------------------------------------------------------

    def _new(self) -> None:
        if (knowledge := self.pages.shown_knowledge) is not None:
            knowledge.new_collection()
            return
        self.show_page("chat")
        self.chat.new_chat()

    def _toggle_list(self) -> None:
        (self.pages.shown_knowledge or self.chat).toggle_list()

    def _toggle_inspector(self) -> None:
        if (knowledge := self.pages.shown_knowledge) is not None:
            knowledge.toggle_search()
        elif self.pages.currentWidget() is self.chat:
            self.chat.toggle_inspector()

    def _search(self) -> None:
        self.pages.page.focus_search()

    def _escape(self) -> None:
        if not self.toasts.close_newest():
            self.pages.close_overlay()

    def _move_pane(self, step: int) -> None:
        move_focus([self.rail, *self.pages.page.stops()], self.focusWidget(), step)

    def come_to_front(self) -> None:
        """A second start asked for this window."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _report(self, error: BaseException) -> None:
        """Trouble that belongs to no turn: a toast that stays."""
        if not isinstance(error, MastraError):
            if self._crashes is not None:
                self._crashes.write("a task of the window", error)
            log.error("a task failed", traceback="".join(traceback.format_exception(error)))
        self._engine.met(error)
        info = describe(error)
        self.toasts.show_toast(title_of(info), " ".join(p for p in (info.message, info.hint) if p), "danger")

    # -- closing ------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ends in order; the window goes when that is done, at once when asked once more."""
        if self._closed:
            event.accept()
            return
        event.ignore()
        if self._closing:
            self._engine.hurry()
        else:
            self._closing = True
            for dialog in self.findChildren(QDialog):
                dialog.reject()  # an open file dialog would keep the application alive
            self._keeping.stop()
            self._keep_state()
            self.figures.stop()
            self.hide()
            self.tasks.start(self._shut_down(), key="shut-down")

    def _keep_state(self) -> None:
        put(self._state, "window/geometry", self.saveGeometry())
        self.pages.save_state()

    async def _shut_down(self) -> None:
        try:
            await close_down(self.chat.keep_draft, self.tasks, self._engine)
        finally:
            self._closed = True
            self.close()
            self._on_closed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = event.size().width()
        self.rail.set_labels(width >= self._theme.current.px("layout.breakpoints.railLabels"))
        self.pages.fit(width)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self.painted.emit()
