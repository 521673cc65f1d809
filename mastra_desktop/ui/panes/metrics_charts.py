"""The eight charts of the Metrics pane: what each shows, its curves, and the value at its top right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from mastra_desktop.domain.telemetry import Point, Snapshot
from mastra_desktop.ui.item_models import metric_words as words
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.chart import Chart
from mastra_desktop.ui.widgets.plot import Curve, Sample, byte_ticks

Points = Mapping[str, Sequence[Point]]
NAMES = (
    "requests_per_s",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "first_token_local",
    "first_token_provider",
    "tokens_in_per_min",
    "tokens_out_per_min",
    "errors_per_min",
    "cache_hit_ratio",
    "memory",
    "memory.*",
    "running.*",
)
_MODELS = ("memory.model", "memory.embedder", "memory.vectors", "memory.reader")


@dataclass(frozen=True, slots=True)
class _Kept:
    """The range that is shown and its curves, for the values at the top."""

    range_s: int
    points: Points


class MetricCharts(QObject):
    """Fills the charts from curves by name, and their values from what is known of this moment."""

    chosen = Signal(str, float, float)  # chart, since, until

    def __init__(self, theme: ThemeController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept = _Kept(900, {})
        quiet = self.tr("No requests yet")
        per_s, per_min = self.tr("{n} /s"), self.tr("{n} /min")

        def chart(title: str, curves: Sequence[Curve], say: Callable[[float], str], **more: object) -> Chart:
            return Chart(title, curves, theme, say=say, moment=self._moment, **more)  # type: ignore[arg-type]

        self.charts: dict[str, Chart] = {
            "requests": chart(
                self.tr("Requests per second"),
                [Curve("requests_per_s", self.tr("All requests"), "chart.s1", area=True)],
                lambda v: per_s.format(n=_rate(v)),
                axis=words.axis_count,
                nothing=quiet,
            ),
            "latency": chart(
                self.tr("Latency"),
                [
                    Curve("latency_p50", "P50", "chart.s3"),
                    Curve("latency_p95", "P95", "chart.s1"),
                    Curve("latency_p99", "P99", "chart.s2", dashed=True),
                ],
                words.seconds,
                axis=words.short_seconds,
                nothing=quiet,
            ),
            "first_token": chart(
                self.tr("Time to first token"),
                [
                    Curve("first_token_local", self.tr("Local"), "chart.s1"),
                    Curve("first_token_provider", self.tr("Provider"), "chart.s4"),
                ],
                words.seconds,
                axis=words.short_seconds,
                nothing=quiet,
            ),
            "tokens": chart(
                self.tr("Tokens per minute"),
                [
                    Curve("tokens_in_per_min", self.tr("In"), "chart.s1"),
                    Curve("tokens_out_per_min", self.tr("Out"), "chart.s2"),
                ],
                words.count,
                axis=words.axis_count,
                nothing=quiet,
                bars=True,
            ),
            "errors": chart(
                self.tr("Errors per minute"),
                [Curve("errors_per_min", "", "chart.s5")],
                lambda v: per_min.format(n=words.count(v)),
                axis=words.axis_count,
                nothing=quiet,
                bars=True,
            ),
            "cache": chart(
                self.tr("Cache hit ratio"),
                [Curve("cache_hit_ratio", self.tr("Answers and embeddings"), "chart.s3", area=True)],
                words.share,
                axis=lambda v: f"{v * 100:.0f}",
                nothing=self.tr("Nothing was looked up yet"),
                top=1.0,
            ),
            "memory": chart(
                self.tr("Memory"),
                [
                    Curve("models", self.tr("Models and index"), "chart.s4", area=True),
                    Curve("memory.window", self.tr("App"), "chart.s1"),
                ],
                words.size,
                axis=words.axis_size,
                nothing=self.tr("Not measured yet"),
                pick_ticks=byte_ticks,
            ),
            "running": chart(
                self.tr("Work in progress"),
                [
                    Curve("running.chats", self.tr("Chats"), "chart.s1"),
                    Curve("running.documents", self.tr("Files"), "chart.s2", dashed=True),
                ],
                words.count,
                axis=words.axis_count,
                nothing=self.tr("Nothing was in progress"),
            ),
        }
        for name, made in self.charts.items():
            made.setObjectName(f"chart-{name}")
            made.chosen.connect(lambda since, until, name=name: self.chosen.emit(name, since, until))

    def show_points(self, points: Points, range_s: int, step_s: float) -> None:
        """Curves over the last `range_s` seconds. Where nobody asked anything there is nothing to draw."""
        self._kept = _Kept(range_s, points)
        moments = [point.at for point in next(iter(points.values()), ())]
        if not moments:
            return
        since, until = moments[0], moments[-1] + step_s
        asked = any(point.value for point in points.get("requests_per_s", ()))
        for name, chart in self.charts.items():
            curves = {curve.id: self._curve(curve.id, points) for curve in chart.curves}
            known = any(value for samples in curves.values() for _, value in samples)
            if name in ("requests", "tokens", "running") and not known:
                curves = {curve_id: [] for curve_id in curves}
            if name == "errors":
                chart.set_nothing(self.tr("No errors") if asked else self.tr("No requests yet"))
                if not known:
                    curves = {curve_id: [] for curve_id in curves}
            # A line's points stand in the middle of their time, the last one at its end.
            chart.show_points(since, until - (0 if chart.bars else step_s), step_s, curves)
        self._show_values()

    def show_now(self, now: Snapshot) -> None:
        """The values at the top right that are of this moment."""
        charts = self.charts
        if now.requests_per_s is not None:
            charts["requests"].show_value(_rate(now.requests_per_s), "/s")
        if now.tokens_in_last_minute is not None and now.tokens_out_last_minute is not None:
            spent, made = now.tokens_in_last_minute, now.tokens_out_last_minute
            notes = {"tokens_in_per_min": words.count(spent), "tokens_out_per_min": words.count(made)}
            charts["tokens"].show_value(words.count(spent + made), "", notes)
        errors = now.errors_last_minute
        most = sorted(errors.items(), key=lambda error: -error[1])[:3]
        listed = "   ".join(f"{code.replace('_', ' ').capitalize()} {n:,}" for code, n in most)
        charts["errors"].show_value(f"{sum(errors.values()):,}", self.tr("now"), {"errors_per_min": listed})
        running = dict(now.running)
        notes = {f"running.{kind}": f"{n:,}" for kind, n in running.items()}
        charts["running"].show_value(f"{sum(running.values()):,}", self.tr("running"), notes)
        self._show_memory(now)

    def _show_memory(self, now: Snapshot) -> None:
        memory = now.memory_bytes
        if not memory:
            return
        app = sum(memory.get(name, 0) for name in ("window", "app"))
        rest = sum(memory.values()) - app
        unit = ""
        if now.memory_total_bytes:
            unit = self.tr("of {total}").format(total=words.size(now.memory_total_bytes))
        notes = {"models": words.size(rest) if rest else "", "memory.window": words.size(app)}
        self.charts["memory"].show_value(words.size(app + rest), unit, notes)

    def _show_values(self) -> None:
        """Those that are the newest of a curve."""
        latest = {name: _latest(points) for name, points in self._kept.points.items()}
        p95 = latest.get("latency_p95")
        self.charts["latency"].show_value("" if p95 is None else words.seconds(p95), "P95")
        firsts = [latest.get(f"first_token_{where}") for where in ("local", "provider")]
        known = [value for value in firsts if value is not None]
        self.charts["first_token"].show_value(words.seconds(min(known)) if known else "", self.tr("median"))
        ratio = latest.get("cache_hit_ratio")
        self.charts["cache"].show_value("" if ratio is None else f"{ratio * 100:.0f}", "%")

    def _curve(self, curve_id: str, points: Points) -> list[Sample]:
        if curve_id == "models":
            return _sum([points[name] for name in _MODELS if name in points])
        return [(point.at, point.value) for point in points.get(curve_id, ())]

    def _moment(self, at: float) -> str:
        return words.moment(at, self._kept.range_s, self.tr("now"))


def _sum(curves: Sequence[Sequence[Point]]) -> list[Sample]:
    """Point by point; None only where none is known."""
    found: list[Sample] = []
    for points in zip(*curves, strict=True):
        known = [point.value for point in points if point.value is not None]
        found.append((points[0].at, sum(known) if known else None))
    return found


def _latest(points: Sequence[Point]) -> float | None:
    return next((point.value for point in reversed(points) if point.value is not None), None)


def _rate(value: float) -> str:
    return f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.2f}"
