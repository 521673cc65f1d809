"""Ask a Linux desktop whether it is dark (org.freedesktop.portal.Settings), without waiting for the answer.

Imported only after the first paint, and only where Qt itself does not know.
"""

from __future__ import annotations

import os
from typing import cast

from PySide6.QtCore import SLOT, QObject, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusVariant

_SERVICE = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.Settings"
_NAMESPACE = "org.freedesktop.appearance"
_KEY = "color-scheme"


def _number(value: object) -> int | None:
    """The number inside nested variants: 0 no preference, 1 dark, 2 light."""
    while isinstance(value, QDBusVariant):
        value = value.variant()
    return value if isinstance(value, int) else None


class DesktopScheme(QObject):
    """Emits `scheme_found(dark)` once the portal answers and whenever the person switches."""

    scheme_found = Signal(bool)

    def start(self) -> None:
        """Send the question. Without a session bus or a portal nothing ever happens."""
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not os.path.exists(
            os.path.join(runtime, "bus")
        ):
            return  # the bus library would start a bus of its own, and wait for it
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        bus.connect(
            _SERVICE,
            _PATH,
            _INTERFACE,
            "SettingChanged",
            self,
            # PySide's stubs want bytes here, the function itself takes text only.
            cast(bytes, SLOT("_setting_changed(QString,QString,QDBusVariant)")),
        )
        call = QDBusMessage.createMethodCall(_SERVICE, _PATH, _INTERFACE, "Read")
        call.setArguments([_NAMESPACE, _KEY])
        self._watcher = QDBusPendingCallWatcher(bus.asyncCall(call, 5000), self)
        self._watcher.finished.connect(self._answered)

    def _answered(self, watcher: QDBusPendingCallWatcher) -> None:
        arguments = watcher.reply().arguments()
        if arguments:
            self._report(arguments[0])

    @Slot(str, str, QDBusVariant)
    def _setting_changed(self, namespace: str, key: str, value: QDBusVariant) -> None:
        if namespace == _NAMESPACE and key == _KEY:
            self._report(value)

    def _report(self, value: object) -> None:
        number = _number(value)
        if number is not None:
            self.scheme_found.emit(number == 1)
