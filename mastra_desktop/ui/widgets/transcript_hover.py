"""The card that shows what a citation stands for, while the pointer or the keyboard is on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QTimer

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.overlay import add_shadow
from mastra_desktop.ui.widgets.source_card import SourceCard
from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_citations import source_number

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_SHOW_MS = 120
_HIDE_MS = 220
_AWAY = 6  # pixels between a chip and its card


class SourceHover(QObject):
    """At most one card. It stays while the pointer is on it, so that "Open" can be reached."""

    def __init__(self, transcript: Transcript, theme: ThemeController, icons: Icons) -> None:
        super().__init__(transcript)
        self._view, self._theme, self._icons = transcript, theme, icons
        self._wanted: tuple[str, Hot] | None = None
        self.card: SourceCard | None = None
        self._shown: tuple[str, tuple[str, str]] | None = None
        self._showing = QTimer(self, singleShot=True, interval=_SHOW_MS)
        self._showing.timeout.connect(self._show)
        self._hiding = QTimer(self, singleShot=True, interval=_HIDE_MS)
        self._hiding.timeout.connect(self._hide_unless_used)
        transcript.installEventFilter(self)

    def point_at(self, number: int | None, hot: Hot | None, *, at_once: bool = False) -> None:
        """The pointer (or, `at_once`, the keyboard) is on this area of the turn `number`, or on none."""
        if number is None or hot is None or hot.kind != "cite":
            self._wanted = None
            self._showing.stop()
            if self.card is not None and not self._hiding.isActive():
                self._hiding.start()
            return
        turn_id = self._view.turns.views[number].id
        self._hiding.stop()
        if self._shown == (turn_id, hot.key):
            return
        self._wanted = turn_id, hot
        if at_once:
            self._show()
        elif not self._showing.isActive():
            self._showing.start()

    def hide(self) -> None:
        """Take the card away, if there is one."""
        self._showing.stop()
        self._hiding.stop()
        self._shown = None
        if self.card is not None:
            self.card.hide()
            self.card.deleteLater()
            self.card = None

    def _hide_unless_used(self) -> None:
        if self.card is not None and self.card.underMouse():
            self._hiding.start()
        else:
            self.hide()

    def _show(self) -> None:
        wanted, view = self._wanted, self._view
        if wanted is None or wanted[0] not in view.turns.index:
            return
        turn_id, hot = wanted
        number = view.turns.index[turn_id]
        n = source_number(hot)
        source = next((source for source in view.turns.views[number].sources if source.n == n), None)
        if source is None:
            return
        self.hide()
        self.card = SourceCard(source, self._theme, self._icons, view.window(), floating=True)
        add_shadow(self.card, self._theme)
        self.card.clicked.connect(lambda: self._open(turn_id, n))
        self.card.installEventFilter(self)
        self._shown = turn_id, hot.key
        top = view.turns.top_of(number) - view.scroll_y
        self._place(self.card, hot.rect.translated(view.column().left(), top))

    def _place(self, card: SourceCard, chip: QRect) -> None:
        """Below the chip, above where there is no room, inside the window."""
        window = self._view.window()
        corner = self._view.viewport().mapTo(window, chip.topLeft())
        top = corner.y() + chip.height() + _AWAY
        if top + card.height() > window.height() - 8:
            top = max(8, corner.y() - _AWAY - card.height())
        left = max(8, min(corner.x() - 24, window.width() - card.width() - 8))
        card.move(QPoint(left, top))
        card.show()
        card.raise_()

    def _open(self, turn_id: str, n: int) -> None:
        self.hide()
        self._view.source_activated.emit(turn_id, n)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.card and event.type() == QEvent.Type.Leave:
            self._hiding.start()
        elif watched is self._view and event.type() == QEvent.Type.Hide:
            self._wanted = None
            self.hide()  # a pressed citation shows another page, and the card is the window's
        return False
