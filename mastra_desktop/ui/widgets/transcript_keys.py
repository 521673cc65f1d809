"""The keyboard in the transcript: a focused turn, and within it what can be pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter

from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.transcript_access import announce_focus
from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_turn import GAP

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_STEP = 88


class Keys:
    """Which turn and which button the keyboard is on. The ring shows only after a key was used."""

    def __init__(self, transcript: Transcript) -> None:
        self._view = transcript
        self.focused: int | None = None
        self.hot_key: tuple[str, str] | None = None
        self._ring = False

    @property
    def shown(self) -> int | None:
        """The turn with the ring."""
        return self.focused if self._ring else None

    def forget(self) -> None:
        """Turn numbers changed."""
        self.focused, self.hot_key = None, None

    def hide(self) -> None:
        """The mouse took over."""
        if self._ring:
            self._ring, self.hot_key = False, None
            self._view.viewport().update()

    def focus_in(self, reason: Qt.FocusReason) -> None:
        """Show the ring when focus came by a key."""
        by_key = (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        if reason in by_key and len(self._view.turns):
            self._ring = True
            self._take_visible()
            self._tell()

    def focus_out(self) -> None:
        """Focus is elsewhere."""
        self._view.hover.point_at(None, None)
        self._ring, self.hot_key = False, None
        self._view.viewport().update()

    def _take_visible(self) -> None:
        """Make sure that the focused turn can be seen: else it is the last one that shows."""
        view = self._view
        showing = [
            number
            for number, _ in view.turns.visible(view.scroll_y, view.scroll_y + view.viewport().height())
        ]
        if self.focused not in showing and showing:
            self.focused, self.hot_key = showing[-1], None

    def press(self, event: QKeyEvent) -> bool:
        """Handle a key. False when it means nothing here."""
        view, key = self._view, event.key()
        page = view.viewport().height() - 44
        if event.matches(QKeySequence.StandardKey.Copy):
            view.copy_selection()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            view.select_all()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._move(1 if key == Qt.Key.Key_Down else -1)
        elif key == Qt.Key.Key_PageUp:
            view.scroll_to(view.scroll_y - page)
        elif key == Qt.Key.Key_PageDown:
            view.scroll_to(view.scroll_y + page)
        elif key == Qt.Key.Key_Home:
            view.scroll_to(0)
        elif key == Qt.Key.Key_End:
            view.scroll_to_end()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            return self._press_hot()
        elif key == Qt.Key.Key_Menu:
            self.menu()
        else:
            return False
        return True

    def _move(self, step: int) -> None:
        """To the turn below or above; a turn taller than the view scrolls first."""
        view = self._view
        if not len(view.turns):
            return
        self._ring = True
        before = self.focused
        self._take_visible()
        if self.focused is None:
            return
        if before == self.focused:
            top, bottom = self._span(self.focused)
            if step > 0 and bottom > view.scroll_y + view.viewport().height() + GAP:
                view.scroll_to(view.scroll_y + _STEP)
            elif step < 0 and top < view.scroll_y:
                view.scroll_to(view.scroll_y - _STEP)
            else:
                self.focused = max(0, min(len(view.turns) - 1, self.focused + step))
                self.hot_key = None
                top, bottom = self._span(self.focused)
                view.show_y(top, bottom)
        self._tell()

    def _span(self, number: int) -> tuple[int, int]:
        """Top and bottom of a turn."""
        top = self._view.turns.top_of(number)
        return top, top + self._view.turns.heights[number]

    def _areas(self) -> list[Hot]:
        if self.focused is None or self.focused >= len(self._view.turns):
            return []
        return self._view.turns.turn(self.focused).hot_areas(links=True)

    def tab(self, *, forward: bool) -> bool:
        """To the next thing to press in the focused turn. False when the focus leaves the transcript."""
        if not self._view.hasFocus():
            return False
        areas = self._areas()
        keys = [area.key for area in areas]
        at = keys.index(self.hot_key) if self.hot_key in keys else (-1 if forward else len(keys))
        if self.hot_key is None and not forward:
            return False
        at += 1 if forward else -1
        if at >= len(areas):
            return False
        self._ring = True
        if at < 0:
            self.hot_key = None
        else:
            self.hot_key = keys[at]
            top = self._view.turns.top_of(self.focused or 0)
            self._view.show_y(top + areas[at].rect.top(), top + areas[at].rect.bottom())
        self._tell()
        return True

    def _press_hot(self) -> bool:
        if self.focused is None or self.hot_key is None:
            return False
        found = next((area for area in self._areas() if area.key == self.hot_key), None)
        if found is not None:
            self._view.press.trigger(self.focused, found)
        return found is not None

    def _tell(self) -> None:
        self._view.viewport().update()
        hot = next((area for area in self._areas() if area.key == self.hot_key), None)
        self._view.hover.point_at(self.focused, hot, at_once=True)
        if self.focused is not None:
            announce_focus(self._view, self.focused)

    def menu(self) -> None:
        """Open the context menu at the focused turn."""
        view = self._view
        self._take_visible()
        if self.focused is None:
            return
        y = max(8, view.turns.top_of(self.focused) - view.scroll_y + 20)
        at = QPoint(view.column().left() + 48, y)
        view.pointer.menu(at, view.viewport().mapToGlobal(at))

    def paint_ring(self, painter: QPainter, number: int, turn: QRect) -> None:
        """Draw the ring around a turn, if it is the focused one."""
        if self.shown != number or self.hot_key is not None or not self._view.hasFocus():
            return
        box = QRectF(turn.adjusted(-8, -5, 8, 5))
        draw_box(painter, box, 10, None, self._view.turns.style.color("border.focus"), 2)
