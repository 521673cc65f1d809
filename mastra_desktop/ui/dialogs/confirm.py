"""A question with two verbs, over the dimmed window."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.dialogs.modal import Modal
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController

_WIDTH = 420


class ConfirmDialog(Modal):
    """Focus starts on the safe button, which Enter presses then."""

    def __init__(
        self,
        window: QWidget,
        theme: ThemeController,
        icons: Icons,
        question: str,
        text: str,
        accept: str,
        reject: str,
        *,
        danger: bool = False,
    ) -> None:
        super().__init__(window, theme, icons, question, text, accept, reject, width=_WIDTH)
        self.setObjectName("confirmDialog")
        self.accept_button.setObjectName("confirmAccept")
        self.reject_button.setObjectName("confirmReject")
        if danger:
            self.accept_button.set_variant("danger")

    def _first_stop(self) -> QWidget:
        return self.reject_button
