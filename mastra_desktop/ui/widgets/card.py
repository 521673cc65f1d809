"""A bordered surface that groups what belongs together."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget


class Card(QFrame):
    """Radius 8, 1 px border; put content into `column`."""

    def __init__(self, parent: QWidget | None = None, padding: int = 12, spacing: int = 8) -> None:
        super().__init__(parent)
        self.setProperty("card", "true")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(padding, padding, padding, padding)
        self.column.setSpacing(spacing)
