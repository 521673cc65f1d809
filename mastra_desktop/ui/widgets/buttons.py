"""Push buttons in the design's variants, and square icon buttons."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.spinner import FRAME_MS, TURN_MS, SpinnerIcon

Variant = Literal["primary", "secondary", "quiet", "danger", "dangerOutline"]
ButtonSize = Literal["", "large", "small", "mini"]

_ICON_COLOR: dict[Variant, str] = {
    "primary": "text.onAccent",
    "secondary": "text.primary",
    "quiet": "text.secondary",
    "danger": "text.onAccent",
    "dangerOutline": "danger.fg",
}


class Button(QPushButton):
    """A button with a verb. While loading it keeps its label, shows a spinner and takes no clicks."""

    def __init__(
        self,
        text: str,
        theme: ThemeController,
        icons: Icons,
        variant: Variant = "secondary",
        size: ButtonSize = "",
        icon: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._theme, self._icons, self._variant, self._icon_name = theme, icons, variant, icon
        self._spinner: SpinnerIcon | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._turn)
        self.setProperty("buttonSize", size)  # "size" is the widget's own
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        FocusRing(self, theme, 8 if size == "large" else 6)
        self.set_variant(variant)

    def set_variant(self, variant: Variant) -> None:
        self._variant = variant
        self.setProperty("variant", variant)
        self._show_icon()
        restyle(self)

    def set_icon(self, name: str) -> None:
        """Another icon before the label; "" for none."""
        self._icon_name = name
        self._show_icon()

    @property
    def loading(self) -> bool:
        return self._spinner is not None

    def set_loading(self, loading: bool) -> None:
        """Show or end the waiting state."""
        if loading == self.loading:
            return
        self._spinner = SpinnerIcon(self._theme, _ICON_COLOR[self._variant]) if loading else None
        if loading:
            self._timer.start()
        else:
            self._timer.stop()
        self._show_icon()

    def click(self) -> None:
        """As Qt's, but nothing while loading."""
        if not self.loading:
            super().click()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.loading:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.loading and event.key() == Qt.Key.Key_Space:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()  # Qt leaves Enter to a dialog's default button
            return
        super().keyPressEvent(event)

    def _turn(self) -> None:
        if self._spinner is not None:
            self._spinner.angle = (self._spinner.angle + 360 * FRAME_MS / TURN_MS) % 360
            self.update()

    def _show_icon(self) -> None:
        self.setIconSize(QSize(14, 14))
        if self._spinner is not None:
            self.setIcon(QIcon(self._spinner))
        elif self._icon_name:
            self.setIcon(self._icons.icon(self._icon_name, _ICON_COLOR[self._variant], 14))
        else:
            self.setIcon(QIcon())


class IconButton(QToolButton):
    """A square button with an icon only; the label is its accessible name and, with the keys, its tooltip."""

    def __init__(
        self,
        icon: str,
        label: str,
        theme: ThemeController,
        icons: Icons,
        shortcut: str = "",
        size: int = 28,
        icon_size: int = 16,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icons, self._icon_size = icons, icon_size
        self.setFixedSize(size, size)
        self.setIconSize(QSize(icon_size, icon_size))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_icon(icon)
        self.set_label(label, shortcut)
        FocusRing(self, theme, 6)

    def set_icon(self, name: str, color: str = "text.secondary") -> None:
        self.setIcon(
            self._icons.icon(name, color, self._icon_size, on_color="accent.fg", active_color="text.primary")
        )

    def set_label(self, label: str, shortcut: str = "") -> None:
        """`shortcut` as Qt writes it ("Ctrl+I"); it is only shown, the action owns it."""
        self.setAccessibleName(label)
        keys = QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText) if shortcut else ""
        self.setToolTip(f"{label}  {keys.replace('+', ' ')}" if keys else label)
