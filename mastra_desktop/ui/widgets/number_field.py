"""A field for a whole number."""

from __future__ import annotations

from PySide6.QtWidgets import QSpinBox, QWidget


class NumberField(QSpinBox):
    """A spin box; `suffix` carries the unit (" s"). Its range is set at once, lest it be forgotten."""

    def __init__(self, least: int, most: int, suffix: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(least, most)
        self.setSuffix(suffix)
        self.setGroupSeparatorShown(True)
        # A styled spin box forgets the left padding of its style sheet (Qt 6.11).
        self.lineEdit().setTextMargins(8, 0, 0, 0)
