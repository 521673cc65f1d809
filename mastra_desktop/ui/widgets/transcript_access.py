"""What a screen reader sees: a list "Transcript" whose items are the turns, with their buttons inside.

Qt takes None for "there is none" where its stubs promise an interface or an object; hence the ignores below.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect
from PySide6.QtGui import QAccessible, QAccessibleEvent, QAccessibleInterface, QColor, QWindow

from mastra_desktop.ui.widgets.transcript_chrome import Hot

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_SPOKEN = 4_000


class ListAccess(QAccessibleInterface):
    """The transcript as a list."""

    def __init__(self, view: Transcript) -> None:
        super().__init__()
        self.view = view
        self._items: dict[str, ItemAccess] = {}

    def isValid(self) -> bool:
        return True

    def object(self) -> QObject:
        return self.view

    def window(self) -> QWindow:
        return self.view.window().windowHandle()

    def parent(self) -> QAccessibleInterface:
        return QAccessible.queryAccessibleInterface(self.view.parentWidget() or self.view.window())

    def childCount(self) -> int:
        return len(self.view.turns)

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        if not 0 <= index < len(self.view.turns):
            return None
        turn_id = self.view.turns.views[index].id
        if turn_id not in self._items:
            self._items[turn_id] = ItemAccess(self, turn_id)
            QAccessible.registerAccessibleInterface(self._items[turn_id])
        return self._items[turn_id]

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        found = self.view.to_turn(self.view.viewport().mapFromGlobal(QRect(x, y, 1, 1).topLeft()))
        return self.child(found[0]) if found is not None else None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return child.number() if isinstance(child, ItemAccess) else -1

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        focused = self.view.keys.focused
        return self.child(focused) if focused is not None else None

    def text(self, kind: QAccessible.Text) -> str:
        return self.view.accessibleName() if kind == QAccessible.Text.Name else ""

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        return

    def rect(self) -> QRect:
        return QRect(self.view.mapToGlobal(self.view.rect().topLeft()), self.view.size())

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.List

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        state.focusable = True
        state.focused = self.view.hasFocus()
        return state

    def foregroundColor(self) -> QColor:
        return self.view.turns.style.text_color

    def backgroundColor(self) -> QColor:
        return self.view.turns.style.color("surface.content")


class ItemAccess(QAccessibleInterface):
    """One turn."""

    def __init__(self, parent: ListAccess, turn_id: str) -> None:
        super().__init__()
        self._parent = parent
        self._turn_id = turn_id
        self._buttons: list[ButtonAccess] = []

    def number(self) -> int:
        """The turn's number; -1 when it is gone."""
        return self._parent.view.turns.index.get(self._turn_id, -1)

    def isValid(self) -> bool:
        return self.number() >= 0

    def object(self) -> QObject | None:  # type: ignore[override]
        return None

    def window(self) -> QWindow:
        return self._parent.window()

    def parent(self) -> QAccessibleInterface:
        return self._parent

    def hot_areas(self) -> list[Hot]:
        """What can be pressed in the turn."""
        number = self.number()
        return self._parent.view.turns.turn(number).hot_areas(links=True) if number >= 0 else []

    def childCount(self) -> int:
        return len(self.hot_areas())

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        if not 0 <= index < self.childCount():
            return None
        while len(self._buttons) <= index:
            self._buttons.append(ButtonAccess(self, len(self._buttons)))
            QAccessible.registerAccessibleInterface(self._buttons[-1])
        return self._buttons[index]

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return child.index if isinstance(child, ButtonAccess) else -1

    def text(self, kind: QAccessible.Text) -> str:
        number = self.number()
        if number < 0 or kind != QAccessible.Text.Name:
            return ""
        view = self._parent.view
        turn = view.turns.views[number]
        who = view.tr("You") if turn.kind == "user" else turn.author
        card = f"{turn.card.title} {turn.card.text}" if turn.card is not None else ""
        status = f"({turn.status})" if turn.status else ""
        return " ".join(part for part in (f"{who}:", status, turn.text[:_SPOKEN], card) if part)

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        return

    def place(self) -> QRect:
        """Where the turn stands on the screen."""
        view, number = self._parent.view, self.number()
        if number < 0:
            return QRect()
        column = view.column()
        top = view.turns.top_of(number) - view.scroll_y
        rect = QRect(column.left(), top, column.width(), view.turns.heights[number])
        return QRect(view.viewport().mapToGlobal(rect.topLeft()), rect.size())

    def rect(self) -> QRect:
        return self.place()

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        view, number = self._parent.view, self.number()
        state = QAccessible.State()
        state.focusable = True
        state.focused = view.hasFocus() and view.keys.focused == number
        state.readOnly = True
        place = self.place()
        state.offscreen = not place.intersects(self._parent.rect())
        return state


class ButtonAccess(QAccessibleInterface):
    """Something to press in a turn."""

    def __init__(self, parent: ItemAccess, index: int) -> None:
        super().__init__()
        self._parent = parent
        self.index = index

    def _hot(self) -> Hot | None:
        areas = self._parent.hot_areas()
        return areas[self.index] if self.index < len(areas) else None

    def isValid(self) -> bool:
        return self._hot() is not None

    def object(self) -> QObject | None:  # type: ignore[override]
        return None

    def window(self) -> QWindow:
        return self._parent.window()

    def parent(self) -> QAccessibleInterface:
        return self._parent

    def childCount(self) -> int:
        return 0

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        return None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return -1

    def text(self, kind: QAccessible.Text) -> str:
        hot = self._hot()
        return hot.label if hot is not None and kind == QAccessible.Text.Name else ""

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        return

    def rect(self) -> QRect:
        hot = self._hot()
        return hot.rect.translated(self._parent.place().topLeft()) if hot is not None else QRect()

    def role(self) -> QAccessible.Role:
        hot = self._hot()
        return (
            QAccessible.Role.Link
            if hot is not None and hot.kind in ("link", "cite")
            else QAccessible.Role.Button
        )

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        state.focusable = True
        return state


@cache
def register() -> None:
    """Tell Qt once how transcripts are seen."""
    QAccessible.installFactory(_make)


def _make(_class_name: str, thing: QObject) -> QAccessibleInterface | None:
    from mastra_desktop.ui.widgets.transcript import Transcript

    if not isinstance(thing, Transcript):
        return None
    if thing.access is None:
        thing.access = ListAccess(thing)
    return thing.access


def announce_turns(view: Transcript) -> None:
    """Say that the list changed, if anyone listens."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleEvent(view, QAccessible.Event.ObjectReorder))


def announce_focus(view: Transcript, number: int) -> None:
    """Say which turn has the focus, if anyone listens."""
    if QAccessible.isActive():
        event = QAccessibleEvent(view, QAccessible.Event.Focus)
        event.setChild(number)
        QAccessible.updateAccessibility(event)
