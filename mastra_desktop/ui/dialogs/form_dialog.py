"""A small form over the dimmed window: fields, one verb, and Cancel."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.dialogs.modal import Modal
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController

_WIDTH = 460


class FormDialog(Modal):
    """Put fields into `body`, then `open()`: the keys are in the first one, and Enter accepts."""

    def __init__(
        self,
        window: QWidget,
        theme: ThemeController,
        icons: Icons,
        title: str,
        text: str,
        accept: str,
        reject: str,
    ) -> None:
        super().__init__(window, theme, icons, title, text, accept, reject, width=_WIDTH)
        self.accept_button.setObjectName("formAccept")
        self.reject_button.setObjectName("formReject")
        self.body.setContentsMargins(0, 8, 0, 0)
        self.body.setSpacing(14)

    def accept(self) -> None:
        """Only while the verb can be pressed."""
        if self.accept_button.isEnabled():
            super().accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accept()  # no button is the default one: Qt would leave Enter alone
            return
        super().keyPressEvent(event)
