"""The chat pane: conversations at the left, the one in view at the right, which model answers."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QVBoxLayout, QWidget

from mastra_desktop.domain.models import LOCAL_MODEL_ID, ModelInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.chat_inspector import ChatInspector
from mastra_desktop.ui.panes.chat_knowledge import ChatKnowledge
from mastra_desktop.ui.panes.chat_list import ChatList
from mastra_desktop.ui.panes.chat_view import NEW_CHAT, ChatView
from mastra_desktop.ui.panes.money import context, per_million
from mastra_desktop.ui.session import load_positions, put, save_positions
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem

MODELS_WIDTH = 420  # of the list of models: a name, its context and its price on one line


class ChatPane(QWidget):
    """Wires list, header and conversation together."""

    settings_wanted = Signal()
    passage_wanted = Signal(object)  # a Source that a citation leads to
    failed = Signal(object)  # an error that belongs to no turn
    notice = Signal(str, str, str, str, object)  # title, text, tone, action label, what the action does
    model_chosen = Signal(object)  # the ModelInfo that answers next

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("ChatPane")
        self._theme, self._icons, self._state, self._bridge, self._tasks = theme, icons, state, bridge, tasks
        self._models: list[ModelInfo] = []
        self._narrow = False
        self._inspector_drawer = True
        self._wide_state = QByteArray()  # of the splitter, while the window is narrow
        self.list = ChatList(theme, icons, bridge, tasks)
        self.view = ChatView(theme, icons, bridge, tasks)
        self.setFocusProxy(self.view.composer)
        self.model_picker = PickerButton(
            self.tr("Model"),
            theme,
            icons,
            "cpu",
            placeholder=self.tr("Find a model"),
            list_width=MODELS_WIDTH,
        )
        self.model_picker.setObjectName("modelPicker")
        self.view.composer.add_widget(self.model_picker)
        self.knowledge = ChatKnowledge(self.view, theme, icons, state, bridge, tasks)

        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        column.addWidget(self.view, 1)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        self._splitter.addWidget(self.list)
        self._splitter.addWidget(self._content)
        self._splitter.setStretchFactor(1, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._splitter, 1)
        self._row = row
        self.inspector = ChatInspector(theme, icons, self)
        self.inspector.set_drawer(True)
        self.inspector.hide()
        self.view.positions = load_positions(state)
        self._restore()

        self._use_model(str(state.value("chat/model", "")) or LOCAL_MODEL_ID)
        self.list.opened.connect(self.open)
        self.knowledge.notice.connect(self.notice)
        self.view.source_wanted.connect(self.passage_wanted)
        self.view.messages_changed.connect(self._fill_inspector)
        self.inspector.source_wanted.connect(self.view.open_source)
        self.inspector.closed.connect(self.toggle_inspector)
        self.list.new_wanted.connect(self.new_chat)
        self.list.deleted.connect(self._deleted)
        self.list.notice.connect(self.notice)
        self.view.conversation_started.connect(self._started)
        self.view.runs.changed.connect(self._show_running)
        self.view.opened.connect(self._show_title)
        self.view.settings_wanted.connect(self.settings_wanted)
        self.view.model_wanted.connect(self.model_picker.open_list)
        self.view.failed.connect(self.failed)
        self.model_picker.picked.connect(self.choose_model)

    # -- building -----------------------------------------------------------------------------------

    def _make_header(self) -> QWidget:
        theme, icons = self._theme, self._icons
        self._show_list = IconButton("panel-left", self.tr("Show or hide the list"), theme, icons, "Ctrl+B")
        self._show_list.clicked.connect(self.toggle_list)
        self._show_list.hide()
        self._title = ElidedLabel(self.tr("New chat"))
        self._title.setProperty("role", "title")
        self._title.setObjectName("conversationTitle")
        self._more = IconButton("ellipsis", self.tr("More"), theme, icons)
        self._more.setObjectName("moreButton")
        self._more.clicked.connect(self._open_menu)
        self._inspect = IconButton("panel-right", self.tr("Details"), theme, icons, "Ctrl+I")
        self._inspect.setObjectName("inspectorButton")
        self._inspect.setCheckable(True)
        self._inspect.clicked.connect(self.toggle_inspector)
        header = QWidget()
        header.setObjectName("paneHeader")
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(theme.current.px("control.header"))
        row = QHBoxLayout(header)
        row.setContentsMargins(24, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self._show_list)
        row.addWidget(self._title, 1)
        row.addWidget(self._more)
        row.addWidget(self._inspect)
        return header

    def _open_menu(self) -> None:
        menu = self.list.menu_for(self.view.conversation_id) if self.view.conversation_id else QMenu(self)
        if menu.isEmpty():
            menu.addAction(self._icons.icon("square-pen"), self.tr("New chat"), self.new_chat)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    # -- from the window ----------------------------------------------------------------------------

    async def load(self) -> None:
        """After the core is there: models, the list, and the conversation of last time."""
        await self._load_models()
        await self.knowledge.load()
        await self.list.load()
        last = str(self._state.value("chat/conversation", ""))
        untouched = self.view.conversation_id == NEW_CHAT and not self.view.composer.text()
        if untouched and not self.view.runs.busy(NEW_CHAT):  # nobody was quicker
            self.open(last if self.list.knows(last) else NEW_CHAT)

    def open(self, conversation_id: str, message_id: str = "", words: tuple[str, ...] = ()) -> None:
        self.list.select(conversation_id)
        self._state.setValue("chat/conversation", conversation_id)
        self.view.open(conversation_id, message_id=message_id, words=words)
        if self._narrow:
            self.list.hide()

    def new_chat(self) -> None:
        self.open(NEW_CHAT)
        self.view.composer.setFocus()

    def refresh_list(self) -> None:
        self.list.refresh()

    def refresh_models(self) -> None:
        self._tasks.start(self._load_models(), key="models")

    def stop(self) -> None:
        self.view.stop()

    def focus_search(self) -> None:
        self.list.show()
        self.list.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.list.search.selectAll()

    def close_overlay(self) -> bool:
        """Closes what lies over the conversation; False when there was nothing to close."""
        if self.view.transcript.hover.card is not None:
            self.view.transcript.hover.hide()
            return True
        if self._inspector_drawer and self.inspector.isVisible():
            self.toggle_inspector()
            return True
        if self._narrow and self.list.isVisible():
            self.list.hide()
            return True
        return False

    def stops(self) -> list[QWidget]:
        """What F6 goes through."""
        return [
            w
            for w in (self.list.rows, self.view.transcript, self.view.composer, self.inspector)
            if w.isVisible()
        ]

    def set_narrow(self, narrow: bool) -> None:
        """Below 960 px the list is a drawer over the conversation."""
        if narrow == self._narrow:
            return
        self._narrow = narrow
        self._show_list.setVisible(narrow or self._list_hidden)
        self.list.set_drawer(narrow)
        if narrow:
            self._wide_state = self._splitter.saveState()
            self.list.setParent(self)
            self.list.hide()
            self._place_drawer()
        else:
            self._splitter.insertWidget(0, self.list)
            self._splitter.setStretchFactor(0, 0)
            self._splitter.restoreState(self._wide_state)
            self.list.setVisible(not self._list_hidden)

    def toggle_list(self) -> None:
        show = not self.list.isVisible()
        self.list.setVisible(show)
        if self._narrow:
            if show:
                self._place_drawer()
                self.list.raise_()
                self.list.rows.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self._list_hidden = not show
            self._show_list.setVisible(not show)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._narrow:
            self._place_drawer()
        self._place_inspector()

    def toggle_inspector(self) -> None:
        """Details beside the conversation, or over it where there is no room."""
        show = not self.inspector.isVisibleTo(self)
        self.inspector.setVisible(show)
        self._inspect.setChecked(show)
        if not self._inspector_drawer:
            self._state.setValue("chat/inspector", "true" if show else "false")
        self._place_inspector()
        self._fill_inspector()
        if not show:
            self.view.composer.setFocus()

    def _fill_inspector(self) -> None:
        if self.inspector.isVisibleTo(self):
            self.inspector.show_messages(self.view.messages, self.view.runs.prices)

    def _place_inspector(self) -> None:
        """In a row with the conversation, or a drawer at the right edge below 1280 px."""
        theme = self._theme.current
        width = theme.px("layout.inspector.width")
        drawer = self.window().width() < theme.px("layout.breakpoints.fourColumns")
        if drawer != self._inspector_drawer:
            self._inspector_drawer = drawer
            self.inspector.set_drawer(drawer)
            if drawer:
                self._row.removeWidget(self.inspector)
                self.inspector.setMinimumWidth(0)
                self.inspector.hide()
            else:
                self._row.addWidget(self.inspector)
                self.inspector.setFixedWidth(width)
                self.inspector.setVisible(str(self._state.value("chat/inspector", "false")) == "true")
            self._inspect.setChecked(self.inspector.isVisibleTo(self))
            self._fill_inspector()
        if drawer:
            self.inspector.setGeometry(self.width() - width, 0, width, self.height())
            self.inspector.raise_()

    def _place_drawer(self) -> None:
        self.list.setGeometry(0, 0, self._theme.current.px("layout.list.width"), self.height())

    # -- models -------------------------------------------------------------------------------------

    async def _load_models(self) -> None:
        self.view.show_prices(await self._bridge.call(lambda core: core.prices.book()))
        models, _ = await self._bridge.call(lambda core: core.providers.models())
        self._models = models
        self.view.runs.model_names = self.list.model_names = {m.id: m.name for m in models}
        chosen = self.view.model_id
        if all(m.id != chosen for m in models) and models:
            chosen = models[0].id
        self._use_model(chosen)

    def choose_model(self, model_id: str) -> None:
        """The person's choice: remembered for new chats and for the conversation in view."""
        self._state.setValue("chat/model", model_id)
        self._use_model(model_id)
        self.view.remember_model(model_id)

    def _use_model(self, model_id: str) -> None:
        self.view.model_id = model_id
        self.model_picker.set_items(
            [
                PopupItem(
                    m.id,
                    m.name,
                    self._model_note(m),
                    group=self.tr("On this computer") if m.on_this_computer else m.provider_id,
                    icon="cpu" if m.on_this_computer else "server",
                    checked=m.id == model_id,
                )
                for m in self._models
            ]
        )
        found = next((m for m in self._models if m.id == model_id), None)
        if found is not None:
            self._state.setValue("chat/model-name", found.name)
            self.model_chosen.emit(found)
        else:  # not asked yet, or gone
            self.model_picker.set_text(str(self._state.value("chat/model-name", "")) or self.tr("Model"))

    def _model_note(self, model: ModelInfo) -> str:
        """`128k · $2.50 / $10.00`; what is not known is left out."""
        book = self.view.runs.prices
        price = book.price(model.id)
        own = price.context_tokens if book.is_own(model.id) else None
        size = context(own or model.context_tokens or price.context_tokens)
        here = model.on_this_computer or book.on_this_computer(model.id)
        cost = self.tr("on this computer") if here else per_million(price)
        return " · ".join(part for part in (size, cost) if part)

    # -- from list and view -------------------------------------------------------------------------

    def _started(self, conversation_id: str) -> None:
        self._state.setValue("chat/conversation", conversation_id)
        self.list.refresh(select=conversation_id)

    def _show_running(self) -> None:
        self.list.set_running(set(self.view.runs.running))

    def _show_title(self, conversation_id: str, title: str, model_id: str) -> None:
        self._title.setText(title or self.tr("New chat"))
        wanted = model_id if conversation_id else str(self._state.value("chat/model", ""))
        if wanted != self.view.model_id and any(m.id == wanted for m in self._models):
            self._use_model(wanted)
        if conversation_id:
            self.list.select(conversation_id)

    def _deleted(self, conversation_id: str) -> None:
        self.view.forget(conversation_id)
        if self.view.conversation_id == conversation_id:
            self.new_chat()

    # -- state --------------------------------------------------------------------------------------

    def _restore(self) -> None:
        self._list_hidden = str(self._state.value("chat/list-hidden", "false")) == "true"
        layout = self._theme.current
        self.list.setMinimumWidth(layout.px("layout.list.min"))
        self.list.setMaximumWidth(layout.px("layout.list.max"))
        self._content.setMinimumWidth(layout.px("layout.content.min"))
        splitter = self._state.value("chat/splitter")
        if not (isinstance(splitter, QByteArray) and self._splitter.restoreState(splitter)):
            self._splitter.setSizes([layout.px("layout.list.width"), 10_000])
        self._splitter.setHandleWidth(1)
        self.list.setVisible(not self._list_hidden)
        self._show_list.setVisible(self._list_hidden)

    def save_state(self) -> None:
        self.view.keep_position()
        save_positions(self._state, self.view.positions)
        if not self._narrow:
            put(self._state, "chat/splitter", self._splitter.saveState())
        put(self._state, "chat/list-hidden", "true" if self._list_hidden else "false")

    async def keep_draft(self) -> None:
        """Saves what is in the composer now, before the window goes."""
        await self.view.keep_draft_now()
