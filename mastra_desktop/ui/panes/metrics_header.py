"""The Metrics pane's header: whether it is live, the range, Pause, Export."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.segmented import Segmented

RANGES = {"15m": 900, "1h": 3600, "6h": 6 * 3600, "24h": 86_400, "7d": 7 * 86_400, "90d": 90 * 86_400}


class MetricsHeader(QWidget):
    """48 px high."""

    range_chosen = Signal(int)  # seconds
    pause_pressed = Signal(bool)
    csv_wanted = Signal()
    png_wanted = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        tr = self.tr
        self._theme = theme
        self.setProperty("bar", "header")
        self.setFixedHeight(theme.current.px("control.header"))
        self._dot = _Dot(theme)
        self.live = ElidedLabel("", "small")
        self.live.setObjectName("metricsLive")
        choices = (tr("15 min"), tr("1 h"), tr("6 h"), tr("24 h"), tr("7 d"), tr("90 d"))
        self.ranges = Segmented(list(zip(RANGES, choices, strict=True)), tr("Time in view"), theme)
        self.ranges.setObjectName("metricsRange")
        self.pause = Button(tr("Pause"), theme, icons, size="small", icon="pause")
        self.pause.setObjectName("metricsPause")
        self.export = Button(tr("Export"), theme, icons, size="small", icon="download")
        self.export.setObjectName("metricsExport")
        self._paused = False
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 20, 0)
        row.setSpacing(8)
        row.addWidget(label(tr("Metrics and health"), "title"))
        row.addStretch()
        row.addWidget(self._dot)
        row.addWidget(self.live)
        row.addSpacing(8)
        for widget in (self.ranges, self.pause, self.export):
            row.addWidget(widget)
        self.ranges.chosen.connect(lambda choice: self.range_chosen.emit(RANGES[choice]))
        self.pause.clicked.connect(lambda: self.pause_pressed.emit(not self._paused))
        self.export.clicked.connect(self._open_menu)

    def show_live(self, seconds: int) -> None:
        """How long ago the figures were read."""
        if self._paused:
            words = self.tr("Paused")
        elif seconds < 1:
            words = self.tr("Live, updated now")
        else:
            words = self.tr("Live, updated {n} s ago").format(n=seconds)
        if words != self.live.text():
            self.live.setText(words)
        self._dot.set_color("text.tertiary" if self._paused else "success.solid")

    def show_paused(self, paused: bool) -> None:
        self._paused = paused
        self.pause.setText(self.tr("Resume") if paused else self.tr("Pause"))
        self.pause.set_icon("play" if paused else "pause")
        self.show_live(0)

    def menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction(self.tr("Figures as CSV"), self.csv_wanted.emit)
        menu.addAction(self.tr("Picture as PNG"), self.png_wanted.emit)
        return menu

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.export.mapToGlobal(QPoint(0, self.export.height() + 4)))


class _Dot(QWidget):
    """Whether it is live, beside the words that say so."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        self._theme, self._color = theme, "success.solid"
        self.setFixedSize(8, 8)
        theme.changed.connect(self.update)

    def set_color(self, token: str) -> None:
        if token != self._color:
            self._color = token
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_box(QPainter(self), QRectF(self.rect()), 4, self._theme.current.color(self._color))
