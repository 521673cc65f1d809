"""How a chart is painted: the card with its words, grid and times, curves, bars, and the read point."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from mastra_desktop.ui.theme import Theme
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.plot import Curve, Sample, pieces, thin

_EDGE, _TOP, _AXIS_GAP = 12, 10, 6
_FEW = 120  # points of a curve up to which the wider line costs nothing to speak of
_WIDE, _NARROW = 1.75, 1.0
_AREA = 0.10
_TIMES = 3  # stretches between the times below the plot, fewer where they would touch
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
Words = Callable[[float], str]


class Frame:
    """The plot's place in the card and its scales."""

    def __init__(
        self,
        theme: Theme,
        card: QRectF,
        since: float,
        until: float,
        step: float,
        levels: Sequence[float],
        axis: Words,
    ) -> None:
        self.theme, self.card, self.since, self.until, self.step = theme, card, since, until, step
        self._levels = levels
        self._labels = [axis(level) for level in levels]
        self._font: QFont = theme.font("caption", tabular=True)
        metrics = QFontMetricsF(self._font)
        room = max((metrics.horizontalAdvance(words) for words in self._labels), default=0.0)
        head, foot = theme.scaled(22) + theme.scaled(16) + 8, theme.scaled(16) + 2
        left = card.left() + _EDGE + max(room, 22.0) + _AXIS_GAP
        top = card.top() + _TOP + head + metrics.height() / 2 - 4
        right, bottom = card.right() - _EDGE - 4, card.bottom() - 8 - foot
        self.plot = QRectF(left, top, max(1.0, right - left), max(1.0, bottom - top))
        self._scale = self.plot.height() / (levels[-1] or 1.0)
        self._per_s = self.plot.width() / max(1e-9, until - since)

    def x(self, at: float) -> float:
        return self.plot.left() + (at - self.since) * self._per_s

    def y(self, value: float) -> float:
        return self.plot.bottom() - value * self._scale

    def time_at(self, x: float) -> float:
        return self.since + (x - self.plot.left()) / self._per_s

    def whole_plot(self) -> QRectF:
        """The plot and the room of its labels."""
        return self.card.adjusted(_EDGE, self.plot.top() - self.card.top(), -_EDGE, -_EDGE)

    def paint_axes(self, painter: QPainter, moment: Words) -> None:
        theme, plot = self.theme, self.plot
        grid, ink = theme.color("chart.grid"), theme.color("chart.axis")
        painter.setFont(self._font)
        painter.setPen(ink)
        left = self.card.left() + _EDGE
        for level, words in zip(self._levels, self._labels, strict=True):
            y = round(self.y(level))
            painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), grid)
            painter.drawText(QRectF(left, y - 10, plot.left() - _AXIS_GAP - left, 20), _RIGHT, words)
        height = theme.scaled(16)
        widest = QFontMetricsF(self._font).horizontalAdvance(moment(self.since))
        times = _TIMES if plot.width() / _TIMES > 1.7 * widest else 2
        room = plot.width() / times
        for number in range(times + 1):
            at = self.since + (self.until - self.since) * number / times
            x = plot.left() + room * number
            if number == 0:
                place, side = QRectF(plot.left(), 0, room, height), _LEFT
            elif number == times:
                place, side = QRectF(plot.right() - room, 0, room, height), _RIGHT
            else:
                place, side = QRectF(x - room / 2, 0, room, height), Qt.AlignmentFlag.AlignCenter
            place.moveTop(plot.bottom() + 4)
            painter.drawText(place, side, moment(at) if number < times else moment(float("inf")))


def paint_card(
    painter: QPainter,
    frame: Frame,
    title: str,
    value: tuple[str, str],
    legend: Sequence[tuple[Curve, str]],
) -> None:
    """The surface, the title, the value with its unit, and the legend with its notes."""
    theme, card = frame.theme, frame.card
    draw_box(painter, card, 8, theme.color("card.bg"), theme.color("border.default"))
    line = theme.scaled(22)
    top, right = card.top() + _TOP, card.right() - _EDGE
    number, unit = value
    if unit:
        font = theme.font("small", 500)
        width = QFontMetricsF(font).horizontalAdvance(unit) + 1
        painter.setFont(font)
        painter.setPen(theme.color("text.secondary"))
        painter.drawText(QRectF(right - width, top + 1, width, line), _RIGHT, unit)
        right -= width + 4
    if number:
        font = theme.font("heading", tabular=True)
        width = QFontMetricsF(font).horizontalAdvance(number) + 2
        painter.setFont(font)
        painter.setPen(theme.color("text.primary"))
        painter.drawText(QRectF(right - width, top, width, line), _RIGHT, number)
        right -= width + 8
    font = theme.font("small", 500)
    painter.setFont(font)
    painter.setPen(theme.color("text.secondary"))
    left = card.left() + _EDGE
    title = QFontMetricsF(font).elidedText(title, Qt.TextElideMode.ElideRight, right - left)
    painter.drawText(QRectF(left, top, right - left, line), _LEFT, title)
    _paint_legend(painter, frame, top + line, legend)


def _paint_legend(painter: QPainter, frame: Frame, top: float, legend: Sequence[tuple[Curve, str]]) -> None:
    theme = frame.theme
    font, height = theme.font("small", tabular=True), theme.scaled(16)
    metrics = QFontMetricsF(font)
    left, right = frame.card.left() + _EDGE, frame.card.right() - _EDGE
    painter.setFont(font)
    for curve, note in legend:
        words = f"{curve.title} {note}".strip()
        if not words:
            continue
        width = metrics.horizontalAdvance(words) + 2
        if left + 17 + width > right + 2:
            break
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        middle = top + height / 2 - 1
        color = theme.color(curve.color)
        marks = ((0, 5), (7, 5)) if curve.dashed else ((0, 12),)
        for start, length in marks if curve.title else ():
            painter.fillRect(QRectF(left + start, middle, length, 2), color)
        left += 17 if curve.title else 0
        painter.setPen(theme.color("text.secondary"))
        painter.drawText(QRectF(left, top, width, height), _LEFT, words)
        left += width + 12


def paint_line(painter: QPainter, frame: Frame, curve: Curve, points: Iterable[Sample]) -> None:
    """Stretches of the curve, its area below, and a dot at the end."""
    theme, plot = frame.theme, frame.plot
    color = theme.color(curve.color)
    painter.save()
    painter.setClipRect(plot.adjusted(-4, -4, 4, 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    last: QPointF | None = None
    for piece in pieces(points):
        places = thin([(frame.x(at), frame.y(value)) for at, value in piece])
        line = QPolygonF([QPointF(x, y) for x, y in places])
        last = line.last()
        if len(places) == 1:
            _paint_dot(painter, last, color, 2)
            continue
        if curve.area:
            _paint_area(painter, frame, line, color)
        pen = QPen(color, _WIDE if len(places) <= _FEW else _NARROW)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if curve.dashed:
            pen.setDashPattern([4 / pen.widthF(), 3 / pen.widthF()])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(line)
    if last is not None and last.x() > plot.right() - 3 * frame.step * frame._per_s - 2:
        _paint_dot(painter, last, color, 3)
    painter.restore()


def _paint_area(painter: QPainter, frame: Frame, line: QPolygonF, color: QColor) -> None:
    below = QPolygonF(line)
    below.append(QPointF(line.last().x(), frame.plot.bottom()))
    below.append(QPointF(line.first().x(), frame.plot.bottom()))
    fill = QColor(color)
    fill.setAlphaF(_AREA)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawPolygon(below)


def _paint_dot(painter: QPainter, at: QPointF, color: QColor, radius: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(at, radius, radius)


def paint_bars(
    painter: QPainter, frame: Frame, curves: Sequence[tuple[Curve, list[Sample]]], read: float | None
) -> None:
    """One bar per moment, the curves' values on top of each other."""
    theme, plot = frame.theme, frame.plot
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    width = max(1.0, frame.step * frame._per_s)
    width = width - 1 if width >= 3 else width
    tops: dict[float, float] = {}
    painter.save()
    painter.setClipRect(plot.adjusted(0, -1, 0, 1))
    for curve, points in curves:
        color = theme.color(curve.color)
        for at, value in points:
            if not value or at + frame.step < frame.since:
                continue
            base = tops.get(at, 0.0)
            tops[at] = base + value
            low, high = round(frame.y(base)), round(frame.y(base + value))
            left = min(frame.x(at), plot.right() - width)
            fill = color
            if read is not None and at != read:
                fill = QColor(color)
                fill.setAlphaF(0.6)
            painter.fillRect(QRectF(round(left), high, max(1, round(width)), max(1, low - high)), fill)
    painter.restore()


def paint_readout(
    painter: QPainter,
    frame: Frame,
    at: float,
    moment: str,
    rows: Sequence[tuple[str, str, str]],
    dots: Sequence[tuple[str, QPointF]],
) -> None:
    """A line at the moment that is read, and a bubble with the values."""
    theme, plot = frame.theme, frame.plot
    x = frame.x(at)
    painter.fillRect(QRectF(round(x), plot.top(), 1, plot.height()), theme.color("border.control"))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for token, place in dots:
        _paint_dot(painter, place, theme.color(token), 3)
    font, height = theme.font("small", tabular=True), theme.scaled(17)
    metrics = QFontMetricsF(font)
    lines = [f"{title}  {words}" for _, title, words in rows]
    width = max(metrics.horizontalAdvance(words) for words in [moment, *lines]) + 30
    box = QRectF(0, plot.top(), width, height * (len(lines) + 1) + 8)
    box.moveLeft(x + 8 if x + 8 + width < plot.right() else x - 8 - width)
    box.moveLeft(max(frame.card.left() + 2, box.left()))
    box.moveTop(min(box.top(), frame.card.bottom() - box.height() - 2))
    draw_box(painter, box, 6, theme.color("surface.overlay"), theme.color("border.strong"))
    painter.setFont(font)
    painter.setPen(theme.color("text.secondary"))
    painter.drawText(QRectF(box.left() + 8, box.top() + 4, width, height), _LEFT, moment)
    for number, ((token, _, _), words) in enumerate(zip(rows, lines, strict=True), 1):
        top = box.top() + 4 + number * height
        painter.fillRect(QRectF(box.left() + 8, top + height / 2 - 1, 8, 2), theme.color(token))
        painter.setPen(theme.color("text.primary"))
        painter.drawText(QRectF(box.left() + 21, top, width, height), _LEFT, words)
