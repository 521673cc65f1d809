"""The status bar's words on the model: what may leave the computer, and what is loaded here."""

from __future__ import annotations

from PySide6.QtCore import QObject

from mastra_desktop.domain.events import LocalModelChanged, LocalModelState
from mastra_desktop.domain.models import ModelInfo
from mastra_desktop.ui.widgets.status_bar import StatusBar


class ModelStatus(QObject):
    """Fills two items of the status bar."""

    def __init__(self, bar: StatusBar) -> None:
        super().__init__(bar)
        self._bar = bar
        bar.add_left("privacy")
        bar.add_left("local-model")

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
