"""What lies over the dimmed window until it is answered: a title, words, two verbs."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.overlay import Scrim, add_shadow, fit_height
from mastra_desktop.ui.widgets.painting import restyle


class Modal(QDialog):
    """Opens inside `window` with `open()`; `accepted` and `rejected` tell the answer.

    The keys stay inside: Tab goes round, the window's own keys wait, Esc is the safe answer. It deletes
    itself afterwards. `body` is empty here, between the words and the buttons.
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
        *,
        width: int,
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
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        self.buttons.addStretch()
        self.reject_button = Button(reject, theme, icons)
        self.accept_button = Button(accept, theme, icons, "primary")
        self.reject_button.clicked.connect(self.reject)
        self.accept_button.clicked.connect(self.accept)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 20, 20, 20)
        self._column.setSpacing(6)
        self._column.addWidget(heading)
        self._column.addWidget(self.words)
        self.words.setHidden(not text)
        self._column.addLayout(self.body)
        self._column.addSpacing(12)
        self._column.addLayout(self.buttons)
        self.setFixedWidth(min(width, window.width() - 32))
        add_shadow(self, theme, dialog=True)
        scrim.installEventFilter(self)

    def open(self) -> None:
        """Show it; returns at once."""
        self.buttons.addWidget(self.reject_button)
        self.buttons.addWidget(self.accept_button)
        self._scrim.show()
        self._scrim.raise_()
        restyle(self)
        self.refit()
        self.show()
        self.raise_()
        self._first_stop().setFocus(Qt.FocusReason.OtherFocusReason)

    def refit(self) -> None:
        """As high as the words need now, and in its place."""
        fit_height(self)
        space = self._scrim.rect()
        self.move(
            QPoint((space.width() - self.width()) // 2, max(16, (space.height() - self.height()) * 2 // 5))
        )

    def done(self, result: int) -> None:
        """As QDialog's; the layer goes away too and focus returns to where it was, or was wanted."""
        super().done(result)
        self._scrim.hide()
        behind = self._scrim.wanted_behind() or self._came_from
        if behind is not None:
            behind.setFocus(Qt.FocusReason.OtherFocusReason)
        self._scrim.deleteLater()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the window's own keys wait: Esc closes this, Ctrl+N opens no second one
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._scrim and event.type() == QEvent.Type.Resize:
            self.refit()
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:
        stops = self.stops()
        focused = self.focusWidget()
        at = stops.index(focused) if focused in stops else -1
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        stops[(at + (1 if forward else -1)) % len(stops)].setFocus(reason)
        return True

    def stops(self) -> list[QWidget]:
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

    def _first_stop(self) -> QWidget:
        return self.stops()[0]
