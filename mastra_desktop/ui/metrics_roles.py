"""What the Metrics pane's item models answer and its delegates ask for."""

from __future__ import annotations

from enum import IntEnum

from PySide6.QtCore import Qt


class TraceRole(IntEnum):
    """A trace, or a span below it."""

    TRACE_ID = Qt.ItemDataRole.UserRole + 200
    DEPTH = Qt.ItemDataRole.UserRole + 201  # 0 is the trace
    OPEN = Qt.ItemDataRole.UserRole + 202  # its spans are shown
    ICON = Qt.ItemDataRole.UserRole + 203
    START = Qt.ItemDataRole.UserRole + 204  # 0 to 1 of the scale
    LENGTH = Qt.ItemDataRole.UserRole + 205
    COLOR = Qt.ItemDataRole.UserRole + 206
    DURATION = Qt.ItemDataRole.UserRole + 207  # in words
    FAILED = Qt.ItemDataRole.UserRole + 208


class LogRole(IntEnum):
    """A line of the log."""

    TIME = Qt.ItemDataRole.UserRole + 220
    LEVEL = Qt.ItemDataRole.UserRole + 221  # as shown: INFO, WARN, ...
    TONE = Qt.ItemDataRole.UserRole + 222
    SOURCE = Qt.ItemDataRole.UserRole + 223
    OPERATION = Qt.ItemDataRole.UserRole + 224
