"""What the bus says and the person should know, as toasts."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.events import ConfigChanged, ConfigRefused
from mastra_desktop.ui.widgets.toast import ToastArea


def tell_config(toasts: ToastArea, event: ConfigChanged | ConfigRefused) -> None:
    """A change of config.toml that was refused, or that waits for a restart."""
    if isinstance(event, ConfigRefused):
        title = _tr("config.toml has a mistake")
        words = _tr("{problem} The last good configuration stays in use.")
        toasts.show_toast(title, words.format(problem=event.message), "danger")
    elif event.restart:
        words = _tr("After a restart: {keys}").format(keys=", ".join(event.restart))
        toasts.show_toast(_tr("Some changes wait for a restart"), words, "warn")


def _tr(text: str) -> str:
    return QCoreApplication.translate("News", text)
