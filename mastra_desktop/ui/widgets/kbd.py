"""A key cap, such as the "Ctrl F" in a search field."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class Kbd(QLabel):
    """Shows a key sequence in the platform's words, without the plus signs."""

    def __init__(self, keys: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "kbd")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        native = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
        # Words such as "Enter" and single signs such as "#" are caps too, even where Qt would rename them.
        self.setText(native.replace("+", " ") if "+" in keys and native else keys)
