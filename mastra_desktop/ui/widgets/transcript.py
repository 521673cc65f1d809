"""The conversation, painted by ourselves: one scroll area, no widget per message.

Only what is visible is laid out and painted. Heights are estimated until a piece was seen, so ten thousand
turns cost no more to open than ten; an anchor (a piece and where it stands) keeps the text still when
estimates turn into measures. While a reply streams, only its open block is read and laid out again and its
strip painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.transcript_access import ListAccess, announce_turns, register
from mastra_desktop.ui.widgets.transcript_canvas import Canvas
from mastra_desktop.ui.widgets.transcript_hover import SourceHover
from mastra_desktop.ui.widgets.transcript_idle import IdleWork
from mastra_desktop.ui.widgets.transcript_keys import Keys
from mastra_desktop.ui.widgets.transcript_list import Anchor, TurnList
from mastra_desktop.ui.widgets.transcript_pill import Pill
from mastra_desktop.ui.widgets.transcript_pointer import Pointer
from mastra_desktop.ui.widgets.transcript_press import Press
from mastra_desktop.ui.widgets.transcript_select import Selection
from mastra_desktop.ui.widgets.transcript_view import TurnAction, TurnCard, TurnView

__all__ = ["Transcript", "TurnAction", "TurnCard", "TurnView"]

_FOLLOW_WITHIN = 64
_OLDER_WITHIN = 600


class Transcript(QAbstractScrollArea):
    """The turns of one conversation. See `TurnView` for what a turn can show."""

    action_triggered = Signal(str, str)
    """(turn id, action id): an action of the turn or its card, or "previous" and "next" for its siblings."""
    link_activated = Signal(str)
    """An http, https or mailto address."""
    source_activated = Signal(str, int)
    """(turn id, number): a source is to be opened."""
    older_wanted = Signal()
    """The view came near the first turn."""
    following_changed = Signal(bool)
    """Whether the view stays at the end while text arrives."""

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        register()
        self.setObjectName("transcript")
        self.setAccessibleName(self.tr("Transcript"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.verticalScrollBar().setSingleStep(44)
        self._theme = theme
        self.turns = TurnList(theme.current, icons)
        self.selection = Selection(self.turns)
        self.access: ListAccess | None = None
        self.scroll_y = 0
        self._anchor: Anchor | None = None
        self._following = True
        self._placing = False
        self._older_asked = False
        self.words: tuple[str, ...] = ()
        self._pill = Pill(theme, icons, self)
        self._pill.clicked.connect(self.scroll_to_end)
        self.pointer = Pointer(self)
        self.keys = Keys(self)
        self.press = Press(self)
        self.hover = SourceHover(self, theme, icons)
        self._idle = IdleWork(self)
        self.canvas = Canvas(self, icons)
        theme.changed.connect(self._restyle)

    # Content

    def set_turns(self, turns: Sequence[TurnView]) -> None:
        """Show another conversation, at its end."""
        self.turns.set_views(turns)
        self._reset()
        self._following, self._anchor, self.words = True, None, ()
        self._older_asked = False
        self.settle()
        self.viewport().update()
        self._tell_following()
        announce_turns(self)

    def prepend_turns(self, turns: Sequence[TurnView]) -> None:
        """Add older turns above; what shows stays where it is."""
        self._keep_anchor()
        self.turns.prepend(turns)
        self._reset()
        self._older_asked = False
        self.settle()
        self.viewport().update()
        announce_turns(self)

    def add_turn(self, turn: TurnView) -> None:
        """Add a turn at the end."""
        self.turns.add(turn)
        self.settle()
        self.viewport().update()
        announce_turns(self)

    def update_turn(self, turn: TurnView) -> None:
        """Show another state of a turn; the same text is not laid out again. KeyError for an unknown id."""
        number = self.turns.index[turn.id]
        old, height, y = self.turns.views[number], self.turns.heights[number], self.scroll_y
        self.turns.update(turn)
        self.settle()
        if self.scroll_y != y or self.turns.heights[number] != height:
            self.viewport().update()
            return
        top = self.turns.top_of(number) - self.scroll_y
        # Speed and status change often while a reply is written, and stand in the header.
        same = replace(old, status=turn.status, status_tone=turn.status_tone, note=turn.note, busy=turn.busy)
        self.viewport().update(0, top, self.viewport().width(), 28 if same == turn else height)

    def append_text(self, turn_id: str, delta: str) -> None:
        """Add to the text of a turn. KeyError for an unknown id."""
        self._append(turn_id, delta, reasoning=False)

    def append_reasoning(self, turn_id: str, delta: str) -> None:
        """Add to the reasoning of a turn. KeyError for an unknown id."""
        self._append(turn_id, delta, reasoning=True)

    def _append(self, turn_id: str, delta: str, *, reasoning: bool) -> None:
        number = self.turns.index[turn_id]
        before, old_y, old_total = self.turns.top_of(number), self.scroll_y, self.turns.total
        changed = self.turns.append(turn_id, delta, reasoning=reasoning)
        self.settle()
        viewport = self.viewport()
        if changed is None or self.turns.top_of(number) != before:
            viewport.update()
            return
        moved = self.scroll_y - old_y
        top = changed - self.scroll_y
        if moved:
            whole = viewport.devicePixelRatioF() == int(viewport.devicePixelRatioF())
            if not 0 < moved < viewport.height() or not whole:
                viewport.update()
                return
            viewport.scroll(0, -moved)
        if top < viewport.height():
            same = number == len(self.turns) - 1 or self.turns.total != old_total
            bottom = viewport.height() if same else before + self.turns.heights[number] - self.scroll_y
            viewport.update(0, max(0, top), viewport.width(), max(0, bottom - max(0, top)))

    def remove_turn(self, turn_id: str) -> None:
        """Take a turn out. KeyError for an unknown id."""
        self._keep_anchor()
        self.turns.remove(turn_id)
        self._reset()
        self.settle()
        self.viewport().update()
        announce_turns(self)

    def turn(self, turn_id: str) -> TurnView:
        """The turn as it is shown. KeyError for an unknown id."""
        return self.turns.views[self.turns.index[turn_id]]

    def _reset(self) -> None:
        """Turn numbers changed: forget what was kept by number."""
        self.selection.clear()
        self.pointer.forget()
        self.keys.forget()
        self.hover.hide()

    # Place

    def column(self) -> QRect:
        """The column that turns stand in, as wide as the viewport allows; y and height are the viewport's."""
        viewport = self.viewport().rect()
        padding = 32 if viewport.width() >= 700 else 24 if viewport.width() >= 480 else 12
        most = self._theme.current.px("layout.content.readingMax")
        width = max(160, min(most, viewport.width() - 2 * padding))
        return QRect((viewport.width() - width) // 2, 0, width, viewport.height())

    def settle(self) -> None:
        """Measure what shows, and put the view where it belongs: at the end, or at the anchor."""
        turns, height = self.turns, self.viewport().height()
        turns.set_width(self.column().width())
        y = 0
        for _ in range(20):  # each round measures what the last one brought into view; two are usual
            wanted = None if self._following or self._anchor is None else turns.y_of(self._anchor)
            limit = max(0, turns.total - height)
            y = limit if wanted is None else min(limit, max(0, wanted))
            if not turns.measure(y, y + height):
                break
        self.scroll_y = y
        bar = self.verticalScrollBar()
        self._placing = True
        bar.setRange(0, max(0, turns.total - height))
        bar.setPageStep(height)
        bar.setValue(y)
        self._placing = False
        self._idle.wake()
        turns.trim({turns.views[number].id for number, _ in turns.visible(y, y + height)})

    def _keep_anchor(self) -> None:
        """Hold on to the first piece that shows."""
        if self._anchor is None or self._following:
            self._anchor = self.turns.anchor_at(self.scroll_y, 0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._placing:
            return
        self.scroll_to(self.verticalScrollBar().value())

    def scroll_to(self, y: int) -> None:
        """Bring a y position to the top edge, as a person who scrolls does."""
        height = self.viewport().height()
        old, moved = self.scroll_y, y - self.scroll_y
        limit = max(0, self.turns.total - height)
        y = max(0, min(y, limit))
        if abs(moved) < height:
            anchor = self.turns.anchor_at(old, 0)
            self._anchor = Anchor(anchor.turn_id, anchor.key, anchor.y - moved) if anchor else None
        else:
            self._anchor = self.turns.anchor_at(y, 0)
        self._set_following(limit - y <= _FOLLOW_WITHIN and (moved > 0 or limit == y), at_end=y >= limit)
        self._idle.direction = 1 if moved >= 0 else -1
        stick = self._following and y < limit
        if stick:
            self._following = False  # near the end: follow from now on, but don't jump now
        self.settle()
        self._following |= stick
        self._anchor = self.turns.anchor_at(self.scroll_y, 0)
        done = self.scroll_y - old
        viewport = self.viewport()
        if 0 < abs(done) < height and viewport.devicePixelRatioF() == int(viewport.devicePixelRatioF()):
            viewport.scroll(0, -done)
        elif done:
            viewport.update()
        self.pointer.rehover()
        if self.scroll_y < _OLDER_WITHIN and not self._older_asked and len(self.turns):
            self._older_asked = True
            self.older_wanted.emit()

    def _set_following(self, following: bool, *, at_end: bool) -> None:
        following = following or at_end
        if following != self._following:
            self._following = following
            self._tell_following()

    def _tell_following(self) -> None:
        self._pill.setVisible(not self._following)
        self.following_changed.emit(self._following)

    @property
    def following(self) -> bool:
        """Whether the view stays at the end."""
        return self._following

    def scroll_to_end(self) -> None:
        """Go to the end and stay there."""
        was, self._following = self._following, True
        self.settle()
        self.viewport().update()
        if not was:
            self._tell_following()

    def scroll_to_turn(self, turn_id: str, marks: Sequence[str] = ()) -> None:
        """Bring a turn to the top edge and mark words in all turns. KeyError for an unknown id."""
        if turn_id not in self.turns.index:
            raise KeyError(turn_id)
        self.words = tuple(word for word in marks if word)
        self._anchor = Anchor(turn_id, (-1, 0), 16)
        self._following = False
        self.settle()
        self._following = self.scroll_y >= self.turns.total - self.viewport().height()
        self._tell_following()
        self.viewport().update()

    def position(self) -> tuple[object, ...]:
        """Where the view stands, for `restore`."""
        if self._following:
            return ()
        anchor = self.turns.anchor_at(self.scroll_y, 0)
        return (anchor.turn_id, anchor.key, anchor.y) if anchor is not None else ()

    def restore(self, position: tuple[object, ...]) -> None:
        """Go where `position` was taken; to the end if that turn is not here."""
        if not position or position[0] not in self.turns.index:
            self.scroll_to_end()
            return
        turn_id, key, y = cast(tuple[str, tuple[int, int], int], position)
        self._anchor = Anchor(turn_id, key, y)
        self._set_following(False, at_end=False)
        self.settle()
        self.viewport().update()

    def show_y(self, top: int, bottom: int) -> None:
        """Scroll as little as needed for two y positions to show."""
        height = self.viewport().height()
        if top < self.scroll_y:
            self.scroll_to(top - 12)
        elif bottom > self.scroll_y + height:
            self.scroll_to(min(top - 12, bottom + 12 - height))

    # Text

    def selected_text(self, markdown: bool = False) -> str:
        """The selected text; as Markdown, whole blocks of the source."""
        return self.selection.text(markdown=markdown)

    def copy_selection(self, *, markdown: bool = False) -> None:
        """Copy the selected text, if any."""
        text = self.selected_text(markdown)
        if text:
            QGuiApplication.clipboard().setText(text)

    def select_all(self) -> None:
        """Select the text of the focused turn, or of the one that shows."""
        number = self.keys.focused if self.keys.focused is not None else self.turns.at(self.scroll_y + 40)
        if number < len(self.turns):
            self.selection.select_turn(number)
            self.viewport().update()

    # Pressing

    def keep_anchor_of(self, number: int) -> None:
        """Keep a turn's header where it is while the turn changes its height."""
        top = self.turns.top_of(number) - self.scroll_y
        self._anchor = Anchor(self.turns.views[number].id, (-1, 0), top)
        self._set_following(False, at_end=False)

    def settle_anchored(self) -> None:
        """As `settle`, after `keep_anchor_of`: where the end still shows, stay there from now on."""
        self.settle()
        if self.scroll_y >= self.turns.total - self.viewport().height():
            self._set_following(True, at_end=True)
        self.viewport().update()

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        self.canvas.paint(event.rect())
        self._idle.first_paint_done()

    def _restyle(self) -> None:
        self._keep_anchor()
        self.turns.set_theme(self._theme.current)
        self.selection.clear()
        self.settle()
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            help_event = cast(QHelpEvent, event)
            tip = self.pointer.tip()
            if tip:
                QToolTip.showText(help_event.globalPos(), tip, self.viewport())
            else:
                QToolTip.hideText()
            return True
        if event.type() == QEvent.Type.Leave:
            self.pointer.leave()
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._keep_anchor()
        self.settle()
        self._anchor = self.turns.anchor_at(self.scroll_y, 0)
        self._pill.place()
        self.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.viewport().update()
        self._idle.wake()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.canvas.stop()
        self.hover.hide()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pointer.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointer.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pointer.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.pointer.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.pointer.wheel(event):
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.keys.menu()
        else:
            self.pointer.menu(self.viewport().mapFromGlobal(event.globalPos()), event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.keys.press(event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self.keys.tab(forward=forward) or super().focusNextPrevChild(forward)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.keys.focus_in(event.reason())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.keys.focus_out()

    def to_turn(self, at: QPoint) -> tuple[int, int, int] | None:
        """(turn number, x, y within the turn) of a point of the viewport; None when there are no turns."""
        if not len(self.turns):
            return None
        number = self.turns.at(at.y() + self.scroll_y)
        return number, at.x() - self.column().left(), at.y() + self.scroll_y - self.turns.top_of(number)
