"""The 2 px ring outside a button that has the keyboard focus; style sheets cannot draw outside a widget."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box

_GAP = 2
_WIDTH = 2
_BY_POINTER = {
    Qt.FocusReason.MouseFocusReason,
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
}
_GEOMETRY = {QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.ParentChange}


class FocusRing(QObject):
    """Shows the ring while `target` has focus that did not come from a click. Owned by the target."""

    def __init__(self, target: QWidget, theme: ThemeController, radius: int = 6) -> None:
        super().__init__(target)
        self._target, self._theme, self._radius = target, theme, radius
        self._ring: _Ring | None = None
        self._followed: list[QWidget] = []
        self._waiting = False  # shown again when the window comes back
        target.installEventFilter(self)

    @property
    def shown(self) -> bool:
        return self._ring is not None and not self._ring.isHidden()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self._target:
            if isinstance(event, QFocusEvent):
                self._focus_moved(event)
            elif kind == QEvent.Type.Hide:
                self._hide()
        if kind in _GEOMETRY and self.shown:
            self._place()
        return False

    def _focus_moved(self, event: QFocusEvent) -> None:
        by_window = event.reason() == Qt.FocusReason.ActiveWindowFocusReason
        if event.lostFocus():
            self._waiting = by_window and self.shown
            self._hide()
        elif self._waiting if by_window else event.reason() not in _BY_POINTER:
            self._show()

    def _show(self) -> None:
        window = self._target.window()
        if window is self._target:
            return
        if self._ring is None or self._ring.parentWidget() is not window:
            self._ring = _Ring(window, self._theme, self._radius + _GAP + _WIDTH)
            self._target.destroyed.connect(self._ring.deleteLater)
        self._unfollow()
        ancestor: QWidget | None = self._target.parentWidget()
        while ancestor is not None:
            ancestor.installEventFilter(self)
            self._followed.append(ancestor)
            ancestor = None if ancestor is window else ancestor.parentWidget()
        self._place()
        self._ring.show()
        self._ring.raise_()

    def _hide(self) -> None:
        self._unfollow()
        if self._ring is not None:
            self._ring.hide()

    def _unfollow(self) -> None:
        for widget in self._followed:
            widget.removeEventFilter(self)
        self._followed.clear()

    def _place(self) -> None:
        if self._ring is None:
            return
        outside = _GAP + _WIDTH
        origin = self._target.mapTo(self._target.window(), QPoint(0, 0))
        rect = QRect(origin, self._target.size()).adjusted(-outside, -outside, outside, outside)
        self._ring.setGeometry(rect)


class _Ring(QWidget):
    def __init__(self, window: QWidget, theme: ThemeController, radius: int) -> None:
        super().__init__(window)
        self._theme, self._radius = theme, radius
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        focus = self._theme.current.color("border.focus")
        draw_box(painter, QRectF(self.rect()), self._radius, None, focus, _WIDTH)
