"""A row that can be taken by the mouse and moved among its neighbours."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box

_GRIP, _DOT = 18, 2.0


class FallbackRow(QWidget):
    """One model. The pointer's place goes along in `dragged` and `dropped`, in the list's coordinates."""

    move_wanted = Signal(int)  # -1: earlier, 1: later
    remove_wanted = Signal()
    dragged = Signal(int)  # y
    dropped = Signal(int)  # y; -1: given up

    def __init__(
        self, place: int, of: int, model: str, theme: ThemeController, icons: Icons, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pressed_at: QPoint | None = None
        self.dragging = False
        self.setObjectName(f"fallback {model}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"{place + 1}. {model}")
        self.setAccessibleDescription(self.tr("Alt+Up and Alt+Down change the order."))
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip(self.tr("Drag to change the order"))
        FocusRing(self, theme, 6)
        row = QHBoxLayout(self)
        row.setContentsMargins(_GRIP, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(label(str(place + 1), "hint"))
        row.addSpacing(6)
        row.addWidget(ElidedLabel(model, "", Qt.TextElideMode.ElideMiddle), 1)
        buttons = (
            ("up", "chevron-up", self.tr("Ask {model} earlier"), place > 0),
            ("down", "chevron-down", self.tr("Ask {model} later"), place < of - 1),
            ("remove", "x", self.tr("Do not ask {model}"), True),
        )
        for action, icon, words, usable in buttons:
            button = IconButton(icon, words.format(model=model), theme, icons)
            button.setObjectName(f"{action} {model}")
            button.setEnabled(usable)
            button.setCursor(Qt.CursorShape.ArrowCursor)
            row.addWidget(button)
            if action == "remove":
                button.clicked.connect(self.remove_wanted)
            else:
                step = -1 if action == "up" else 1
                button.clicked.connect(lambda _=False, step=step: self.move_wanted.emit(step))
        for keys, step in (("Alt+Up", -1), ("Alt+Down", 1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: self.move_wanted.emit(step))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed_at is None:
            return
        at = event.position().toPoint()
        far = (at - self._pressed_at).manhattanLength() >= QApplication.startDragDistance()
        if far and not self.dragging:
            self.dragging = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.update()
        if self.dragging:
            self.dragged.emit(self.mapToParent(at).y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._end():
            self.dropped.emit(self.mapToParent(event.position().toPoint()).y())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._end():
            self.dropped.emit(-1)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        if self.dragging:
            draw_box(painter, QRectF(self.rect()), 6, theme.color("surface.selected"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("text.tertiary"))
        middle = self.height() / 2
        for across in (3.0, 8.0):
            for down in (-6.0, -1.0, 4.0):
                painter.drawEllipse(QRectF(across, middle + down, _DOT, _DOT))

    def _end(self) -> bool:
        """Whether a drag was under way, which is now over."""
        dragging, self.dragging, self._pressed_at = self.dragging, False, None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.update()
        return dragging
