"""What adding files may have to ask: where to, the password of one, and what to do where names clash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget

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
        self.body.addWidget(_names(names))
        self.keep_button = Button(self.tr("Keep both"), theme, icons)
        self.keep_button.setObjectName("keepBoth")
        self.keep_button.clicked.connect(self._keep_both)
        self.buttons.addWidget(self.keep_button)

    def _keep_both(self) -> None:
        self.answer = "keep_both"
        self.accept()


class WhereDialog(FormDialog):
    """Files that were opened with the application: which collection they go into.

    `collection_id` is the one chosen, "" for a new one.
    """

    def __init__(
        self,
        window: QWidget,
        theme: ThemeController,
        icons: Icons,
        names: Sequence[str],
        collections: Sequence[tuple[str, str]],
        current: str,
    ) -> None:
        """`collections` are (id, name); `current` is chosen at first."""
        one = len(names) == 1
        super().__init__(
            window,
            theme,
            icons,
            self.tr("Add this file to Knowledge?")
            if one
            else self.tr("Add {count} files to Knowledge?").format(count=len(names)),
            self.tr("It can be searched then, and answers can be drawn from it.")
            if one
            else self.tr("They can be searched then, and answers can be drawn from them."),
            self.tr("Add"),
            self.tr("Cancel"),
        )
        self.setObjectName("whereDialog")
        self.body.addWidget(_names(names))
        self._where = QComboBox()
        self._where.setObjectName("whereCollection")
        for collection_id, name in collections:
            self._where.addItem(name, collection_id)
        self._where.addItem(self.tr("New collection…"), "")
        self._where.setCurrentIndex(max(0, self._where.findData(current)))
        self.body.addWidget(FormField(self.tr("Collection"), self._where))

    @property
    def collection_id(self) -> str:
        return str(self._where.currentData())


def _names(names: Sequence[str]) -> QLabel:
    """The first of them, one a line."""
    shown = "\n".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        more = QCoreApplication.translate("FileQuestions", "and {count} more")
        shown += "\n" + more.format(count=len(names) - _MOST_NAMES)
    listed = QLabel(shown)
    listed.setTextFormat(Qt.TextFormat.PlainText)
    listed.setProperty("role", "strong")
    listed.setWordWrap(True)
    return listed
