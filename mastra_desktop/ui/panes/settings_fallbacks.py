"""The models that are asked in turn when a provider fails."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

MOST = 5


class FallbackList(QWidget):
    """In the order in which they are asked. `edited` has the new list, which is shown by `show_list`."""

    edited = Signal(tuple)

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self._chosen: tuple[str, ...] = ()
        self._known: tuple[str, ...] = ()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self.picker = QComboBox()
        self.picker.setObjectName("addFallback")
        self.picker.setAccessibleName(self.tr("Add a model to ask next"))
        self.picker.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.picker.activated.connect(self._add)
        self.note = label("", "hint", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._rows)
        column.addWidget(self.picker)
        column.addWidget(self.note)
        self._show()

    def show_list(self, chosen: Sequence[str]) -> None:
        if tuple(chosen) != self._chosen:
            self._chosen = tuple(chosen)
            self._show()

    def show_known(self, models: Sequence[str]) -> None:
        """The models that can be added, as provider/model."""
        if tuple(models) != self._known:
            self._known = tuple(models)
            self._show_picker()

    def _add(self) -> None:
        model = self.picker.currentText()
        self.picker.setCurrentIndex(-1)
        if model and model not in self._chosen:
            self.edited.emit((*self._chosen, model))

    def _remove(self, index: int) -> None:
        self.edited.emit((*self._chosen[:index], *self._chosen[index + 1 :]))

    def _move(self, index: int, step: int) -> None:
        order = list(self._chosen)
        order.insert(index + step, order.pop(index))
        self.edited.emit(tuple(order))

    def _show(self) -> None:
        """New rows; the keys stay on the same button of the same model where it is still there."""
        focused = next((b.objectName() for b in self.findChildren(IconButton) if b.hasFocus()), "")
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for index, model in enumerate(self._chosen):
            self._rows.addWidget(self._row(index, model))
        self._show_picker()
        if focused:
            kept = self.findChild(IconButton, focused)
            target = kept if kept is not None and kept.isEnabled() else self.picker
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_picker(self) -> None:
        full = len(self._chosen) >= MOST
        self.picker.clear()
        self.picker.addItems([model for model in self._known if model not in self._chosen])
        self.picker.setCurrentIndex(-1)
        self.picker.setPlaceholderText(self.tr("Add a model to ask next"))
        self.picker.setVisible(not full)
        if full:
            self.note.setText(self.tr("At most {n} models.").format(n=MOST))
        elif self._chosen:
            self.note.setText(self.tr("Asked in this order, before the first word of an answer."))
        else:
            self.note.setText(self.tr("None: the error is shown in the chat."))

    def _row(self, index: int, model: str) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(label(str(index + 1), "hint"))
        row.addSpacing(6)
        name = ElidedLabel(model, "", Qt.TextElideMode.ElideMiddle)
        row.addWidget(name, 1)
        buttons = (
            ("up", "chevron-up", self.tr("Ask {model} earlier"), index > 0),
            ("down", "chevron-down", self.tr("Ask {model} later"), index < len(self._chosen) - 1),
            ("remove", "x", self.tr("Do not ask {model}"), True),
        )
        for action, icon, words, usable in buttons:
            button = IconButton(icon, words.format(model=model), self._theme, self._icons)
            button.setObjectName(f"{action} {model}")
            button.setEnabled(usable)
            row.addWidget(button)
            if action == "remove":
                button.clicked.connect(lambda: self._remove(index))
            else:
                step = -1 if action == "up" else 1
                button.clicked.connect(lambda _=False, step=step: self._move(index, step))
        return made
