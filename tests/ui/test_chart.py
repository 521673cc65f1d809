"""What charts compute, and how one is read with the keyboard and the mouse."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.chart import Chart
from mastra_desktop.ui.widgets.plot import Curve, Ring, byte_ticks, nearest, pieces, thin, ticks
from tests.ui.kit import RESOURCES


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (5.2, [0, 2, 4, 6]),
        (2.9, [0, 1, 2, 3]),
        (0.04, [0, 0.02, 0.04]),
        (21_000, [0, 10_000, 20_000, 30_000]),
    ],
)
def test_ticks_are_three_or_four_round_values_that_hold_the_highest(
    top: float, expected: list[float]
) -> None:
    """Also for small and large values."""
    assert ticks(top) == pytest.approx(expected)


@pytest.mark.parametrize("top", [0.0, 1e-9, 0.3, 1.0, 7.77, 99.0, 1e3, 123_456.0, 8e12])
def test_ticks_always_reach_the_highest_value(top: float) -> None:
    """And there are never more than four."""
    found = ticks(top)
    assert found[-1] >= top
    assert 3 <= len(found) <= 4
    assert 3 <= len(byte_ticks(top)) <= 4
    assert byte_ticks(top)[-1] >= top


def test_thin_keeps_the_extremes_of_two_pixels() -> None:
    """A peak of one point in a thousand is still seen, and few points are left."""
    points = [(n * 0.1, 5.0) for n in range(1000)]
    points[500] = (50.0, 99.0)
    found = thin(points)
    assert (50.0, 99.0) in found
    assert len(found) <= 110
    assert [x for x, _ in found] == sorted(x for x, _ in found)


def test_a_gap_parts_a_curve() -> None:
    """Nothing is drawn where nothing is known."""
    assert pieces([(1, None), (2, 5.0), (3, None), (4, 1.0), (5, 2.0)]) == [[(2, 5.0)], [(4, 1.0), (5, 2.0)]]


def test_a_ring_forgets_the_oldest_and_corrects_the_last() -> None:
    """A point of the same moment takes the last one's place."""
    ring = Ring(3)
    for at in range(5):
        ring.add(at, float(at))
    ring.add(4, 40.0)
    assert list(ring) == [(2, 2.0), (3, 3.0), (4, 40.0)]
    assert not ring.replace([(2, 2.0), (3, 3.0), (4, 40.0)])
    assert ring.replace([(9, None)])
    assert not ring.known


def test_nearest_of_nothing_is_nowhere() -> None:
    """And else the closest."""
    assert nearest([], 5) == -1
    assert nearest([1, 4, 9], 6) == 1


@pytest.fixture
def chart(qtbot: QtBot) -> Chart:
    made = Chart(
        "Latency",
        [Curve("p50", "P50", "chart.s3"), Curve("p99", "P99", "chart.s2", dashed=True)],
        ThemeController(RESOURCES),
        say=lambda v: f"{v:g} s",
        moment=lambda at: f"{at:.0f}",
        nothing="No requests yet",
    )
    qtbot.addWidget(made)
    made.resize(400, 170)
    made.show()
    return made


def test_a_chart_without_values_says_so_and_draws_no_line(chart: Chart) -> None:
    """Unknown values are none either."""
    chart.show_value("", "")
    assert chart.empty
    chart.show_points(0, 100, 10, {"p50": [(0, None), (10, None)], "p99": []})
    assert chart.empty
    assert chart.accessibleDescription() == "No requests yet"
    chart.grab()


def test_arrows_read_point_by_point_and_enter_chooses(chart: Chart) -> None:
    """What is read is heard too; what is chosen is the stretch of time of the point."""
    chart.show_points(0, 30, 10, {"p50": [(0, 1.0), (10, 2.0), (20, None)], "p99": [(10, 4.0), (20, 8.0)]})
    chart.show_value("8", "s P99")
    assert chart.accessibleDescription() == "8 s P99"
    chosen = QSignalSpy(chart.chosen)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.readout == "20, P99 8 s"
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.readout == "10, P50 2 s, P99 4 s"
    assert chart.accessibleDescription() == chart.readout
    QTest.keyClick(chart, Qt.Key.Key_Home)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.readout == "0, P50 1 s"
    QTest.keyClick(chart, Qt.Key.Key_Return)
    assert chosen.at(0) == [0.0, 10.0]
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.readout == ""
    chart.grab()


def test_the_mouse_reads_the_nearest_point_and_a_click_chooses_it(chart: Chart) -> None:
    """Near the right edge it is the last one."""
    chart.show_points(0, 30, 10, {"p50": [(0, 1.0), (10, 2.0), (30, 3.0)], "p99": []})
    chosen = QSignalSpy(chart.chosen)
    QTest.mouseMove(chart, QPoint(390, 100))
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(390, 100))
    assert chart.readout == "30, P50 3 s"
    assert chosen.at(0) == [30.0, 40.0]
