"""What popovers and dialogs stand on: a layer over the whole window, and the panel's frame and shadow."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QGraphicsDropShadowEffect, QWidget
from shiboken6 import isValid

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.escape import asks_for_escape


class Scrim(QWidget):
    """Covers its window and keeps clicks from what is below; dimmed for dialogs, clear for popovers.

    Once the keys are in what lies on it they stay there: what goes on behind, such as a chat that is opened,
    cannot take them, and is remembered as `wanted_behind`.
    """

    pressed = Signal()

    def __init__(self, window: QWidget, theme: ThemeController, *, dim: bool) -> None:
        super().__init__(window)
        self._theme, self._dim = theme, dim
        self._inside: QWidget | None = None
        self._behind: QWidget | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_NoMousePropagation)
        window.installEventFilter(self)
        self.setGeometry(window.rect())
        theme.changed.connect(self.update)
        application = QApplication.instance()  # noqa: TID251 (a widget is told of its own focus only)
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._keep_focus)

    def wanted_behind(self) -> QWidget | None:
        """What last asked for the keys behind it, if that is still there."""
        return self._behind if self._behind is not None and isValid(self._behind) else None

    def _keep_focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        if now is None or not self.isVisible() or now.window() is not self.window():
            return
        if self.isAncestorOf(now):
            self._inside = now
        elif self._inside is not None and self._is_top():
            self._behind = now
            self._take_back(self._inside)

    def _take_back(self, last: QWidget) -> None:
        held = [last] if isValid(last) else []
        for widget in held + self.findChildren(QWidget):
            if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                widget.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _is_top(self) -> bool:
        """Of those over this window; the one raised last comes last."""
        only = Qt.FindChildOption.FindDirectChildrenOnly
        shown = [scrim for scrim in self.window().findChildren(Scrim, options=only) if scrim.isVisible()]
        return bool(shown) and shown[-1] is self

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if watched is parent and event.type() == QEvent.Type.Resize and parent is not None:
            self.setGeometry(parent.rect())
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._dim:
            QPainter(self).fillRect(self.rect(), self._theme.current.color("scrim"))


def add_shadow(widget: QWidget, theme: ThemeController, *, dialog: bool = False) -> None:
    """The soft shadow that only overlays have."""
    effect = QGraphicsDropShadowEffect(widget)
    effect.setBlurRadius(40 if dialog else 16)
    effect.setOffset(0, 12 if dialog else 4)
    effect.setColor(theme.current.color("shadow.dialog" if dialog else "shadow.menu"))
    widget.setGraphicsEffect(effect)


def fit_height(widget: QWidget) -> None:
    """Make a widget of fixed width as high as its wrapped labels need; `adjustSize` asks before they wrap."""
    layout = widget.layout()
    if layout is not None:
        layout.activate()
        widget.resize(widget.width(), layout.totalHeightForWidth(widget.width()))


class Popover(QFrame):
    """A panel beside the widget that opened it. Esc or a click elsewhere closes it; focus goes back."""

    closed = Signal()

    def __init__(self, anchor: QWidget, theme: ThemeController) -> None:
        scrim = Scrim(anchor.window(), theme, dim=False)
        super().__init__(scrim)
        self._scrim, self._anchor = scrim, anchor
        self.setProperty("popup", "true")
        self._scrim.pressed.connect(self.close_popover)
        add_shadow(self, theme)

    def open_popover(self) -> None:
        """Show above the anchor if there is room, else below, inside the window."""
        self._scrim.show()
        self._scrim.raise_()
        self.adjustSize()
        space = self._scrim.rect().adjusted(8, 8, -8, -8)
        top_left = self._anchor.mapTo(self._anchor.window(), QPoint(0, 0))
        top = top_left.y() - self.height() - 4
        if top < space.top():
            top = min(top_left.y() + self._anchor.height() + 4, space.bottom() - self.height())
        left = max(space.left(), min(top_left.x(), space.right() - self.width()))
        self.move(left, max(space.top(), top))
        self.show()

    def event(self, event: QEvent) -> bool:
        if asks_for_escape(event):
            event.accept()  # else the window's own Esc takes it
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_popover()
            return
        super().keyPressEvent(event)

    def close_popover(self) -> None:
        """Close once; later calls do nothing."""
        if self._scrim.isHidden():
            return
        self._scrim.hide()
        self._anchor.setFocus(Qt.FocusReason.PopupFocusReason)
        self.closed.emit()
        self._scrim.deleteLater()
