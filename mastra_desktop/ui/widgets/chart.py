"""A chart as a card: title, current value, legend, and below them lines, areas or stacked bars over time.

Painted by hand: eight of them repaint in a few milliseconds. Qt's stroker is 25 times slower above a width of
1, so that only curves of few points get the wider line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.chart_paint import Frame, paint_bars, paint_card, paint_line, paint_readout
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.plot import Curve, Ring, Sample, nearest, ticks

HEIGHT = 170
Words = Callable[[float], str]


class Chart(QWidget):
    """Left and Right read point by point, Home and End the first and last, Enter or a click chooses one.

    `chosen` carries the stretch of time a point stands for, in seconds since 1970.
    """

    chosen = Signal(float, float)

    def __init__(
        self,
        title: str,
        curves: Sequence[Curve],
        theme: ThemeController,
        *,
        bars: bool = False,
        say: Words = lambda value: f"{value:g}",
        axis: Words | None = None,
        moment: Words = str,
        nothing: str = "",
        pick_ticks: Callable[[float], list[float]] = ticks,
        top: float | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`say` words a value with its unit, `axis` the same shorter, `moment` a time.

        `nothing` is shown while no curve has a value; `top` fixes the scale's end; `bars` are stacked.
        """
        super().__init__(parent)
        self._theme, self._title, self._curves = theme, title, tuple(curves)
        self._bars, self._say, self._axis = bars, say, axis or say
        self._moment, self._nothing, self._pick_ticks, self._top = moment, nothing, pick_ticks, top
        self._rings = {curve.id: Ring() for curve in curves}
        self._notes: dict[str, str] = {}
        self._value, self._unit = "", ""
        self._window = (0.0, 1.0, 1.0)  # since, until, step
        self._read: float | None = None  # the moment that is read
        self._by_mouse = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        FocusRing(self, theme, 8)
        theme.changed.connect(self._restyle)
        self._restyle()

    # -- what it shows ------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self._title

    @property
    def curves(self) -> Sequence[Curve]:
        return self._curves

    @property
    def bars(self) -> bool:
        return self._bars

    def set_nothing(self, words: str) -> None:
        """Other words for "nothing to draw"."""
        if words != self._nothing:
            self._nothing = words
            self._describe()
            self.update()

    @property
    def value(self) -> str:
        """The current value as it is shown, with its unit."""
        return f"{self._value} {self._unit}".strip()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(ring.known for ring in self._rings.values())

    def points(self, curve_id: str) -> list[Sample]:
        return list(self._rings[curve_id])

    def show_points(
        self, since: float, until: float, step: float, points: Mapping[str, Iterable[Sample]]
    ) -> None:
        """The time in view in seconds since 1970, how long a point stands for, and each curve's points."""
        changed = self._window != (since, until, step)
        self._window = (since, until, step)
        for curve_id, new in points.items():
            changed |= self._rings[curve_id].replace(new)
        if changed:
            self._describe()
            self.update()

    def add_point(self, until: float, values: dict[str, float | None]) -> None:
        """Goes on to `until`, where the curves have these values."""
        since, before, step = self._window
        self._window = (since + until - before, until, step)
        for curve_id, value in values.items():
            self._rings[curve_id].add(until, value)
        self.update()

    def show_value(self, value: str, unit: str = "", notes: dict[str, str] | None = None) -> None:
        """The value at the top right; `notes` follow the curves' titles in the legend."""
        if (value, unit, notes or {}) == (self._value, self._unit, self._notes):
            return
        self._value, self._unit, self._notes = value, unit, dict(notes or {})
        self._describe()
        self.update()

    # -- reading ------------------------------------------------------------------------------------

    @property
    def readout(self) -> str:
        """What is read: the moment and each curve's value. "" when nothing is."""
        if self._read is None:
            return ""
        values = self._values(self._read)
        return ", ".join([self._moment(self._read), *(f"{title} {words}" for _, title, words in values)])

    def _values(self, at: float) -> list[tuple[str, str, str]]:
        """(colour, title, value) of each curve at that moment."""
        found = []
        for curve in self._curves:
            value = next((v for moment, v in self._rings[curve.id] if moment == at), None)
            if value is not None:
                found.append((curve.color, curve.title, self._say(value)))
        return found

    def _moments(self) -> list[float]:
        since, until, _ = self._window
        known = {at for ring in self._rings.values() for at, v in ring if v is not None}
        return sorted(at for at in known if since <= at <= until)

    def read_nearest(self, at: float) -> None:
        """Reads the point closest to that moment."""
        moments = self._moments()
        self._set_read(moments[nearest(moments, at)] if moments else None)

    def _move_read(self, step: int) -> None:
        moments = self._moments()
        if not moments:
            return
        at = len(moments) - 1 if self._read is None else nearest(moments, self._read) + step
        self._set_read(moments[max(0, min(len(moments) - 1, at))])

    def _set_read(self, moment: float | None) -> None:
        if moment == self._read:
            return
        self._read = moment
        self._describe()
        self.update()

    def _choose(self) -> None:
        if self._read is not None:
            self.chosen.emit(self._read, self._read + self._window[2])

    def _describe(self) -> None:
        said = self._nothing if self.empty else self.readout or self.value
        if said != self.accessibleDescription():
            self.setAccessibleDescription(said)

    # -- events -------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moments = self._moments()
        match event.key():
            case Qt.Key.Key_Left:
                self._move_read(-1)
            case Qt.Key.Key_Right:
                self._move_read(1)
            case Qt.Key.Key_Home if moments:
                self._set_read(moments[0])
            case Qt.Key.Key_End if moments:
                self._set_read(moments[-1])
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Space:
                self._choose()
            case Qt.Key.Key_Escape if self._read is not None:
                self._set_read(None)
            case _:
                super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._by_mouse = True
        self.read_nearest(self._frame().time_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.read_nearest(self._frame().time_at(event.position().x()))
            self._choose()

    def leaveEvent(self, event: QEvent) -> None:
        if self._by_mouse:
            self._by_mouse = False
            self._set_read(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._set_read(None)
        super().focusOutEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.height())

    def _restyle(self) -> None:
        self.setFixedHeight(self._theme.current.scaled(HEIGHT))
        self.update()

    # -- painting -----------------------------------------------------------------------------------

    def _highest(self) -> float:
        since, _, step = self._window
        if not self._bars:
            seen = (
                v for ring in self._rings.values() for at, v in ring if v is not None and at >= since - step
            )
            return max(seen, default=0.0)
        sums: dict[float, float] = {}
        for ring in self._rings.values():
            for at, value in ring:
                sums[at] = sums.get(at, 0.0) + (value or 0.0)
        return max(sums.values(), default=0.0)

    def _frame(self) -> Frame:
        since, until, step = self._window
        levels = self._pick_ticks(self._top or self._highest())
        return Frame(self._theme.current, QRectF(self.rect()), since, until, step, levels, self._axis)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        frame = self._frame()
        empty = self.empty
        legend = [(curve, self._notes.get(curve.id, "")) for curve in self._curves]
        paint_card(painter, frame, self._title, ("", "") if empty else (self._value, self._unit), legend)
        if empty:
            painter.setPen(self._theme.current.color("text.tertiary"))
            painter.setFont(self._theme.current.font("small"))
            painter.drawText(frame.whole_plot(), Qt.AlignmentFlag.AlignCenter, self._nothing)
            return
        frame.paint_axes(painter, self._moment)
        if self._bars:
            paint_bars(painter, frame, [(c, list(self._rings[c.id])) for c in self._curves], self._read)
        else:
            for curve in self._curves:
                paint_line(painter, frame, curve, self._rings[curve.id])
        if self._read is not None:
            rows = self._values(self._read)
            dots = [] if self._bars else self._dots(frame)
            paint_readout(painter, frame, self._read, self._moment(self._read), rows, dots)

    def _dots(self, frame: Frame) -> list[tuple[str, QPointF]]:
        found = []
        for curve in self._curves:
            value = next((v for at, v in self._rings[curve.id] if at == self._read), None)
            if value is not None and self._read is not None:
                found.append((curve.color, QPointF(frame.x(self._read), frame.y(value))))
        return found
