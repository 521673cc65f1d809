"""How much a provider is asked in a minute, and at the same time."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.widgets.number_field import NumberField

MOST = 1_000_000_000
SETTLE_MS = 500  # a held arrow key writes once


class LimitFields(QWidget):
    """Requests and tokens a minute, and requests at the same time; 0 is unlimited.

    `edited` tells all three when the person has finished.
    """

    edited = Signal(int, int, int)

    def __init__(self) -> None:
        super().__init__()
        self._shown = (0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._report)
        self.requests = self._field(self.tr("Requests a minute"), "requestsPerMinute", 1)
        self.tokens = self._field(self.tr("Tokens a minute"), "tokensPerMinute", 1000)
        self.at_once = self._field(self.tr("At the same time"), "maxConcurrent", 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for field in self._fields():
            column = QVBoxLayout()
            column.setSpacing(4)
            column.addWidget(field)
            column.addWidget(label(field.accessibleName(), "hint"))
            row.addLayout(column, 1)

    def show_limits(self, requests: int, tokens: int, at_once: int, *, keep_edits: bool) -> None:
        """What holds now; with `keep_edits`, what the person is changing stays."""
        if keep_edits and self._timer.isActive():
            return
        self._shown = (requests, tokens, at_once)
        for field, value in zip(self._fields(), self._shown, strict=True):
            if not (keep_edits and field.hasFocus()):
                field.blockSignals(True)
                field.setValue(value)
                field.blockSignals(False)

    def forget(self) -> None:
        """Another provider comes: what was still to be told is told first."""
        if self._timer.isActive():
            self._timer.stop()
            self._report()

    def _fields(self) -> tuple[NumberField, NumberField, NumberField]:
        return self.requests, self.tokens, self.at_once

    def _field(self, name: str, object_name: str, step: int) -> NumberField:
        made = NumberField(0, MOST)
        made.setObjectName(object_name)
        made.setAccessibleName(name)
        made.setSpecialValueText(self.tr("Unlimited"))
        made.setSingleStep(step)
        made.setKeyboardTracking(False)
        made.setMinimumWidth(90)
        made.valueChanged.connect(lambda _: self._timer.start())  # `start` would take it for ms
        return made

    def _report(self) -> None:
        now = (self.requests.value(), self.tokens.value(), self.at_once.value())
        if now != self._shown:
            self._shown = now
            self.edited.emit(*now)
