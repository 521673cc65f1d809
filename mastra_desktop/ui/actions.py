"""The one registry of what a person can do with a key or a menu entry."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QWidget


class Actions:
    """Named QActions of one window. A name, a label, a shortcut and what it does are said once, here."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._actions: dict[str, QAction] = {}

    def add(
        self,
        name: str,
        label: str,
        run: Callable[[], object],
        *,
        shortcut: str = "",
        icon: QIcon | None = None,
        context: Qt.ShortcutContext = Qt.ShortcutContext.WindowShortcut,
    ) -> QAction:
        """Registers an action; its shortcut works at once. Raises ValueError when the shortcut is taken."""
        if shortcut and (other := self.by_shortcut(shortcut)) is not None:
            raise ValueError(f"{shortcut} is already used by {other.text()}")
        action = QAction(label, self._window)
        action.setObjectName(name)
        if icon is not None:
            action.setIcon(icon)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
            action.setShortcutContext(context)
        action.triggered.connect(lambda _checked=False: run())
        self._window.addAction(action)
        self._actions[name] = action
        return action

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> list[QAction]:
        return list(self._actions.values())

    def by_shortcut(self, shortcut: str) -> QAction | None:
        wanted = QKeySequence(shortcut)
        return next((a for a in self._actions.values() if a.shortcut() == wanted), None)

    def hint(self, name: str) -> str:
        """A tooltip: the label and the shortcut as this system writes it."""
        action = self._actions[name]
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        return f"{action.text()} {keys}".strip()
