"""The models that are asked in turn when a provider fails."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.domain.models import split_model_id
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.settings_fallback_row import FallbackRow
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem

MOST = 5


class FallbackList(QWidget):
    """In the order in which they are asked. `edited` has the new list, which is shown by `show_list`."""

    edited = Signal(tuple)

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self._chosen: tuple[str, ...] = ()
        self._known: tuple[str, ...] = ()
        self.rows = _Rows(theme)
        words = self.tr("Add a model to ask next")
        self.picker = PickerButton(words, theme, icons, icon="plus", placeholder=self.tr("Search models"))
        self.picker.setObjectName("addFallback")
        self.picker.picked.connect(self._add)
        self.note = label("", "hint", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.rows)
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

    def _add(self, model: str) -> None:
        if model not in self._chosen and len(self._chosen) < MOST:
            self.edited.emit((*self._chosen, model))

    def _remove(self, index: int) -> None:
        self.edited.emit((*self._chosen[:index], *self._chosen[index + 1 :]))

    def _move(self, index: int, to: int) -> None:
        """`to`: its place afterwards."""
        if to != index and 0 <= to < len(self._chosen):
            order = list(self._chosen)
            order.insert(to, order.pop(index))
            self.edited.emit(tuple(order))

    def _drop(self, index: int, y: int) -> None:
        gap = self.rows.gap_at(y) if y >= 0 else index
        self.rows.mark(None)
        self._move(index, gap - 1 if gap > index else gap)

    def _show(self) -> None:
        """New rows; the keys stay on the same part of the same model where it is still there."""
        focused = next((w.objectName() for w in self.rows.findChildren(QWidget) if w.hasFocus()), "")
        rows = []
        for index, model in enumerate(self._chosen):
            row = FallbackRow(index, len(self._chosen), model, self._theme, self._icons, self.rows)
            row.remove_wanted.connect(lambda index=index: self._remove(index))
            row.move_wanted.connect(lambda step, index=index: self._move(index, index + step))
            row.dragged.connect(lambda y: self.rows.mark(self.rows.gap_at(y)))
            row.dropped.connect(lambda y, index=index: self._drop(index, y))
            rows.append(row)
        self.rows.put(rows)
        self._show_picker()
        if focused:
            kept = self.rows.findChild(QWidget, focused)
            if kept is None or not kept.isEnabled():  # gone, or at an end of the list by now
                kept = self.rows.findChild(FallbackRow, f"fallback {focused.partition(' ')[2]}")
            (kept or self.picker).setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_picker(self) -> None:
        full = len(self._chosen) >= MOST
        self.picker.set_items(
            [
                PopupItem(model, split_model_id(model)[1], group=split_model_id(model)[0])
                for model in self._known
                if model not in self._chosen
            ]
        )
        self.picker.setVisible(not full)
        if full:
            self.note.setText(self.tr("At most {n} models.").format(n=MOST))
        elif self._chosen:
            self.note.setText(self.tr("Asked in this order, before the first word of an answer."))
        else:
            self.note.setText(self.tr("None: the error is shown in the chat."))


class _Rows(QWidget):
    """The rows below each other, and the line where a dragged one would go."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        self._theme = theme
        self._marked: int | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 2)
        self._column.setSpacing(4)

    def marks(self, gap: int | None = None) -> bool:
        """Whether there is a line, or one in this gap."""
        return self._marked is not None if gap is None else self._marked == gap

    def put(self, rows: Sequence[QWidget]) -> None:
        self._marked = None
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for row in rows:
            self._column.addWidget(row)
        self.setVisible(bool(rows))

    def gap_at(self, y: int) -> int:
        """Between which rows `y` points: 0 before the first, n after the last."""
        return sum(y > self._row(place).geometry().center().y() for place in range(self._column.count()))

    def mark(self, gap: int | None) -> None:
        self._marked = gap
        self.update()

    def _row(self, place: int) -> QWidget:
        item = self._column.itemAt(place)
        widget = item.widget() if item is not None else None
        return widget or self

    def paintEvent(self, event: QPaintEvent) -> None:
        count = self._column.count()
        if self._marked is None or not count:
            return
        spacing = self._column.spacing()
        if self._marked < count:
            top = self._row(self._marked).geometry().top() - spacing / 2 - 1
        else:
            top = self._row(count - 1).geometry().bottom() + spacing / 2
        line = QRectF(0, max(0.0, top), self.width(), 2)
        draw_box(QPainter(self), line, 1, self._theme.current.color("accent.solid"))
