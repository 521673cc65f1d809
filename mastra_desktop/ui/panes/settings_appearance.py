"""Settings of the look: light or dark, and the size of text."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QSettings

from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of
from mastra_desktop.ui.theme import ThemeController, ThemeMode
from mastra_desktop.ui.widgets.segmented import Segmented

MODE_KEY = "appearance/mode"
TEXT_SCALE_KEY = "appearance/text_scale"
TEXT_SIZES = (100, 110, 125, 150)  # per cent


class AppearancePage(SettingsPage):
    """Every choice shows at once and is kept in the window's state."""

    def __init__(self, theme: ThemeController, state: QSettings) -> None:
        super().__init__(theme, self.tr("Appearance"))
        self._state = state
        self._controller = theme
        modes = (("system", self.tr("System")), ("light", self.tr("Light")), ("dark", self.tr("Dark")))
        self.modes = Segmented(modes, self.tr("Theme"), theme)
        self.modes.setObjectName("themeChoice")
        self.modes.set_chosen(theme.mode)
        self.modes.chosen.connect(self._choose_mode)
        sizes = [(str(size), self.tr("{n} %").format(n=size)) for size in TEXT_SIZES]
        self.sizes = Segmented(sizes, self.tr("Text size"), theme)
        self.sizes.setObjectName("textSizeChoice")
        now = theme.current.text_scale * 100
        self.sizes.set_chosen(str(min(TEXT_SIZES, key=lambda size: abs(size - now))))
        self.sizes.chosen.connect(self._choose_size)
        self.add_row(self.tr("Theme"), self.tr("System follows the desktop"), column_of(self.modes))
        self.add_row(self.tr("Text size"), self.tr("Everywhere in the window"), column_of(self.sizes))

    def _choose_mode(self, mode: str) -> None:
        self._controller.set_mode(cast(ThemeMode, mode))
        self._state.setValue(MODE_KEY, mode)

    def _choose_size(self, size: str) -> None:
        self._controller.set_text_scale(int(size) / 100)
        self._state.setValue(TEXT_SCALE_KEY, int(size) / 100)
