"""Short news at the window's lower right."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.overlay import add_shadow, fit_height
from mastra_desktop.ui.widgets.painting import Tone, tone_text

_WIDTH, _MARGIN, _GAP, _MOST = 368, 16, 8, 3
_ICONS: dict[Tone, str] = {
    "": "info",
    "accent": "info",
    "info": "info",
    "success": "circle-check",
    "warn": "triangle-alert",
    "danger": "circle-x",
}


class ToastArea(QObject):
    """Stacks toasts over `window`: at most three, gone after 5 s, errors stay until closed."""

    def __init__(self, window: QWidget, theme: ThemeController, icons: Icons, bottom: int = 26) -> None:
        """`bottom` is what the toasts keep clear below, in pixels: the status bar."""
        super().__init__(window)
        self._window, self._theme, self._icons, self._bottom = window, theme, icons, bottom
        self._toasts: list[_Toast] = []
        self._never_over: QWidget | None = None
        window.installEventFilter(self)

    def keep_clear(self, widget: QWidget) -> None:
        """Where there is no room beside `widget`, toasts lie above it: a box that is written in."""
        self._never_over = widget
        widget.installEventFilter(self)

    def show_toast(
        self,
        title: str,
        text: str = "",
        tone: Tone = "info",
        action: str = "",
        on_action: Callable[[], object] | None = None,
        *,
        stays: bool = False,
    ) -> None:
        """`action`, a verb such as "Undo", runs `on_action` and closes the toast; `stays`: until closed."""
        toast = _Toast(self._window, self._theme, self._icons, title, text, tone, action)
        if stays:
            toast.stays = True
            toast.timer.stop()
        if on_action is not None:
            toast.action.clicked.connect(on_action)
        toast.action.clicked.connect(lambda: self._close(toast))
        toast.close_button.clicked.connect(lambda: self._close(toast))
        toast.timer.timeout.connect(lambda: self._close(toast))
        self._toasts.append(toast)
        while len(self._toasts) > _MOST:
            self._close(next((old for old in self._toasts[:-1] if not old.stays), self._toasts[0]))
        toast.show()
        self._arrange()
        words = QAccessibleAnnouncementEvent(toast, f"{title}. {text}" if text else title)
        if tone == "danger":
            words.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(words)

    def titles(self) -> list[str]:
        """What is shown, oldest first."""
        return [toast.title for toast in self._toasts]

    def close_newest(self) -> bool:
        """What Esc does; False when there is none."""
        if self._toasts:
            self._close(self._toasts[-1])
            return True
        return False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        moved = event.type() in (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
        if moved and self._toasts and watched in (self._window, self._never_over):
            QTimer.singleShot(0, self, self._arrange)  # once the layout is done
        return False

    def _close(self, toast: _Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._arrange()

    def _arrange(self) -> None:
        width = min(_WIDTH, self._window.width() - 2 * _MARGIN)
        left = self._window.width() - _MARGIN - width
        bottom = self._window.height() - self._bottom - _MARGIN
        if (box := self._never_over) is not None and box.isVisible():
            at = box.mapTo(self._window, QPoint(0, 0))
            if at.x() + box.width() + _GAP > left:
                bottom = min(bottom, at.y() - _GAP)
        for toast in reversed(self._toasts):
            toast.setFixedWidth(width)
            fit_height(toast)
            bottom -= toast.height()
            toast.move(left, bottom)
            toast.raise_()
            bottom -= _GAP


class _Toast(QFrame):
    def __init__(
        self,
        window: QWidget,
        theme: ThemeController,
        icons: Icons,
        title: str,
        text: str,
        tone: Tone,
        action: str,
    ) -> None:
        super().__init__(window)
        self.title = title
        self.stays = tone == "danger"
        self.setProperty("popup", "true")
        self.setObjectName("toast")
        self.setAccessibleName(title)
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(theme.current.px("motion.toast"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 10, 10, 10)
        row.setSpacing(10)
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(_Sign(theme, icons, tone), alignment=top)
        words = QVBoxLayout()
        words.setSpacing(0)
        for line, role in ((title, "strong"), (text, "small")):
            if line:
                label = QLabel(line)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setProperty("role", role)
                label.setWordWrap(True)
                words.addWidget(label)
        row.addLayout(words, 1)
        self.action = Button(action, theme, icons, size="mini", parent=self)
        self.action.setVisible(bool(action))
        row.addWidget(self.action, alignment=top)
        self.close_button = IconButton(
            "x", self.tr("Close"), theme, icons, size=24, icon_size=14, parent=self
        )
        row.addWidget(self.close_button, alignment=top)
        add_shadow(self, theme)
        self._resume()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.timer.stop()  # whoever reads it keeps it

    def leaveEvent(self, event: QEvent) -> None:
        self._resume()

    def _resume(self) -> None:
        if not self.stays:
            self.timer.start()


class _Sign(QWidget):
    def __init__(self, theme: ThemeController, icons: Icons, tone: Tone) -> None:
        super().__init__()
        self._icons, self._tone = icons, tone
        self.setFixedSize(17, 20)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        rect = QRectF(0, 1, 17, 17)
        self._icons.paint(QPainter(self), rect, _ICONS[self._tone], tone_text(self._tone))
