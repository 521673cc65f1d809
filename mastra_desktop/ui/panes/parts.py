"""Small pieces that panes are made of: labels by role, an icon with words, bordered panels, wrapping rows."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QLayoutItem, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """A plain-text label in one of the style sheet's roles (title, heading, secondary, small, hint, ...)."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


class Icon(QWidget):
    """An icon in a token's colour. The words beside it say the same, so it has no accessible name."""

    def __init__(
        self, name: str, theme: ThemeController, icons: Icons, color: str = "text.secondary", size: int = 14
    ) -> None:
        super().__init__()
        self._icons, self._name, self._color = icons, name, color
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def set(self, name: str, color: str) -> None:
        self._name, self._color = name, color
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._name:
            self._icons.paint(QPainter(self), QRectF(self.rect()), self._name, self._color)


class IconText(QWidget):
    """An icon and a few words; `wrap` for whole sentences."""

    def __init__(
        self,
        icon: str,
        text: str,
        theme: ThemeController,
        icons: Icons,
        *,
        role: str = "small",
        tone: Tone = "",
        size: int = 14,
        wrap: bool = False,
    ) -> None:
        super().__init__()
        self._icon = Icon(icon, theme, icons, tone_text(tone), size)
        self._words = label(text, role, wrap=wrap)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        side = Qt.AlignmentFlag.AlignTop if wrap else Qt.AlignmentFlag.AlignVCenter
        self._words.setAlignment(side | Qt.AlignmentFlag.AlignLeft)
        row.addWidget(self._icon, 0, side)
        row.addWidget(self._words, 1)

    def text(self) -> str:
        return self._words.text()

    def set(self, icon: str, text: str, tone: Tone = "") -> None:
        self._icon.set(icon, tone_text(tone))
        self._words.setText(text)


class Panel(QWidget):
    """A rounded surface with a border, both named by tokens; put content into `column`."""

    def __init__(
        self,
        theme: ThemeController,
        *,
        fill: str = "card.bg",
        border: str = "border.default",
        radius: int = 12,
        border_px: int = 1,
        padding: tuple[int, int] = (22, 20),
    ) -> None:
        """`padding` is (left and right, above and below) in pixels."""
        super().__init__()
        self._theme, self._fill, self._border = theme, fill, border
        self._radius, self._border_px = radius, border_px
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(padding[0], padding[1], padding[0], padding[1])
        self.column.setSpacing(0)
        theme.changed.connect(self.update)

    def set_colors(self, fill: str, border: str) -> None:
        self._fill, self._border = fill, border
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        fill, border = theme.color(self._fill), theme.color(self._border)
        draw_box(QPainter(self), QRectF(self.rect()), self._radius, fill, border, self._border_px)


class Line(QWidget):
    """The 1 px line between two columns."""

    def __init__(self, theme: ThemeController, color: str) -> None:
        super().__init__()
        self._theme, self._color = theme, color
        self.setFixedWidth(1)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.current.color(self._color))


class FlowLayout(QLayout):
    """Items side by side, going on in the next line where the width ends."""

    def __init__(self, parent: QWidget | None = None, *, across: int = 18, down: int = 4) -> None:
        """`across` and `down` are the gaps in pixels."""
        super().__init__(parent)
        self._across, self._down = across, down
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        left, top, line = rect.left(), rect.top(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            if left > rect.left() and left + size.width() > rect.right() + 1:
                left, top, line = rect.left(), top + line + self._down, 0
            if move:
                item.setGeometry(
                    QRect(QPoint(left, top), QSize(min(size.width(), rect.width()), size.height()))
                )
            left += size.width() + self._across
            line = max(line, size.height())
        return top + line - rect.top()


def flow(items: list[QWidget], *, across: int = 18) -> QWidget:
    """The widgets as one that wraps."""
    made = QWidget()
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    layout = FlowLayout(made, across=across)
    for item in items:
        layout.addWidget(item)
    return made
