"""A question with two verbs, over the dimmed window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.overlay import Scrim, add_shadow, fit_height
from mastra_desktop.ui.widgets.painting import restyle

_WIDTH = 420


class ConfirmDialog(QDialog):
    """Opens inside `window` with `open()`; `accepted` and `rejected` tell the answer.

    Focus starts on the safe button, Esc is the safe answer, Tab stays inside. It deletes itself afterwards.
    """

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
        scrim = Scrim(window, theme, dim=True)
        super().__init__(scrim)
        self._scrim = scrim
        self.setWindowFlags(Qt.WindowType.Widget)  # a child of the window, not a window of its own
        self._came_from = window.focusWidget()
        self.setObjectName("confirmDialog")
        self.setProperty("popup", "dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(question)
        self.setAccessibleDescription(text)
        title, words = QLabel(question), QLabel(text)
        title.setProperty("role", "title")
        words.setProperty("role", "secondary")
        for label in (title, words):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.accept_button = Button(accept, theme, icons, "danger" if danger else "primary")
        self.reject_button = Button(reject, theme, icons)
        self.accept_button.setObjectName("confirmAccept")
        self.reject_button.setObjectName("confirmReject")
        self.accept_button.clicked.connect(self.accept)
        self.reject_button.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(6)
        column.addWidget(title)
        column.addWidget(words)
        column.addSpacing(12)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch()
        row.addWidget(self.reject_button)
        row.addWidget(self.accept_button)
        column.addLayout(row)
        self.setFixedWidth(min(_WIDTH, window.width() - 32))
        add_shadow(self, theme, dialog=True)
        self._scrim.installEventFilter(self)

    def open(self) -> None:
        """Show it; returns at once."""
        self._scrim.show()
        self._scrim.raise_()
        restyle(self)
        fit_height(self)
        self._center()
        self.show()
        self.raise_()
        self.reject_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def done(self, result: int) -> None:
        """As QDialog's; the layer goes away too and focus returns to where it was."""
        super().done(result)
        self._scrim.hide()
        if self._came_from is not None:
            self._came_from.setFocus(Qt.FocusReason.OtherFocusReason)
        self._scrim.deleteLater()

    def event(self, event: QEvent) -> bool:
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the window has an action on Esc, which would come first
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._scrim and event.type() == QEvent.Type.Resize:
            self._center()
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:
        other = self.accept_button if self.reject_button.hasFocus() else self.reject_button
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        other.setFocus(reason)
        return True

    def _center(self) -> None:
        space = self._scrim.rect()
        self.move(
            QPoint((space.width() - self.width()) // 2, max(16, (space.height() - self.height()) * 2 // 5))
        )
