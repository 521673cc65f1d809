"""Health checks as cards: the newest result of each, what it was before, cause and remedy."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from mastra_desktop.domain.telemetry import HealthSample
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.metric_words import milliseconds
from mastra_desktop.ui.panes.metrics_layout import Tiles
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.health_card import HealthCard, HealthFace
from mastra_desktop.ui.widgets.painting import Tone

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
    "memory": "memory-stick",
    "event_loop": "activity",
    "log": "scroll-text",
    "network": "globe",
}
_LAST = ("config", "keyring")  # seldom of interest


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
        self._history: dict[str, list[HealthSample]] = {}

    @property
    def cards(self) -> Sequence[HealthCard]:
        return list(self._cards.values())

    @property
    def healthy(self) -> tuple[int, int]:
        """(healthy, all)."""
        latest = [samples[-1] for samples in self._history.values()]
        return sum(sample.status == "healthy" for sample in latest), len(latest)

    @property
    def newest(self) -> float | None:
        """When the last result came, in seconds since 1970."""
        return max((samples[-1].at for samples in self._history.values()), default=None)

    def card(self, name: str) -> HealthCard:
        return self._cards[name]

    def show_history(self, samples: Sequence[HealthSample]) -> None:
        """Results of all checks, oldest first; a check that the newest round did not make is gone."""
        history: dict[str, list[HealthSample]] = {}
        for sample in samples:
            history.setdefault(sample.name, []).append(sample)
        self._history = history
        names = sorted(history, key=lambda name: (name in _LAST, name in _ICONS))
        if list(self._cards) != names:
            kept = {name: self._cards.get(name) or self._make(name) for name in names}
            for name in set(self._cards) - set(names):
                self._cards[name].deleteLater()
            self._cards = kept
            self.tiles.set_tiles(list(kept.values()))
        for name, found in history.items():
            self._cards[name].show_face(self._face(name, found))
        self.tiles.setVisible(bool(names))

    def set_checking(self, checking: bool) -> None:
        for card in self._cards.values():
            card.set_checking(checking)

    def _make(self, name: str) -> HealthCard:
        card = HealthCard(name, self._theme, self._icons)
        card.check_wanted.connect(self.check_wanted)
        return card

    def _face(self, name: str, samples: Sequence[HealthSample]) -> HealthFace:
        newest = samples[-1]
        words: dict[str, tuple[str, str, Tone]] = {
            "healthy": (self.tr("Healthy"), "circle-check", "success"),
            "degraded": (self.tr("Degraded"), "triangle-alert", "warn"),
            "unhealthy": (self.tr("Down"), "circle-x", "danger"),
        }
        status, icon, tone = words.get(newest.status, (newest.status, "circle-help", ""))
        cause, remedy = _parted(newest.detail)
        return HealthFace(
            self._name(name),
            _ICONS.get(name, "cloud"),
            status,
            icon,
            tone,
            milliseconds(newest.duration_ms) if newest.duration_ms >= 1 else self.tr("under 1 ms"),
            cause.rstrip("."),
            cause,
            remedy,
            tuple(sample.duration_ms for sample in samples[-_CURVE:]),
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
            "memory": self.tr("Memory"),
            "event_loop": self.tr("Event loop"),
            "log": self.tr("Log"),
            "network": self.tr("Network"),
        }.get(name, name)


def _parted(detail: str) -> tuple[str, str]:
    """(what was found, what to do) of a check's sentences."""
    first, stop, rest = detail.partition(". ")
    return (first + stop.rstrip(), rest) if rest else (detail, "")
