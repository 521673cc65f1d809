"""A desktop portal that says "dark", then "light"; prints what `DesktopScheme` makes of it.

Run under a session bus of its own: `dbus-run-session -- python -m tests.ui.fake_portal`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import cast

from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusVariant

from mastra_desktop.ui.desktop_scheme import DesktopScheme

# PySide's stubs describe the C++ class of that name, not the decorator.
interface = cast(Callable[[dict[str, str]], Callable[[type], type]], ClassInfo)


@interface({"D-Bus Interface": "org.freedesktop.portal.Settings"})
class Portal(QObject):
    """Answers as xdg-desktop-portal does: a variant inside a variant."""

    SettingChanged = Signal(str, str, QDBusVariant)

    @Slot(str, str, result=QDBusVariant)
    def Read(self, namespace: str, key: str) -> QDBusVariant:
        return QDBusVariant(QDBusVariant(1))


def main() -> None:
    app = QCoreApplication(sys.argv)
    bus = QDBusConnection.connectToBus(QDBusConnection.BusType.SessionBus, "portal")
    portal = Portal()
    exported = QDBusConnection.RegisterOption.ExportAllContents
    assert bus.registerService("org.freedesktop.portal.Desktop")
    assert bus.registerObject("/org/freedesktop/portal/desktop", portal, exported)
    seen: list[bool] = []

    def found(dark: bool) -> None:
        seen.append(dark)
        if len(seen) == 1:
            portal.SettingChanged.emit("org.freedesktop.appearance", "contrast", QDBusVariant(1))
            portal.SettingChanged.emit("org.freedesktop.appearance", "color-scheme", QDBusVariant(2))
        else:
            app.quit()

    scheme = DesktopScheme()
    scheme.scheme_found.connect(found)
    scheme.start()
    QTimer.singleShot(10_000, app.quit)
    app.exec()
    print(seen)


if __name__ == "__main__":
    main()
