"""The mouse in the transcript: hovering, pressing, selecting, scrolling code sideways, the context menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QMenu

from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_citations import doubt_tip
from mastra_desktop.ui.widgets.transcript_code import CodePiece
from mastra_desktop.ui.widgets.transcript_select import End
from mastra_desktop.ui.widgets.transcript_turn import TEXT_LEFT

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_TRIPLE_MS = 450
_SCROLL_MS = 30


class Pointer(QObject):
    """What the mouse is on and does."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._view = transcript
        self.hovered: int | None = None
        self.hot: Hot | None = None
        self.pressed = False
        self._link = ""
        self._selecting = False
        self._moved = False
        self._at = QPoint(-1, -1)
        self._bar: tuple[CodePiece, int, int] | None = None
        self._double = QTimer(self)
        self._double.setSingleShot(True)
        self._scroll = QTimer(self)
        self._scroll.setInterval(_SCROLL_MS)
        self._scroll.timeout.connect(self._scroll_on)

    def forget(self) -> None:
        """Turn numbers changed."""
        self.hovered, self.hot, self.pressed, self._link, self._bar = None, None, False, "", None
        self._selecting = False
        self._scroll.stop()

    def leave(self) -> None:
        """The pointer left the view."""
        self._at = QPoint(-1, -1)
        if self.hovered is not None or self.hot is not None:
            self.hovered, self.hot, self._link = None, None, ""
            self._view.hover.point_at(None, None)
            self._view.viewport().update()

    def rehover(self) -> None:
        """What lies under the pointer changed because the view scrolled."""
        if self._at.x() >= 0 and not self._selecting:
            self._hover(self._at)

    def tip(self) -> str:
        """The tooltip for what the pointer is on."""
        if self._link:
            return self._link
        if self.hot is not None:
            return self.hot.label if self.hot.kind in ("action", "sibling") else ""
        found = self._view.to_turn(self._at) if self._at.x() >= 0 else None
        if found is not None and self._view.turns.turn(found[0]).doubtful_at(found[1], found[2]):
            return doubt_tip()
        return ""

    def _find(self, at: QPoint) -> tuple[int, Hot | None, str] | None:
        """(turn number, hot area, link) under a point."""
        view = self._view
        found = view.to_turn(at)
        if found is None:
            return None
        number, x, y = found
        turn = view.turns.turn(number)
        inside = -120 < x < view.turns.width + 60 and 0 <= y < turn.height
        for hot in turn.hot_areas((y, y + 1)):
            if hot.rect.contains(x, y):
                return number, hot, ""
        return (number if inside else -1), None, turn.link_at(x, y)

    def _hover(self, at: QPoint) -> None:
        found = self._find(at)
        hovered = found[0] if found is not None and found[0] >= 0 else None
        hot, self._link = (found[1], found[2]) if found is not None else (None, "")
        if (hovered, hot) != (self.hovered, self.hot):
            self.hovered, self.hot = hovered, hot
            self._view.hover.point_at(hovered, hot)
            self._view.viewport().update()
        shape = Qt.CursorShape.ArrowCursor
        if hot is not None or self._link:
            shape = Qt.CursorShape.PointingHandCursor
        elif hovered is not None and self._over_text(at):
            shape = Qt.CursorShape.IBeamCursor
        self._view.viewport().setCursor(shape)

    def _over_text(self, at: QPoint) -> bool:
        found = self._view.to_turn(at)
        if found is None:
            return False
        turn = self._view.turns.turn(found[0])
        return (
            turn.body_left <= found[1] <= self._view.turns.width
            and turn.body_top <= found[2] < turn.body_bottom
        )

    def _end_at(self, at: QPoint) -> End | None:
        found = self._view.to_turn(at)
        if found is None:
            return None
        number, x, y = found
        return number, self._view.turns.turn(number).place_at(x, y)

    def press(self, event: QMouseEvent) -> None:
        """A button went down."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        view, at = self._view, event.position().toPoint()
        view.keys.hide()
        self._hover(at)
        self._moved = False
        if self.hot is not None:
            self.pressed = True
            view.viewport().update()
            return
        if self._press_bar(at):
            return
        end = self._end_at(at)
        if end is None:
            return
        view.keys.focused = end[0]
        self._selecting = True
        if self._double.isActive():
            view.selection.select_piece(end) if self._has_pieces(end) else None
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            view.selection.extend(end)
        else:
            view.selection.begin(end)
        view.viewport().update()

    def _has_pieces(self, end: End) -> bool:
        return bool(self._view.turns.turn(end[0]).flow(end[1][0]).pieces)

    def _code_at(self, at: QPoint) -> tuple[CodePiece, int, int, int] | None:
        """(piece, x and y within the piece, its top in the viewport) of the code block under a point."""
        found = self._view.to_turn(at)
        if found is None:
            return None
        number, x, y = found
        turn = self._view.turns.turn(number)
        code = turn.code_at(y)
        if code is None:
            return None
        piece, top = code
        return piece, x - TEXT_LEFT, y - top, self._view.turns.top_of(number) + top - self._view.scroll_y

    def _press_bar(self, at: QPoint) -> bool:
        code = self._code_at(at)
        if code is None:
            return False
        piece, x, y, _ = code
        bar = piece.bar_rect()
        if bar is None or y < bar.top() - 4:
            return False
        if not bar.left() <= x <= bar.right():
            self._scroll_code(
                at, (x - bar.center().x()) * (piece.scroll_max + piece.width) // max(1, piece.width)
            )
        self._bar = (piece, at.x(), piece.scroll_x)
        return True

    def move(self, event: QMouseEvent) -> None:
        """The pointer moved."""
        at = event.position().toPoint()
        self._at = at
        if self._bar is not None:
            piece, start, scrolled = self._bar
            track = max(1, piece.width - 16)
            moved = (at.x() - start) * (track + piece.scroll_max) // track
            piece.scroll_x = max(0, min(piece.scroll_max, scrolled + moved))
            self._view.viewport().update()
        elif self._selecting:
            self._moved = True
            self._draw_to(at)
            outside = at.y() < 0 or at.y() >= self._view.viewport().height()
            if outside and not self._scroll.isActive():
                self._scroll.start()
            elif not outside:
                self._scroll.stop()
        elif not self.pressed:
            self._hover(at)

    def _draw_to(self, at: QPoint) -> None:
        height = self._view.viewport().height()
        end = self._end_at(QPoint(at.x(), max(0, min(height - 1, at.y()))))
        if end is not None and self._view.selection.extend(end):
            self._view.viewport().update()

    def _scroll_on(self) -> None:
        """Selecting beyond an edge scrolls, faster further out."""
        view, y = self._view, self._at.y()
        beyond = y if y < 0 else y - view.viewport().height()
        view.scroll_to(view.scroll_y + max(-60, min(60, beyond)))
        self._draw_to(self._at)

    def release(self, event: QMouseEvent) -> None:
        """A button went up."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._scroll.stop()
        self._bar = None
        view, at = self._view, event.position().toPoint()
        if self.pressed:
            self.pressed = False
            view.viewport().update()
            found = self._find(at)
            if (
                found is not None
                and found[1] is not None
                and self.hot is not None
                and found[1].key == self.hot.key
            ):
                view.press.trigger(found[0], found[1])
            self._hover(at)
            return
        if self._selecting:
            self._selecting = False
            if not self._moved and self._link and view.selection.empty:
                view.press.open_link(self._link)
            clipboard = QGuiApplication.clipboard()
            if clipboard.supportsSelection() and not view.selection.empty:
                clipboard.setText(view.selected_text(), clipboard.Mode.Selection)

    def double_click(self, event: QMouseEvent) -> None:
        """Select a word; a third click selects the paragraph."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        at = event.position().toPoint()
        self._hover(at)
        if self.hot is not None:
            self.press(event)
            return
        end = self._end_at(at)
        if end is not None and self._has_pieces(end):
            self._view.selection.select_word(end)
            self._double.start(_TRIPLE_MS)
            self._view.viewport().update()

    def wheel(self, event: QWheelEvent) -> bool:
        """Scroll code sideways. False when the wheel means the view."""
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
        sideways = delta.x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not sideways:
            sideways = delta.y()
        if not sideways or (
            abs(sideways) < abs(delta.y()) and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            return False
        return self._scroll_code(event.position().toPoint(), -sideways)

    def _scroll_code(self, at: QPoint, by: int) -> bool:
        code = self._code_at(at)
        if code is None or not code[0].scroll_max:
            return False
        piece, _, _, top = code
        piece.scroll_x = max(0, min(piece.scroll_max, piece.scroll_x + by))
        self._view.viewport().update(0, top, self._view.viewport().width(), piece.height)
        return True

    def menu(self, at: QPoint, where: QPoint) -> None:
        """Open the context menu for a point of the view, at a point of the screen."""
        view = self._view
        found = self._find(at)
        if found is None:
            return
        number, _, link = found
        number = number if number >= 0 else view.turns.at(at.y() + view.scroll_y)
        selected = not view.selection.empty
        menu = QMenu(view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setObjectName("transcriptMenu")
        copy = menu.addAction(self.tr("Copy") if selected else self.tr("Copy message"))
        copy.triggered.connect(lambda: self._copy(number, markdown=False))
        as_markdown = menu.addAction(self.tr("Copy as Markdown"))
        as_markdown.triggered.connect(lambda: self._copy(number, markdown=True))
        if link:
            copy_link = menu.addAction(self.tr("Copy link"))
            copy_link.triggered.connect(lambda: QGuiApplication.clipboard().setText(link))
        menu.addSeparator()
        whole = menu.addAction(self.tr("Select message"))
        whole.triggered.connect(lambda: self._select(number))
        menu.popup(where)

    def _copy(self, number: int, *, markdown: bool) -> None:
        view = self._view
        if not view.selection.empty:
            view.copy_selection(markdown=markdown)
            return
        turn = view.turns.turn(number)
        text = turn.view.text if markdown else turn.selected_text(turn.everything())
        QGuiApplication.clipboard().setText(text)

    def _select(self, number: int) -> None:
        self._view.selection.select_turn(number)
        self._view.viewport().update()
