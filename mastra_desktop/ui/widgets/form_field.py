"""Label above, field, help or error below."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.widgets.painting import restyle


class FormField(QWidget):
    """Wraps any one field. The help line becomes the error while there is one."""

    def __init__(
        self, label: str, field: QWidget, help_text: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.field = field
        self._help = help_text
        self._label = QLabel(label)
        self._label.setProperty("role", "label")
        self._label.setBuddy(field)
        self._below = QLabel()
        self._below.setWordWrap(True)
        if not field.accessibleName():
            field.setAccessibleName(label)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._label)
        column.addWidget(field)
        column.addWidget(self._below)
        self.set_error("")

    def set_error(self, error: str) -> None:
        """Cause and remedy in one sentence; "" when the value is fine."""
        self.field.setProperty("invalid", bool(error))
        restyle(self.field)
        self._below.setText(error or self._help)
        self._below.setProperty("role", "error" if error else "hint")
        restyle(self._below)
        self._below.setVisible(bool(error or self._help))
        self.field.setAccessibleDescription(error or self._help)

    def set_help(self, help_text: str) -> None:
        self._help = help_text
        if self._below.property("role") == "hint":
            self.set_error("")
