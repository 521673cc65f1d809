"""The Metrics pane in the real window over the real core: its figures are those of the database."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QPushButton
from sqlalchemy import Connection, text

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import NotFound
from mastra_desktop.domain.telemetry import Amount
from mastra_desktop.store import telemetry
from mastra_desktop.ui.metrics_roles import LogRole
from mastra_desktop.ui.panes.metrics_feed import TASK
from mastra_desktop.ui.panes.metrics_pane import MetricsPane
from mastra_desktop.ui.widgets.chart import Chart
from tests.ui.desk import Desk

CTRL = Qt.KeyboardModifier.ControlModifier


class Watcher:
    """Works in the pane as a person does."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def look(self) -> None:
        """Ctrl+3, and waits for the first figures."""
        self.desk.key(Qt.Key.Key_3, CTRL, to=self.desk.window)
        assert self.desk.window.pages.currentWidget() is self.pane
        self.read()

    def read(self) -> None:
        """Everything anew."""
        self.desk.pause(0.05)
        self.desk.wait(lambda: not self.desk.window.tasks.running(TASK))
        self.pane.feed.stale()
        self.desk.pause(0.01)
        self.desk.wait(lambda: not self.desk.window.tasks.running(TASK))

    @property
    def pane(self) -> MetricsPane:
        assert self.desk.window.pages.metrics is not None
        return self.desk.window.pages.metrics

    def chart(self, name: str) -> Chart:
        return self.pane.charts.charts[name]

    def sql(self, query: str) -> list[tuple[object, ...]]:
        def ask(conn: Connection) -> list[tuple[object, ...]]:
            return [tuple(row) for row in conn.execute(text(query))]

        async def read(core: Core) -> list[tuple[object, ...]]:
            return await core.db.read(ask)

        return self.desk.ask_core(read)

    def show_range(self, title: str) -> None:
        button = next(b for b in self.pane.header.ranges.findChildren(QPushButton) if b.text() == title)
        button.click()
        self.read()


def _only_of(pane: MetricsPane, operation_id: str) -> bool:
    lines = pane.log.model.lines
    return bool(lines) and all(line.operation_id == operation_id for line in lines)


def _running(pane: MetricsPane) -> bool:
    """Asked anew: the type checker believes in what was asserted before."""
    return pane.feed.running


@pytest.fixture
def watcher(desk: Desk) -> Watcher:
    desk.open("fast")
    return Watcher(desk)


def test_without_requests_nothing_is_drawn_as_zero(watcher: Watcher) -> None:
    """Charts, use, breakers and traces say that there is nothing yet."""
    watcher.look()
    for name in ("requests", "latency", "first_token", "tokens", "errors"):
        assert watcher.chart(name).empty, name
        assert watcher.chart(name).accessibleDescription() == "No requests yet"
    pane = watcher.pane
    assert pane.usage.filled.words == "No requests in this time"
    assert pane.traces.filled.words == "No traces in this time"
    assert not pane.usage.model.rows


@pytest.mark.slow
def test_figures_are_those_of_the_database(watcher: Watcher) -> None:
    """After three answers: use, latency, tokens, breakers and traces equal what SQL says."""
    desk = watcher.desk
    for question in ("one", "two", "three"):
        desk.ask(question)
    watcher.look()
    pane = watcher.pane
    rows = watcher.sql(
        "SELECT provider || '/' || model, count(*), sum(input_tokens), sum(output_tokens),"
        " max(duration_ms), count(DISTINCT trace_id) FROM requests"
    )
    name, count, tokens_in, tokens_out, slowest, traces = rows[0]
    assert count == 3
    shown = dict(zip([c.title for c in pane.usage.model.columns], pane.usage.model.rows[0], strict=True))
    assert shown["Name"] == name
    assert shown["Requests"] == "3"
    assert shown["Tokens in"] == ("–" if tokens_in is None else f"{tokens_in:,}")
    assert shown["Tokens out"] == ("–" if tokens_out is None else f"{tokens_out:,}")
    p99 = [value for _, value in watcher.chart("latency").points("latency_p99") if value is not None]
    assert p99[-1] * 1000 == pytest.approx(slowest, rel=0.06)
    breaker = pane.breakers.list.rows[0]
    assert breaker.state == "Closed"
    assert breaker.calls == ("ok",) * 3
    assert breaker.note == "0 of 3 failed"
    assert len(pane.traces.model.traces) == traces
    assert not watcher.chart("requests").empty
    assert watcher.chart("errors").accessibleDescription() == "No errors"


@pytest.mark.slow
def test_errors_are_all_that_were_met(watcher: Watcher) -> None:
    """An answer that fails, and what the window asked for in vain: the figure is that of /metrics, each once."""
    desk = watcher.desk
    desk.use("status-401")
    desk.ask("one")
    with pytest.raises(NotFound) as missing:
        desk.ask_core(lambda core: core.knowledge.document_text("none"))
    desk.window._report(missing.value)  # the toast that a person sees is about the same one
    desk.window._report(ValueError("a mistake of the window"))
    watcher.look()

    async def total(core: Core) -> float:
        lines = core.telemetry.metrics.text().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("mastra_errors_total{"))

    assert desk.ask_core(total) == 3
    assert watcher.chart("errors").value.startswith("3")
    assert not watcher.chart("errors").empty


@pytest.mark.slow
def test_a_failed_answer_is_an_error_here(watcher: Watcher) -> None:
    """In the chart with its code, in the breakers, and in the use."""
    desk = watcher.desk
    desk.ask("one")
    desk.use("status-401")
    desk.ask("two")
    watcher.look()
    ((code,),) = watcher.sql("SELECT error_code FROM requests WHERE outcome = 'failed'")
    assert code
    assert not watcher.chart("errors").empty
    assert watcher.pane.breakers.list.rows[0].calls == ("ok", "failed")
    assert {row[0]: row[2] for row in watcher.pane.usage.model.rows}["stand-in/status-401"] == "1"
    QTest.keyClick(watcher.chart("errors"), Qt.Key.Key_End)
    QTest.keyClick(watcher.chart("errors"), Qt.Key.Key_Return)
    desk.wait(watcher.pane.requests.isVisible)
    assert [row[1:3] for row in watcher.pane.requests.model.rows] == [
        ("stand-in/status-401", f"Failed: {code}")
    ]


@pytest.mark.slow
def test_a_longer_range_comes_from_the_database(watcher: Watcher) -> None:
    """Six hours of minutes: the requests in the chart are as many as in the table; the choice is kept."""
    now = time.time()
    begin = now // 300 * 300 - 3000

    def write(conn: Connection) -> None:
        amounts = [Amount("up", "", begin + 60 * n, 1, 60) for n in range(25)]
        amounts += [Amount("requests", "", begin + 60 * n, n, n) for n in range(25)]
        telemetry.add_amounts(conn, amounts)

    async def seed(core: Core) -> None:
        await core.db.write(write)

    watcher.desk.ask_core(seed)
    watcher.look()
    watcher.show_range("6 h")
    points = watcher.chart("requests").points("requests_per_s")
    ((kept,),) = watcher.sql("SELECT sum(total) FROM metric_minutes WHERE name = 'requests'")
    assert sum((value or 0) * 300 for at, value in points if at < now // 300 * 300) == pytest.approx(kept)
    watcher.desk.close()
    watcher.desk.open()
    watcher.look()
    assert watcher.pane.feed.view.range_s == 6 * 3600


def test_it_reads_only_while_somebody_looks(watcher: Watcher) -> None:
    """Not while another pane is in view, nor paused, nor minimised."""
    watcher.look()
    pane, window = watcher.pane, watcher.desk.window
    assert _running(pane)
    window.show_page("chat")
    assert not _running(pane)
    window.show_page("metrics")
    assert _running(pane)
    pane.header.pause.click()
    assert not _running(pane)
    assert pane.header.live.text() == "Paused"
    pane.header.pause.click()
    assert _running(pane)
    window.showMinimized()
    watcher.desk.wait(lambda: not _running(pane))
    window.showNormal()
    watcher.desk.wait(lambda: _running(pane))


@pytest.mark.slow
def test_paused_figures_stand_still(watcher: Watcher) -> None:
    """An answer while paused is shown once it goes on."""
    watcher.desk.ask("one")
    watcher.look()
    pane = watcher.pane
    pane.header.pause.click()
    watcher.desk.window.show_page("chat")
    watcher.desk.ask("two")
    watcher.desk.window.show_page("metrics")
    watcher.desk.pause(1.2)
    assert pane.usage.model.rows[0][1] == "1"
    pane.header.pause.click()
    watcher.read()
    assert pane.usage.model.rows[0][1] == "2"


def test_a_point_leads_to_its_requests_trace_log_and_chat(watcher: Watcher) -> None:
    """By keyboard: the chart's last point, its requests, the trace's spans, the operation's lines, the chat."""
    desk = watcher.desk
    desk.ask("one")
    conversation = desk.conversation
    desk.window.chat.new_chat()
    watcher.look()
    pane, chart = watcher.pane, watcher.chart("latency")
    QTest.keyClick(chart, Qt.Key.Key_End)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    desk.wait(pane.requests.isVisible)
    ((request_id, trace_id),) = watcher.sql("SELECT id, trace_id FROM requests")
    assert pane.requests.model.key(0) == request_id
    pane.requests.view.selectRow(0)
    QTest.keyClick(pane.requests.view, Qt.Key.Key_Return)
    desk.wait(lambda: pane.traces.model.is_open(str(trace_id)))
    spans = watcher.sql(f"SELECT name FROM spans WHERE trace_id = '{trace_id}' AND parent_id <> ''")
    assert pane.traces.model.rowCount() == 1 + len(spans)
    desk.wait(lambda: _only_of(pane, str(trace_id)))
    pane.requests.open_chat.click()
    assert desk.window.pages.currentWidget() is desk.window.chat
    desk.wait(lambda: desk.conversation == conversation)


def test_the_log_is_filtered_by_level_and_text(watcher: Watcher) -> None:
    """Errors only, then a word."""
    watcher.look()
    log = watcher.pane.log
    assert log.model.lines
    log.levels.set_chosen("error")
    log.levels.chosen.emit("error")
    watcher.read()
    assert log.filled.words == "No such lines"
    log.levels.set_chosen("info")
    log.search.setChecked(True)
    log.field.setText("purpose")
    watcher.desk.wait(lambda: log.model.lines and all("purpose" in line.facts for line in log.model.lines))
    assert log.model.index(0, 0).data(LogRole.LEVEL) == "INFO"


@pytest.mark.slow
def test_figures_are_exported(watcher: Watcher, tmp_path: Path) -> None:
    """As CSV with the requests beside it, and as a picture of the whole pane."""
    watcher.desk.ask("one")
    watcher.look()
    pane = watcher.pane
    pane.export_csv(tmp_path / "figures.csv")
    watcher.desk.wait(lambda: not watcher.desk.window.tasks.running("metrics-export"))
    with (tmp_path / "figures.csv").open(encoding="utf-8") as file:
        assert "requests_per_s" in next(csv.reader(file))
    with (tmp_path / "figures-requests.csv").open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 2
    pane.export_png(tmp_path / "pane.png")
    picture = QImage(str(tmp_path / "pane.png"))
    assert picture.height() > 800
    assert picture.pixelColor(2, 2) == watcher.desk.theme.current.color("surface.content")


def test_the_status_bar_counts_healthy_checks_and_leads_to_them(watcher: Watcher) -> None:
    """Before the pane was ever opened; the words are those of the quick look."""
    desk = watcher.desk
    desk.wait(lambda: desk.window.status.text("health"), 10)
    report = desk.ask_core(lambda core: core.health.quick())
    healthy = sum(check.status == "healthy" for check in report.checks)
    assert desk.window.status.text("health") == f"{healthy} of {len(report.checks)} healthy"
    desk.find("status-health", QAbstractButton).click()
    assert desk.window.pages.currentWidget() is desk.window.pages.metrics


def test_columns_follow_the_width(watcher: Watcher) -> None:
    """Four, two, one."""
    watcher.look()
    found = []
    for width in (1440, 1180, 900):
        watcher.desk.window.resize(width, 800)
        watcher.desk.pause(0.05)
        found.append(watcher.pane.chart_tiles.columns)
    assert found == [4, 2, 1]


def test_checks_are_cards_with_cause_and_a_button(watcher: Watcher) -> None:
    """Enter on a card opens it; "Check now" checks; the status bar counts."""
    watcher.look()
    desk, health = watcher.desk, watcher.pane.health
    desk.wait(lambda: len(health.cards) >= 5)
    card = health.card("database")
    assert card.face.status == "Healthy"
    card.setFocus()
    QTest.keyClick(card, Qt.Key.Key_Return)
    detail = card.detail
    assert detail is not None
    assert detail.texts()[0] == "Database: Healthy"
    detail.button.click()
    desk.wait(lambda: desk.window.tasks.running("metrics-check"))
    desk.wait(lambda: not desk.window.tasks.running("metrics-check"), 40)
    desk.wait(lambda: "intact" in health.card("database").face.cause)
    QTest.keyClick(detail, Qt.Key.Key_Escape)
    assert card.detail is None
    healthy, checks = health.healthy
    assert desk.window.status.text("health") == f"{healthy} of {checks} healthy"
