"""A small form over the dimmed window: fields, one verb, and Cancel."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.overlay import Scrim, add_shadow, fit_height
from mastra_desktop.ui.widgets.painting import restyle

_WIDTH = 460


class FormDialog(QDialog):
    """Put fields into `body`, then `open()`. Enter accepts, Esc does not, Tab stays inside.

    It deletes itself afterwards, as `ConfirmDialog` does.
    """

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
        scrim = Scrim(window, theme, dim=True)
        super().__init__(scrim)
        self._scrim = scrim
        self.theme, self.icons = theme, icons
        self._came_from = window.focusWidget()
        self.setWindowFlags(Qt.WindowType.Widget)  # a child of the window, not a window of its own
        self.setProperty("popup", "dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        heading, self.words = QLabel(title), QLabel(text)
        heading.setProperty("role", "title")
        self.words.setProperty("role", "secondary")
        for label in (heading, self.words):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.body = QVBoxLayout()
        self.body.setSpacing(14)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        self.buttons.addStretch()
        self.reject_button = Button(reject, theme, icons)
        self.accept_button = Button(accept, theme, icons, "primary")
        self.reject_button.setObjectName("formReject")
        self.accept_button.setObjectName("formAccept")
        self.reject_button.clicked.connect(self.reject)
        self.accept_button.clicked.connect(self.accept)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 20, 20, 20)
        self._column.setSpacing(6)
        self._column.addWidget(heading)
        self._column.addWidget(self.words)
        self.words.setHidden(not text)
        self._column.addSpacing(8)
        self._column.addLayout(self.body)
        self._column.addSpacing(12)
        self._column.addLayout(self.buttons)
        self.setFixedWidth(min(_WIDTH, window.width() - 32))
        add_shadow(self, theme, dialog=True)
        scrim.installEventFilter(self)

    def open(self) -> None:
        """Show it with the keys in the first field; returns at once."""
        self.buttons.addWidget(self.reject_button)
        self.buttons.addWidget(self.accept_button)
        self._scrim.show()
        self._scrim.raise_()
        restyle(self)
        self.refit()
        self.show()
        self.raise_()
        self._stops()[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def refit(self) -> None:
        """As high as the words need now, and in its place."""
        fit_height(self)
        space = self._scrim.rect()
        self.move(
            QPoint((space.width() - self.width()) // 2, max(16, (space.height() - self.height()) * 2 // 5))
        )

    def accept(self) -> None:
        """Only while the verb can be pressed."""
        if self.accept_button.isEnabled():
            super().accept()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the window's own keys wait: Esc closes this, Ctrl+N opens no second one
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accept()  # no button is the default one: Qt would leave Enter alone
            return
        super().keyPressEvent(event)

    def done(self, result: int) -> None:
        """As QDialog's; the layer goes away too and focus returns to where it was."""
        super().done(result)
        self._scrim.hide()
        if self._came_from is not None:
            self._came_from.setFocus(Qt.FocusReason.OtherFocusReason)
        self._scrim.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._scrim and event.type() == QEvent.Type.Resize:
            self.refit()
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:
        stops = self._stops()
        focused = self.focusWidget()
        at = stops.index(focused) if focused in stops else -1
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        stops[(at + (1 if forward else -1)) % len(stops)].setFocus(reason)
        return True

    def _stops(self) -> list[QWidget]:
        """What Tab goes through: the fields, then the buttons."""
        ends = [self.reject_button, self.accept_button]
        found = [
            w
            for w in self.findChildren(QWidget)
            if w.isVisibleTo(self) and w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        return [w for w in found if w not in ends and w.focusProxy() is None] + [
            w for w in ends if w.isEnabled()
        ]
