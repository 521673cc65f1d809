"""The page before the first chat: start with the built-in model, add a vendor's key, or one's own server."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.models import LOCAL_MODEL_ID
from mastra_desktop.paths import Paths
from mastra_desktop.services.providers import OWN_SERVER
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.first_run_brand import WIDE, BrandColumn, Mark
from mastra_desktop.ui.panes.first_run_local import TASK as LOCAL_MODEL_TASK
from mastra_desktop.ui.panes.first_run_local import LocalModelCard
from mastra_desktop.ui.panes.kind_tiles import KindTiles
from mastra_desktop.ui.panes.model_file import short_path
from mastra_desktop.ui.panes.parts import Icon, Panel, label
from mastra_desktop.ui.panes.provider_kinds import FIRST_RUN_KINDS
from mastra_desktop.ui.panes.server_form import ServerForm
from mastra_desktop.ui.panes.server_forms import ServerForms
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

TASK = "first-run"
BRAND_FROM_WIDTH = 1100  # narrower windows show the choices only
BRAND_WIDE_FROM = 1320
BRAND_NARROW = 400
MOST_WIDTH = 760
ROOMY_FROM_HEIGHT = 680
REVEAL_MS = 300  # after a test, what grows is followed for so long


class FirstRunPage(QWidget):
    """Shown before the core is ready; what needs the core waits for it."""

    finished = Signal(str)  # the model to start with, "" when skipped

    def __init__(
        self, theme: ThemeController, icons: Icons, paths: Paths, bridge: Bridge, tasks: Tasks
    ) -> None:
        super().__init__()
        self._tasks = tasks
        self.setObjectName("FirstRunPage")
        self.setAccessibleName(self.tr("First start"))
        self.brand = BrandColumn(theme, icons)
        self._mark = Mark(theme, icons, 28)
        self.skip_button = Button(self.tr("Skip setup"), theme, icons, "quiet", "small")
        self.skip_button.setObjectName("skipButton")
        self.skip_button.clicked.connect(lambda: self._finish(""))
        self.local = LocalModelCard(theme, icons, bridge, tasks)
        self.local.start_wanted.connect(lambda: self._finish(LOCAL_MODEL_ID))
        self.kinds = KindTiles(FIRST_RUN_KINDS, theme, icons)
        self.kinds.chosen.connect(self._choose_kind)
        self.forms = ServerForms(theme, icons, bridge, tasks, kind=FIRST_RUN_KINDS[0], brief=True)
        self.forms.saved.connect(lambda server, model: self._finish(f"{server}/{model}"))

        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # the brand gives way, not the window
        row.addWidget(self.brand)
        row.addLayout(self._right(theme, icons, paths), 1)
        tasks.start(self._load(), key=TASK)

    @property
    def form(self) -> ServerForm:
        """Of the kind that is chosen."""
        return self.forms.form

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = event.size().width()
        branded = width >= BRAND_FROM_WIDTH
        self.brand.setVisible(branded)
        self.brand.setFixedWidth(WIDE if width >= BRAND_WIDE_FROM else BRAND_NARROW)
        self._mark.setVisible(not branded)
        self._column.setMaximumWidth(MOST_WIDTH if branded else BRAND_FROM_WIDTH)
        side = 88 if width >= BRAND_WIDE_FROM else 48
        roomy = event.size().height() >= ROOMY_FROM_HEIGHT
        self._subtitle.setVisible(roomy)
        for card in (self.local, self._card):
            card.column.setContentsMargins(22, 20 if roomy else 14, 22, 20 if roomy else 14)
        self.forms.set_dense(not roomy)
        self._head.setContentsMargins(side, 44 if roomy else 24, side, 8)
        self._body.setContentsMargins(side, 8, side, 16)
        self._foot.setContentsMargins(side, 8, side, 32 if roomy else 16)

    async def _load(self) -> None:
        try:
            await self.local.load()
            await self.forms.load()
        except MastraError:
            return  # a core that cannot be built is told by the whole window, not by this page
        if self.focusWidget() is None:
            first = self.local.start_button if self.local.start_button.isEnabled() else self.skip_button
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _finish(self, model_id: str) -> None:
        for key in (TASK, LOCAL_MODEL_TASK):
            self._tasks.cancel(key)
        self.finished.emit(model_id)

    def _right(self, theme: ThemeController, icons: Icons, paths: Paths) -> QVBoxLayout:
        self._head = QHBoxLayout()
        self._head.setContentsMargins(88, 44, 88, 8)
        self._head.addWidget(self._mark)
        self._head.addStretch(1)
        self._head.addWidget(self.skip_button)

        choices = QVBoxLayout()
        choices.setContentsMargins(0, 0, 0, 0)
        choices.setSpacing(0)
        choices.addStretch(1)
        choices.addWidget(label(self.tr("How do you want to start?"), "pageTitle", wrap=True))
        choices.addSpacing(2)
        words = self.tr("You can change this at any time in Settings.")
        self._subtitle = label(words, "bodySecondary", wrap=True)
        choices.addWidget(self._subtitle)
        choices.addSpacing(20)
        choices.addWidget(self.local)
        choices.addSpacing(14)
        choices.addWidget(_Divider(self.tr("or add a provider key"), theme))
        choices.addSpacing(14)
        self._card = self._provider_card(theme)
        choices.addWidget(self._card)
        choices.addStretch(1)
        self._column = QWidget()
        self._column.setLayout(choices)
        body = QWidget()
        self._body = QHBoxLayout(body)
        self._body.setContentsMargins(88, 8, 88, 16)
        self._body.addWidget(self._column, 1000)
        self._body.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        # A result below the edge of a low window would look like no answer. It is laid out in several
        # steps, of which each makes the range longer.
        self._scroll = scroll
        self._revealing = QTimer(self, singleShot=True, interval=REVEAL_MS)
        self.forms.answered.connect(self._reveal)
        scroll.verticalScrollBar().rangeChanged.connect(
            lambda: self._show_save() if self._revealing.isActive() else None
        )

        self._foot = QHBoxLayout()
        self._foot.setContentsMargins(88, 8, 88, 32)
        self._foot.setSpacing(6)
        self._foot.addWidget(Icon("folder", theme, icons, "text.tertiary"))
        folder = self.tr("Data folder: {path}").format(path=short_path(paths.home))
        self._foot.addWidget(ElidedLabel(folder, "hint", Qt.TextElideMode.ElideMiddle), 1)
        self._foot.addSpacing(12)
        self._foot.addWidget(label(self.tr("No usage data is collected"), "hint"))

        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(self._head)
        right.addWidget(scroll, 1)
        right.addLayout(self._foot)
        return right

    def _reveal(self) -> None:
        self._revealing.start()
        self._show_save()

    def _show_save(self) -> None:
        self._scroll.ensureWidgetVisible(self.form.save_button, 0, 24)

    def _provider_card(self, theme: ThemeController) -> Panel:
        kinds = self.tr("Any OpenAI-compatible address: llama.cpp, LM Studio, vLLM, Ollama, or a gateway.")
        self._own_hint = label(kinds, "small", wrap=True)
        self._own_hint.setContentsMargins(0, 0, 0, 12)
        card = Panel(theme)
        card.column.addWidget(self.kinds)
        card.column.addSpacing(14)
        card.column.addWidget(self._own_hint)
        card.column.addWidget(self.forms)
        self._own_hint.hide()
        return card

    def _choose_kind(self, kind: str) -> None:
        self.forms.choose(kind)
        self._own_hint.setVisible(kind == OWN_SERVER)


class _Divider(QWidget):
    """Words between two lines."""

    def __init__(self, text: str, theme: ThemeController) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        for part in (_rule(), label(text, "hint"), _rule()):
            row.addWidget(part, 1 if isinstance(part, QFrame) and part.property("rule") else 0)


def _rule() -> QFrame:
    line = QFrame()
    line.setProperty("rule", "true")
    return line
