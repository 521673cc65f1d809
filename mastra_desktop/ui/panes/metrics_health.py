"""Health checks as cards: the newest result of each, what it was before, cause and remedy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mastra_desktop.domain.telemetry import HealthSample
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.metric_words import milliseconds
from mastra_desktop.ui.panes.metrics_layout import Tiles
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.health_card import HealthCard, HealthFace
from mastra_desktop.ui.widgets.painting import Tone

if TYPE_CHECKING:
    from mastra_desktop.services.health import Check, Report

_FRESH_S = 300.0  # what was tried in earnest counts for so long
_CURVE = 30  # the newest results in the small curve
_ICONS = {
    "config": "sliders-horizontal",
    "database": "database",
    "vectors": "boxes",
    "vector_store": "boxes",
    "cache": "zap",
    "keyring": "key-round",
    "local_model": "cpu",
    "embedder": "languages",
    "disk": "hard-drive",
    "backups": "archive",
    "otlp": "workflow",
    "memory": "memory-stick",
    "event_loop": "activity",
    "log": "scroll-text",
    "network": "globe",
}
_LAST = ("config", "keyring")  # seldom of interest
_TIMED = ("database",)  # whose time is the figure to see
_UNTIMED = (*_LAST, "disk")  # how long the look took says nothing about them


class HealthCards(QObject):
    """Keeps one card for each check in `tiles`."""

    check_wanted = Signal(str)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self.tiles = Tiles()
        self.tiles.setObjectName("healthCards")
        self.tiles.setAccessibleName(self.tr("Health"))
        self.tiles.hide()
        self._cards: dict[str, HealthCard] = {}
        self._checks: dict[str, Check] = {}
        self._tried: dict[str, tuple[float, Check]] = {}  # when each was tried in earnest, and what came out

    @property
    def cards(self) -> Sequence[HealthCard]:
        return list(self._cards.values())

    @property
    def healthy(self) -> tuple[int, int]:
        """(healthy, all)."""
        return sum(check.status == "healthy" for check in self._checks.values()), len(self._checks)

    def card(self, name: str) -> HealthCard:
        return self._cards[name]

    def show_tried(self, report: Report) -> None:
        """What "Check now" found: it tells more than a quick look, as long as that says no worse."""
        now = time.monotonic()
        self._tried = {check.name: (now, check) for check in report.checks}

    def show(self, report: Report, samples: Sequence[HealthSample]) -> None:
        """What a quick look found, and the results before it, oldest first."""
        history: dict[str, list[float]] = {}
        for sample in samples:
            history.setdefault(sample.name, []).append(sample.duration_ms)
        self._checks = {check.name: self._latest(check) for check in report.checks}
        names = sorted(self._checks, key=lambda name: (name in _LAST, name in _ICONS))
        if list(self._cards) != names:
            kept = {name: self._cards.get(name) or self._make(name) for name in names}
            for name in set(self._cards) - set(names):
                self._cards[name].deleteLater()
            self._cards = kept
            self.tiles.set_tiles(list(kept.values()))
        for name, check in self._checks.items():
            curve = () if name in _UNTIMED else tuple(history.get(name, ()))[-_CURVE:]
            self._cards[name].show_face(self._face(check, curve))
        self.tiles.setVisible(bool(names))

    def set_checking(self, checking: bool) -> None:
        for card in self._cards.values():
            card.set_checking(checking)

    def _latest(self, quick: Check) -> Check:
        at, tried = self._tried.get(quick.name, (0.0, quick))
        fresh = time.monotonic() - at < _FRESH_S
        return tried if fresh and (quick.status == "healthy" or quick.status == tried.status) else quick

    def _make(self, name: str) -> HealthCard:
        card = HealthCard(name, self._theme, self._icons)
        card.check_wanted.connect(self.check_wanted)
        return card

    def _face(self, check: Check, curve: tuple[float, ...]) -> HealthFace:
        words: dict[str, tuple[str, str, Tone]] = {
            "healthy": (self.tr("Healthy"), "circle-check", "success"),
            "degraded": (self.tr("Degraded"), "triangle-alert", "warn"),
            "unhealthy": (self.tr("Down"), "circle-x", "danger"),
        }
        status, icon, tone = words[check.status]
        goes_on = self.tr("Still works: {what}").format(what=check.still_works) if check.still_works else ""
        value, reason = _parted(check.detail)
        if check.name in _TIMED and check.status == "healthy":
            took = milliseconds(check.duration_ms)
            value, reason = (
                took if check.duration_ms >= 1 else self.tr("under 1 ms"),
                check.detail.rstrip("."),
            )
        return HealthFace(
            self._name(check.name),
            _ICONS.get(check.name, "cloud"),
            status,
            icon,
            tone,
            value,
            reason,
            check.detail,
            "\n".join(words for words in (check.remedy, goes_on) if words),
            curve,
        )

    def _name(self, name: str) -> str:
        return {
            "config": self.tr("Configuration"),
            "database": self.tr("Database"),
            "vectors": self.tr("Vector store"),
            "vector_store": self.tr("Vector store"),
            "cache": self.tr("Cache"),
            "keyring": self.tr("Keys"),
            "local_model": self.tr("Local model"),
            "embedder": self.tr("Embedder"),
            "disk": self.tr("Disk"),
            "backups": self.tr("Backups"),
            "otlp": self.tr("Export of traces"),
            "memory": self.tr("Memory"),
            "event_loop": self.tr("Event loop"),
            "log": self.tr("Log"),
            "network": self.tr("Network"),
        }.get(name, name)


def _parted(detail: str) -> tuple[str, str]:
    """(value, short reason): a check's first words and the rest of them."""
    detail = detail.rstrip(".")
    ends = [at for mark in (", ", ": ", "; ", ". ", " (") if (at := detail.find(mark)) > 0]
    if not ends:
        return detail, ""
    rest = detail[min(ends) :].lstrip(" ,:;.(")
    return detail[: min(ends)], rest if "(" in rest else rest.rstrip(")")
