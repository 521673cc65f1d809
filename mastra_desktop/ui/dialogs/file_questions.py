"""What adding files may have to ask: the password of one, and what to do where names clash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtWidgets import QLabel, QLineEdit, QWidget

from mastra_desktop.ui.dialogs.form_dialog import FormDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.form_field import FormField

_MOST_NAMES = 6


class PasswordDialog(FormDialog):
    """Asks for the password of an encrypted file; it is used once and kept nowhere."""

    def __init__(self, window: QWidget, theme: ThemeController, icons: Icons, file: str, why: str) -> None:
        """`why` is what the last try said."""
        super().__init__(
            window,
            theme,
            icons,
            self.tr("Password of this file"),
            file,
            self.tr("Open and add"),
            self.tr("Cancel"),
        )
        self.setObjectName("passwordDialog")
        self._password = QLineEdit()
        self._password.setObjectName("filePassword")
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        help_text = self.tr("It is used to read the file now, and not kept.")
        self.body.addWidget(
            FormField(self.tr("Password"), self._password, " ".join((why, help_text)).strip())
        )
        self._password.textChanged.connect(lambda text: self.accept_button.setEnabled(bool(text)))
        self.accept_button.setEnabled(False)

    @property
    def password(self) -> str:
        return self._password.text()


class ClashDialog(FormDialog):
    """Files of these names are there already: keep both, or replace, for all of them at once."""

    def __init__(self, window: QWidget, theme: ThemeController, icons: Icons, names: Sequence[str]) -> None:
        one = len(names) == 1
        super().__init__(
            window,
            theme,
            icons,
            self.tr("Replace this file?")
            if one
            else self.tr("Replace {count} files?").format(count=len(names)),
            self.tr("The collection has a file of this name. It stays until the new one is ready.")
            if one
            else self.tr("The collection has files of these names. They stay until the new ones are ready."),
            self.tr("Replace") if one else self.tr("Replace all"),
            self.tr("Skip") if one else self.tr("Skip all"),
        )
        self.setObjectName("clashDialog")
        self.answer: Literal["replace", "keep_both"] = "replace"
        shown = "\n".join(names[:_MOST_NAMES])
        if len(names) > _MOST_NAMES:
            shown += "\n" + self.tr("and {count} more").format(count=len(names) - _MOST_NAMES)
        listed = QLabel(shown)
        listed.setProperty("role", "strong")
        listed.setWordWrap(True)
        self.body.addWidget(listed)
        self.keep_button = Button(self.tr("Keep both"), theme, icons)
        self.keep_button.setObjectName("keepBoth")
        self.keep_button.clicked.connect(self._keep_both)
        self.buttons.addWidget(self.keep_button)

    def _keep_both(self) -> None:
        self.answer = "keep_both"
        self.accept()
