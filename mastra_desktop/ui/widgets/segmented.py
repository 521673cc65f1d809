"""A row of joined buttons of which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing


class Segmented(QWidget):
    """Left and Right move the choice; Tab enters at the chosen one."""

    chosen = Signal(str)

    def __init__(
        self,
        choices: Sequence[tuple[str, str]],
        label: str,
        theme: ThemeController,
        parent: QWidget | None = None,
    ) -> None:
        """`choices` are (id, label), the first is chosen; `label` tells screen readers what is chosen."""
        super().__init__(parent)
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        group = QButtonGroup(self)
        group.setExclusive(True)
        self._buttons: dict[str, QPushButton] = {}
        self._quiet = False
        for index, (choice, text) in enumerate(choices):
            button = QPushButton(text, self)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            ends = ("first" if index == 0 else "") + ("last" if index == len(choices) - 1 else "")
            button.setProperty("segment", ends or "middle")
            FocusRing(button, theme, 4)
            group.addButton(button)
            row.addWidget(button)
            self._buttons[choice] = button
        self.set_chosen(choices[0][0])
        # Connected last, so that only people's choices are reported.
        for choice, button in self._buttons.items():
            button.toggled.connect(lambda on, choice=choice: self._toggled(choice, on))

    def chosen_id(self) -> str:
        return next(choice for choice, button in self._buttons.items() if button.isChecked())

    def set_chosen(self, choice: str) -> None:
        """Choose without a signal."""
        self._quiet = True
        self._buttons[choice].setChecked(True)
        self._quiet = False

    def _toggled(self, choice: str, on: bool) -> None:
        if on and not self._quiet:
            self.chosen.emit(choice)
