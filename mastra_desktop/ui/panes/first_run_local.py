"""The first choice of the first-run page: the built-in model, or how to get one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.services.providers import LocalModelInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_file import ask_for_model_file, memory_words, size_words
from mastra_desktop.ui.panes.parts import FlowLayout, IconText, Panel, label
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.chip import Chip
from mastra_desktop.ui.widgets.tile import Tile

TASK = "first-run-local-model"


class LocalModelCard(Panel):
    """Knows the file in use once the core has answered; until then "Start now" waits."""

    start_wanted = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(theme, border="accent.solid", border_px=2)
        self._bridge, self._tasks = bridge, tasks
        self.chip = Chip(self.tr("Looking for it"), theme, icons)
        self._text = label("", "secondary", wrap=True)
        self._trouble = label("", "error", wrap=True)
        self._file = IconText("cpu", "", theme, icons)
        self._memory = IconText("memory-stick", "", theme, icons)
        self._facts = QWidget()
        facts = FlowLayout(self._facts, across=20)
        for fact in (IconText("key-round", self.tr("No key needed"), theme, icons), self._memory, self._file):
            facts.addWidget(fact)
        self.start_button = Button(self.tr("Start now"), theme, icons, "primary", "large")
        self.start_button.setObjectName("startNowButton")
        self.start_button.setEnabled(False)
        self.start_button.clicked.connect(self.start_wanted)
        self.choose_button = Button(self.tr("Choose a model file…"), theme, icons, icon="folder-open")
        self.choose_button.setObjectName("chooseModelButton")
        self.choose_button.clicked.connect(lambda: ask_for_model_file(self, self._chosen))

        title = FlowLayout(across=8)
        title.addWidget(label(self.tr("Start now with the built-in local model"), "title"))
        title.addWidget(self.chip)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addLayout(title)
        words.addWidget(self._text)
        words.addWidget(self._trouble)
        words.addSpacing(4)
        words.addWidget(self._facts)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(Tile(theme, icons, "petrol", "cpu", size=48), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self.start_button)
        row.addWidget(self.choose_button)
        self.column.addLayout(row)
        self._show_waiting()

    async def load(self) -> None:
        self._show(await self._bridge.call(lambda core: core.providers.local_model()))

    def _chosen(self, path: Path) -> None:
        self._tasks.start(self._choose(path), key=TASK)

    async def _choose(self, path: Path) -> None:
        self._trouble.hide()
        self.choose_button.set_loading(True)
        try:
            found = await self._bridge.call(lambda core: core.providers.choose_local_model(path))
        except MastraError as error:
            self._trouble.setText(f"{error.message} {error.hint}".strip())
            self._trouble.show()
            return
        finally:
            self.choose_button.set_loading(False)
        self._show(found)
        self.start_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_waiting(self) -> None:
        self._text.setText(self._purpose())
        self._trouble.hide()
        self._facts.hide()
        self.choose_button.hide()

    def _show(self, found: LocalModelInfo) -> None:
        ready = found.path is not None and found.error is None
        self._trouble.hide()
        self.start_button.setEnabled(ready)
        self.start_button.setVisible(ready)
        self.choose_button.setVisible(not ready)
        self._facts.setVisible(ready)
        self.set_colors("card.bg", "accent.solid" if ready else "border.default")
        if ready:
            self.chip.set(self.tr("Ready"), "success", "circle-check")
            self._text.setText(self._purpose())
            self._file.set("cpu", f"{found.name}, {size_words(found.size_bytes)}")
            self._memory.set("memory-stick", memory_words(found.size_bytes))
            return
        self.chip.set(self.tr("Not on this computer"), "warn", "circle-alert")
        cause = found.error.message if found.error is not None and found.chosen else ""
        remedy = self.tr(
            "Choose a model file in the GGUF format from this computer, or use your own server below."
        )
        self._text.setText(f"{cause} {remedy}".strip())

    def _purpose(self) -> str:
        return self.tr("Small and private. Good for trying things out and for short answers.")
