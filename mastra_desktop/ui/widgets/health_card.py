"""A health card: name, status, value, a short reason, a small curve. Pressed, it tells cause and remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.overlay import Popover, fit_height
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text
from mastra_desktop.ui.widgets.sparkline import HEIGHT, WIDTH, paint_sparkline

_HEIGHT, _EDGE = 78, 12
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class HealthFace:
    """What a card shows. `reason` is short; `cause` and `remedy` are sentences for the popover."""

    name: str
    icon: str
    status: str  # a word
    status_icon: str
    tone: Tone
    value: str
    reason: str
    cause: str
    remedy: str = ""
    curve: tuple[float, ...] = ()


class HealthCard(QAbstractButton):
    """78 px high. `check_wanted` carries the card's id."""

    check_wanted = Signal(str)

    def __init__(
        self, card_id: str, theme: ThemeController, icons: Icons, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.card_id = card_id
        self._theme, self._icons = theme, icons
        self._face = HealthFace(card_id, "", "", "", "", "", "", "")
        self._detail: HealthDetail | None = None
        self._checking = False
        self.setObjectName(f"healthCard-{card_id}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        FocusRing(self, theme, 8)
        self.clicked.connect(self.open_detail)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def face(self) -> HealthFace:
        return self._face

    @property
    def detail(self) -> HealthDetail | None:
        """The popover while it is open."""
        return self._detail

    def show_face(self, face: HealthFace) -> None:
        if face == self._face:
            return
        self._face = face
        words = [face.name, face.status, face.value, face.reason]
        self.setAccessibleName(", ".join(word for word in words if word))
        self.setAccessibleDescription(f"{face.cause} {face.remedy}".strip())
        if self._detail is not None:
            self._detail.show_face(face)
        self.update()

    def set_checking(self, checking: bool) -> None:
        """While a check runs its button waits."""
        self._checking = checking
        if self._detail is not None:
            self._detail.button.set_loading(checking)

    def open_detail(self) -> None:
        if self._detail is not None:
            return
        self._detail = HealthDetail(self, self._theme, self._icons)
        self._detail.show_face(self._face)
        self._detail.button.set_loading(self._checking)
        self._detail.button.clicked.connect(lambda: self.check_wanted.emit(self.card_id))
        self._detail.closed.connect(self._closed)
        self._detail.open_popover()
        self._detail.button.setFocus(Qt.FocusReason.PopupFocusReason)

    def _closed(self) -> None:
        self._detail = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(200, self._theme.current.scaled(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(150, self._theme.current.scaled(_HEIGHT))

    def _restyle(self) -> None:
        self.setFixedHeight(self._theme.current.scaled(_HEIGHT))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, face = self._theme.current, self._face
        painter = QPainter(self)
        fill = "surface.hover" if self.underMouse() or self.isDown() else "card.bg"
        draw_box(painter, QRectF(self.rect()), 8, theme.color(fill), theme.color("border.default"))
        line = theme.scaled(20)
        left, right, top = _EDGE, float(self.width() - _EDGE), 10
        if face.icon:
            self._icons.paint(painter, QRectF(left, top, 15, line), face.icon, "text.secondary")
            left += 21
        right = self._paint_status(painter, QRectF(left, top, right - left, line)) - 6
        self._text(painter, face.name, QRectF(left, top, right - left, line), ("ui", 500), "text.primary")
        curve = QRectF(self.width() - _EDGE - WIDTH, self.height() - _EDGE - HEIGHT, WIDTH, HEIGHT)
        room = self.width() - 2 * _EDGE
        if len(face.curve) > 1:
            color = theme.color(f"{face.tone}.solid" if face.tone else "chart.s6")
            paint_sparkline(painter, curve, face.curve, color)
            room -= WIDTH + 8
        top += line + 1
        long = QFontMetricsF(theme.font("title", 600)).horizontalAdvance(face.value) > room
        if long and not face.reason:  # a sentence: two smaller lines
            painter.setFont(theme.font("small"))
            painter.setPen(theme.color("text.secondary"))
            whole = QRectF(_EDGE, top + 2, room, 2 * theme.scaled(16))
            wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
            painter.drawText(whole, wrap, face.value)
            return
        self._text(painter, face.value, QRectF(_EDGE, top, room, line), ("title", 600), "text.primary")
        rest = QRectF(_EDGE, top + line, room, theme.scaled(16))
        self._text(painter, face.reason, rest, ("small", 400), "text.secondary")

    def _paint_status(self, painter: QPainter, rect: QRectF) -> float:
        """The word with its icon at the right; where it begins."""
        theme, face = self._theme.current, self._face
        if not face.status:
            return rect.right()
        font = theme.font("small")
        width = QFontMetricsF(font).horizontalAdvance(face.status) + 1
        painter.setFont(font)
        painter.setPen(theme.color(tone_text(face.tone)))
        painter.drawText(QRectF(rect.right() - width, rect.top(), width, rect.height()), _LEFT, face.status)
        icon = QRectF(rect.right() - width - 18, rect.top(), 14, rect.height())
        self._icons.paint(painter, icon, face.status_icon, tone_text(face.tone))
        return icon.left()

    def _text(self, painter: QPainter, text: str, rect: QRectF, face: tuple[str, int], color: str) -> None:
        theme = self._theme.current
        font = theme.font(face[0], face[1], tabular=True)
        painter.setFont(font)
        painter.setPen(theme.color(color))
        shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, rect.width()))
        painter.drawText(rect, _LEFT, shown)


class HealthDetail(Popover):
    """Cause, remedy and "Check now"."""

    def __init__(self, anchor: HealthCard, theme: ThemeController, icons: Icons) -> None:
        super().__init__(anchor, theme)
        self.setFixedWidth(340)
        self._title, self._cause, self._remedy = QLabel(), QLabel(), QLabel()
        self._title.setProperty("role", "strong")
        self._cause.setProperty("role", "small")
        self._remedy.setProperty("role", "strongSmall")
        for label in (self._title, self._cause, self._remedy):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = Button(self.tr("Check now"), theme, icons, size="small", icon="refresh-cw")
        self.button.setObjectName("checkNow")
        foot = QHBoxLayout()
        foot.addStretch()
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(6)
        for label in (self._title, self._cause, self._remedy):
            column.addWidget(label)
        column.addLayout(foot)

    def show_face(self, face: HealthFace) -> None:
        self._title.setText(f"{face.name}: {face.status}" if face.status else face.name)
        self._cause.setText(face.cause)
        self._remedy.setText(face.remedy)
        self._cause.setVisible(bool(face.cause))
        self._remedy.setVisible(bool(face.remedy))
        self._fit()

    def open_popover(self) -> None:
        for label in (self._title, self._cause, self._remedy):
            label.ensurePolished()  # the style sheet's fonts, before heights are asked for
        self._fit()
        super().open_popover()

    def _fit(self) -> None:
        self.setMinimumHeight(0)
        self.setMaximumHeight(16_777_215)
        fit_height(self)
        self.setFixedHeight(self.height())

    def texts(self) -> Sequence[str]:
        """What it says, for tests and screen readers."""
        return [label.text() for label in (self._title, self._cause, self._remedy) if label.text()]
