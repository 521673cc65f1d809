"""What the rail leads to. A page is made when it is first wanted: the window starts with the chat alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from mastra_desktop.domain.events import (
    BusEvent,
    CollectionChanged,
    DocumentChanged,
    EmbedderChanged,
    ProvidersChanged,
    VectorIndexChanged,
)
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.chat_pane import ChatPane
from mastra_desktop.ui.stops import Page
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController

if TYPE_CHECKING:
    from mastra_desktop.ui.panes.knowledge_pane import KnowledgePane
    from mastra_desktop.ui.panes.metrics_pane import MetricsPane
    from mastra_desktop.ui.panes.settings_pane import SettingsPane


class Pages(QStackedWidget):
    """`knowledge`, `metrics` and `settings` are None until they are first shown."""

    turned = Signal(str)  # the page that is shown now
    made = Signal(object)  # a page, for who connects its `notice` and `failed`
    adding = Signal(str)  # how far documents are, in words
    health_shown = Signal(int, int)  # how many checks are well, of how many

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        paths: Paths,
        bridge: Bridge,
        tasks: Tasks,
    ) -> None:
        super().__init__()
        self._theme, self._icons, self._state, self._paths = theme, icons, state, paths
        self._bridge, self._tasks = bridge, tasks
        self.chat = ChatPane(theme, icons, state, bridge, tasks)
        self.knowledge: KnowledgePane | None = None
        self.metrics: MetricsPane | None = None
        self.settings: SettingsPane | None = None
        self.addWidget(self.chat)

    def turn_to(self, page: str) -> None:
        """`chat`, `knowledge`, `metrics` or `settings`; it gets the keys."""
        make: dict[str, Callable[[], QWidget]] = {
            "knowledge": self.make_knowledge,
            "metrics": self._make_metrics,
            "settings": self.make_settings,
        }
        shown = make[page]() if page in make else self.chat
        self.setCurrentWidget(shown)
        self.turned.emit(page)
        if shown is self.settings:
            self.settings.refresh()
        elif shown is self.knowledge:
            self.knowledge.refresh()
        shown.setFocus()

    @property
    def page(self) -> Page:
        """The one in view."""
        return cast(Page, self.currentWidget())

    @property
    def shown_knowledge(self) -> KnowledgePane | None:
        """The knowledge pane while it is the page in view."""
        return self.knowledge if self.currentWidget() is self.knowledge else None

    def heard(self, event: BusEvent) -> None:
        """What the bus said, to the pages it concerns."""
        match event:
            case DocumentChanged() | CollectionChanged() | VectorIndexChanged() | EmbedderChanged():
                if isinstance(event, CollectionChanged):
                    self.chat.knowledge.refresh()
                if self.knowledge is not None:
                    self.knowledge.heard(event)
            case ProvidersChanged():
                self.chat.refresh_models()
        if self.settings is not None:
            self.settings.heard(event)

    def close_overlay(self) -> None:
        """Esc: what lies over the page in view goes, else the reply stops."""
        if (knowledge := self.shown_knowledge) is not None:
            knowledge.close_overlay()
        elif self.metrics is not None and self.metrics.isVisible():
            self.metrics.close_overlay()
        elif not self.chat.close_overlay():
            self.chat.stop()

    def save_state(self) -> None:
        for pane in (self.chat, self.knowledge, self.metrics):
            if pane is not None:
                pane.save_state()

    def fit(self, window_width: int) -> None:
        """Lists become drawers in a narrow window."""
        self.chat.set_narrow(window_width < self._theme.current.px("layout.breakpoints.listDrawerBelow"))
        if self.knowledge is not None:
            self.knowledge.set_window_width(window_width)

    def make_knowledge(self) -> KnowledgePane:
        if self.knowledge is None:
            from mastra_desktop.ui.panes.knowledge_pane import KnowledgePane

            pane = KnowledgePane(self._theme, self._icons, self._state, self._bridge, self._tasks)
            pane.settings_wanted.connect(self._open_provider)
            pane.progress.connect(self.adding)
            pane.set_window_width(self.window().width())
            self.addWidget(pane)
            self.knowledge = pane
            self.made.emit(pane)
        return self.knowledge

    def make_settings(self) -> SettingsPane:
        if self.settings is None:
            from mastra_desktop.ui.panes.settings_pane import SettingsPane

            pane = SettingsPane(self._theme, self._icons, self._state, self._paths, self._bridge, self._tasks)
            self.addWidget(pane)
            self.settings = pane
            self.made.emit(pane)
        return self.settings

    def _make_metrics(self) -> MetricsPane:
        if self.metrics is None:
            from mastra_desktop.ui.panes.metrics_pane import MetricsPane

            pane = MetricsPane(self._theme, self._icons, self._state, self._bridge, self._tasks)
            pane.chat_wanted.connect(self._open_chat)
            pane.health_shown.connect(self.health_shown)
            self.addWidget(pane)
            self.metrics = pane
            self.made.emit(pane)
        return self.metrics

    def _open_provider(self, provider_id: str) -> None:
        self.turn_to("settings")
        self.make_settings().open_provider(provider_id)

    def _open_chat(self, conversation_id: str, message_id: str) -> None:
        self.turn_to("chat")
        self.chat.open(conversation_id, message_id)
