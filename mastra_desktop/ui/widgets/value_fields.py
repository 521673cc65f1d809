"""Fields for one value of a kind: on or off, one of a few, a number, text. Whatever is typed stays until it
is taken or put back, so that a refused value can be mended where it stands.

All have `edited` (the new value: text that is no number is told as it is), `show_value`, `touched` (something
typed is not taken yet), `set_base` (what Esc puts back while that is so), `set_locked` and `set_invalid`. The
wheel scrolls the page and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.escape import asks_for_escape
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.switch import Switch

_GROUPED = re.compile(r"\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?")
SETTLE_MS = 500  # a held arrow key is told once
NUMBER_WIDTH, CHOICE_WIDTH, TEXT_WIDTH = 132, 160, 160


class SwitchValue(Switch):
    """On or off."""

    edited = Signal(object)

    def __init__(self, label: str, theme: ThemeController) -> None:
        super().__init__(theme, label=label)
        self.clicked.connect(lambda on: self.edited.emit(bool(on)))

    @property
    def touched(self) -> bool:
        return False

    def show_value(self, value: object) -> None:
        self.setChecked(bool(value))

    def set_base(self, value: object) -> None:
        self.show_value(value)

    def set_locked(self, locked: bool) -> None:
        self.setEnabled(not locked)

    def set_invalid(self, invalid: bool) -> None:
        """Nothing to see: it went back to what holds."""


class ChoiceValue(QComboBox):
    """One of a few words."""

    edited = Signal(object)

    def __init__(self, label: str, choices: Sequence[str]) -> None:
        super().__init__()
        self.setAccessibleName(label)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.addItems(list(choices))
        self.activated.connect(lambda _index: self.edited.emit(self.currentText()))

    @property
    def touched(self) -> bool:
        return False

    def show_value(self, value: object) -> None:
        self.setCurrentIndex(self.findText(str(value)))

    def set_base(self, value: object) -> None:
        self.show_value(value)

    def set_locked(self, locked: bool) -> None:
        self.setEnabled(not locked)

    def set_invalid(self, invalid: bool) -> None:
        self.setProperty("invalid", invalid)
        restyle(self)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(CHOICE_WIDTH, super().minimumSizeHint().width()), super().minimumSizeHint().height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class TextValue(QLineEdit):
    """A line of text. Enter, or leaving it, tells it; Esc puts back what holds."""

    edited = Signal(object)

    def __init__(self, label: str) -> None:
        super().__init__()
        self.setAccessibleName(label)
        self.setMinimumWidth(TEXT_WIDTH)
        self._shown = ""
        self.editingFinished.connect(self._finish)

    @property
    def touched(self) -> bool:
        return self.text().strip() != self._shown

    def show_value(self, value: object) -> None:
        self.set_base(value)
        self.setText(self._shown)
        self.setCursorPosition(0)

    def set_base(self, value: object) -> None:
        self._shown = str(value)

    def set_locked(self, locked: bool) -> None:
        self.setReadOnly(locked)

    def set_invalid(self, invalid: bool) -> None:
        self.setProperty("invalid", invalid)
        restyle(self)

    def event(self, event: QEvent) -> bool:
        if asks_for_escape(event) and self.touched:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.touched:
            self.setText(self._shown)
            return
        super().keyPressEvent(event)

    def _finish(self) -> None:
        if self.touched and not self.isReadOnly():
            self.edited.emit(self.text().strip())


class NumberValue(QAbstractSpinBox):
    """A number with arrows that keep to its limits. Anything can be typed, to be refused with a reason."""

    edited = Signal(object)
    textChanged = Signal(str)

    def __init__(
        self,
        label: str,
        least: float | None,
        most: float | None,
        *,
        step: float = 1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(label)
        self._least, self._most, self._step = least, most, step
        self._shown = ""
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._finish)
        # A styled spin box forgets the left padding of its style sheet (Qt 6.11).
        self.lineEdit().setTextMargins(8, 0, 0, 0)
        self.lineEdit().textChanged.connect(self.textChanged)
        self.editingFinished.connect(self._finish)
        self.setFixedWidth(NUMBER_WIDTH)

    @property
    def touched(self) -> bool:
        return self.text().strip() != self._shown

    def show_value(self, value: object) -> None:
        self.set_base(value)
        self._settle.stop()
        self.lineEdit().setText(self._shown)

    def set_base(self, value: object) -> None:
        self._shown = _written(float(str(value)))

    def set_locked(self, locked: bool) -> None:
        self.setReadOnly(locked)

    def set_invalid(self, invalid: bool) -> None:
        self.setProperty("invalid", invalid)
        restyle(self)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        return QValidator.State.Acceptable, text, position

    def stepBy(self, steps: int) -> None:
        now = self._number(self.text())
        value = (now if now is not None else float(self._shown)) + steps * self._step
        if self._least is not None:
            value = max(self._least, value)
        if self._most is not None:
            value = min(self._most, value)
        self.lineEdit().setText(_written(float(value)))
        self._settle.start()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        if self.isReadOnly():
            return QAbstractSpinBox.StepEnabledFlag.StepNone
        now = self._number(self.text())
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if now is None or self._least is None or now > self._least:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        if now is None or self._most is None or now < self._most:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        return flags

    def event(self, event: QEvent) -> bool:
        if asks_for_escape(event) and self.touched:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.touched:
            self._settle.stop()
            self.lineEdit().setText(self._shown)
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def _number(self, text: str) -> float | None:
        """The number that is written there, with or without marks between thousands."""
        if _GROUPED.fullmatch(text.strip()):
            text = re.sub(r"[, ]", "", text.strip())  # not in "0,5", which means something else
        try:
            return float(text)
        except ValueError:
            return None

    def _finish(self) -> None:
        self._settle.stop()
        if not self.touched or self.isReadOnly():
            return
        number = self._number(self.text())
        if number is None:
            self.edited.emit(self.text().strip())
        else:
            self.edited.emit(int(number) if number.is_integer() else number)


ValueField = SwitchValue | ChoiceValue | TextValue | NumberValue


def _written(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.10g}"
