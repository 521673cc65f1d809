"""The status bar's words on models: what may leave the computer, what is loaded here, who is left alone."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer

from mastra_desktop.domain.events import (
    LocalModelChanged,
    LocalModelState,
    ProviderHealthChanged,
    ProviderState,
)
from mastra_desktop.domain.models import ModelInfo
from mastra_desktop.ui.widgets.status_bar import StatusBar


class ModelStatus(QObject):
    """Fills three items of the status bar."""

    def __init__(self, bar: StatusBar) -> None:
        super().__init__(bar)
        self._bar = bar
        bar.add_left("privacy")
        bar.add_left("local-model")
        bar.add_right("provider-health")
        self._waiting: dict[str, ProviderHealthChanged] = {}  # by provider, the latest last
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._show_waiting)

    def show_model(self, model: ModelInfo) -> None:
        """The model that answers next."""
        if model.on_this_computer:
            words = self.tr("Private: this model runs on this computer")
            self._bar.set_item("privacy", words, "shield-check", "success")
        else:
            words = self.tr("Questions go to {server}").format(server=model.provider_id)
            self._bar.set_item("privacy", words, "globe", "info")

    def show_local_model(self, event: LocalModelChanged) -> None:
        match event.state:
            case LocalModelState.LOADING:
                self._bar.set_item("local-model", self.tr("Loading {name}").format(name=event.name), "cpu")
            case LocalModelState.READY:
                size = f"{event.memory_bytes / 1024**2:,.0f} MB" if event.memory_bytes else ""
                words = self.tr("{name} loaded").format(name=event.name)
                self._bar.set_item("local-model", words, "cpu", detail=size)
            case LocalModelState.FAILED:
                self._bar.set_item("local-model", self.tr("The local model failed"), "circle-alert", "danger")
            case LocalModelState.STOPPED:
                self._bar.set_item("local-model", "")

    def show_health(self, event: ProviderHealthChanged) -> None:
        """A provider is left alone, or asked again."""
        self._waiting.pop(event.provider_id, None)
        if event.state in (ProviderState.OPEN, ProviderState.COOLING) and event.until is not None:
            self._waiting[event.provider_id] = event
        self._show_waiting()

    def _show_waiting(self) -> None:
        """The latest in the bar, all of them in its tooltip; the seconds count down."""
        now = time.time()
        self._waiting = {id: e for id, e in self._waiting.items() if e.until is not None and e.until > now}
        if not self._waiting:
            self._clock.stop()
            self._bar.set_item("provider-health", "")
            return
        lines = [self._words(event, now) for event in self._waiting.values()]
        hint = self.tr("Until then its fallbacks answer, if it has any: Settings, Providers.")
        self._bar.set_item("provider-health", lines[-1], "pause", "warn", "\n".join([*lines, hint]))
        if not self._clock.isActive():
            self._clock.start()

    def _words(self, event: ProviderHealthChanged, now: float) -> str:
        seconds = max(1, round((event.until or now) - now))
        if event.state is ProviderState.COOLING:
            words = self.tr("{name}: asked for a pause, goes on in {n} s")
        else:
            words = self.tr("{name}: paused after errors, tries again in {n} s")
        return words.format(name=event.provider_id, n=f"{seconds:,}")
