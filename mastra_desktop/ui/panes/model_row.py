"""One model in the table of a provider's models, and the fields to edit what is known of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from mastra_desktop.domain.models import ModelPrice
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes import money
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.switch import Switch

ROW_HEIGHT = 36
CONTEXT_WIDTH, PRICE_WIDTH, CALLS_WIDTH = 62, 128, 46
PRICE_MARGIN = 6  # of a tool button, right of its words
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TableLine(QWidget):
    """A line of the table: what goes first, then a column that takes the room, then columns of one width."""

    def __init__(self, theme: ThemeController, *, above: bool = True) -> None:
        super().__init__()
        self.theme, self._above = theme, above
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(12, 0, 12, 0)
        self.row.setSpacing(10)
        theme.changed.connect(self._size)
        self._size()

    def add_column(self, widget: QWidget, width: int) -> None:
        widget.setFixedWidth(self.theme.current.scaled(width))
        self.row.addWidget(widget)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._above:
            QPainter(self).fillRect(1, 0, self.width() - 2, 1, self.theme.current.color("border.subtle"))

    def _size(self) -> None:
        self.setFixedHeight(self.theme.current.scaled(ROW_HEIGHT))


class ModelRow(TableLine):
    """`toggled` when the person switches the model, `edit_wanted` when they press its price."""

    toggled = Signal(bool)
    edit_wanted = Signal()

    def __init__(self, theme: ThemeController, name: str) -> None:
        super().__init__(theme)
        self.name = name
        self.setObjectName(f"model-{name}")
        self.switch = Switch(theme, label=name)
        self.switch.clicked.connect(self.toggled)
        self._name = ElidedLabel(name, mode=Qt.TextElideMode.ElideMiddle)
        self.context = _cell()
        self.price = QToolButton()
        self.price.setObjectName(f"price-{name}")
        self.price.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.price.clicked.connect(self.edit_wanted)
        FocusRing(self.price, theme, 6)
        self.calls = _cell()
        self.row.addWidget(self.switch)
        self.row.addWidget(self._name, 1)
        self.add_column(self.context, CONTEXT_WIDTH)
        holder = QWidget()
        inside = QHBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addStretch(1)
        inside.addWidget(self.price)
        self.add_column(holder, PRICE_WIDTH)
        self.add_column(self.calls, CALLS_WIDTH)
        theme.changed.connect(self._set_fonts)

    def show_model(self, on: bool, price: ModelPrice, calls: int, *, here: bool, own: bool) -> None:
        """`here`: it runs on this computer; `own`: the person entered the figures."""
        if self.switch.isChecked() != on:
            self.switch.setChecked(on)
        self.context.setText(money.context(price.context_tokens) or "–")
        words = self.tr("free") if here else money.per_million(price) or self.tr("unknown")
        self.price.setText(words)
        said = self.tr("Context and price of {name}: {price}").format(name=self.name, price=words)
        self.price.setAccessibleName(said)
        tip = self.tr("Your own figures. Press to edit") if own else self.tr("Edit context and price")
        self.price.setToolTip(tip)
        self.calls.setText(f"{calls:,}" if calls or on else "–")
        for cell in (self._name, self.context, self.calls):
            role = "" if on and cell is not self.context else "secondary" if on else "hint"
            if cell.property("role") != role:
                cell.setProperty("role", role)
                restyle(cell)
        self._set_fonts()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._set_fonts()  # the style sheet, which came with the parent, has reset them

    def _set_fonts(self) -> None:
        theme = self.theme.current
        self._name.setFont(theme.font("code"))
        for cell in (self.context, self.price, self.calls):
            cell.setFont(theme.font("ui", tabular=True))


class PriceEditor(QWidget):
    """Context and prices of one model. Enter saves, Esc gives up; an empty field is unknown."""

    saved = Signal(object)  # ModelPrice, or None: forget the person's own figures
    closed = Signal()

    def __init__(
        self, theme: ThemeController, icons: Icons, name: str, price: ModelPrice, *, own: bool
    ) -> None:
        super().__init__()
        self._theme, self._price = theme, price
        self.setObjectName("priceEditor")
        self.setAccessibleName(self.tr("Context and price of {name}").format(name=name))
        self.context = self._field("editContext", f"{price.context_tokens or ''}")
        self.input = self._field("editInput", _plain(price.input))
        self.cached = self._field("editCached", _plain(price.cached))
        self.output = self._field("editOutput", _plain(price.output))
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        for column, (words, field) in enumerate(
            (
                (self.tr("Context, tokens"), self.context),
                (self.tr("Input, $ per 1M"), self.input),
                (self.tr("Cached input"), self.cached),
                (self.tr("Output"), self.output),
            )
        ):
            grid.addWidget(label(words, "hint"), 0, column)
            grid.addWidget(field, 1, column)
            field.setAccessibleName(words)
        self.trouble = label("", "error", wrap=True)
        self.trouble.hide()
        self.save_button = Button(self.tr("Save"), theme, icons, "primary", "small")
        self.save_button.setObjectName("savePriceButton")
        self.save_button.clicked.connect(self._save)
        cancel = Button(self.tr("Cancel"), theme, icons, size="small")
        cancel.clicked.connect(self.closed)
        self.forget_button = Button(self.tr("Back to the list price"), theme, icons, "quiet", "small")
        self.forget_button.setObjectName("forgetPriceButton")
        self.forget_button.clicked.connect(lambda: self.saved.emit(None))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.save_button)
        buttons.addWidget(cancel)
        buttons.addStretch(1)
        buttons.addWidget(self.forget_button)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(12, 4, 12, 12)
        column_.setSpacing(8)
        column_.addLayout(grid)
        column_.addWidget(self.trouble)
        column_.addLayout(buttons)
        self.forget_button.setVisible(own)

    def show_trouble(self, words: str) -> None:
        self.trouble.setText(words)
        self.trouble.setVisible(bool(words))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            self.closed.emit()
            return True
        return super().eventFilter(watched, event)

    def _field(self, object_name: str, text: str) -> QLineEdit:
        made = QLineEdit(text)
        made.setObjectName(object_name)
        made.setPlaceholderText(self.tr("unknown"))
        made.setMinimumWidth(64)
        made.returnPressed.connect(self._save)
        made.installEventFilter(self)
        return made

    def _save(self) -> None:
        prices = []
        try:
            tokens = money.typed_tokens(self.context.text())
        except ValueError:
            self._refuse(self.context, self.tr("Write the context in tokens, like 128,000 or 128k."))
            return
        for field in (self.input, self.cached, self.output):
            try:
                prices.append(money.typed_amount(field.text()))
            except ValueError:
                self._refuse(field, self.tr("Write the price in US dollars per 1 million tokens, like 2.50."))
                return
        self.show_trouble("")
        same = prices == [self._price.input, self._price.cached, self._price.output]
        up_to = self._price.up_to if same else None
        self.saved.emit(ModelPrice(tokens, prices[0], prices[1], prices[2], up_to))

    def _refuse(self, field: QLineEdit, words: str) -> None:
        self.show_trouble(words)
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        field.selectAll()


def _plain(value: object) -> str:
    return "" if value is None else f"{value:f}"


def _cell() -> QLabel:
    made = label("")
    made.setAlignment(_RIGHT)
    return made
