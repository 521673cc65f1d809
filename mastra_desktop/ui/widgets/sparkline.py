"""A small curve without scales, as in a health card."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

WIDTH, HEIGHT = 56, 24


def paint_sparkline(painter: QPainter, rect: QRectF, values: Sequence[float], color: QColor) -> None:
    """The values from left to right between the rectangle's bottom and top, with the area below them.

    Nothing for fewer than two values.
    """
    if len(values) < 2:
        return
    low, high = min(values), max(values)
    span = max(high - low, high * 0.5, 1e-9)  # what hardly changes is drawn as hardly changing
    middle = (low + high) / 2
    inner = rect.adjusted(0, 2, 0, -2)
    across = inner.width() / (len(values) - 1)
    line = QPolygonF(
        [
            QPointF(inner.left() + at * across, inner.center().y() - (value - middle) / span * inner.height())
            for at, value in enumerate(values)
        ]
    )
    below = QPolygonF(line)
    below.append(rect.bottomRight())
    below.append(rect.bottomLeft())
    fill = QColor(color)
    fill.setAlphaF(0.14)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawPolygon(below)
    painter.setPen(QPen(color, 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(line)
