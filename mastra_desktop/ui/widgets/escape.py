"""Esc is a shortcut of the window. Who has a use for it first accepts the question that Qt asks before."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def asks_for_escape(event: QEvent) -> bool:
    """Whether Qt asks if the widget takes Esc itself: accept the event then, and return True."""
    is_question = event.type() == QEvent.Type.ShortcutOverride
    return is_question and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
