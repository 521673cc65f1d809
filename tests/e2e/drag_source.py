"""A small window to drag files from, as a file manager is: `python -m tests.e2e.drag_source X Y PATH…`.

Prints `ready` once it can be seen, `dropped` when a drag was taken, `refused` when it was not. Ends with stdin.
"""

from __future__ import annotations

import sys
import threading

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QLabel

SIZE = 60  # pixels


class Source(QLabel):
    def __init__(self, paths: list[str]) -> None:
        super().__init__("files")
        self._paths = paths
        self.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setFixedSize(SIZE, SIZE)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        print("ready", flush=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            mime = QMimeData()
            mime.setUrls([QUrl.fromLocalFile(path) for path in self._paths])
            drag = QDrag(self)
            drag.setMimeData(mime)
            taken = drag.exec(Qt.DropAction.CopyAction)
            print("dropped" if taken != Qt.DropAction.IgnoreAction else "refused", flush=True)


def main() -> None:
    app = QApplication(sys.argv[:1])
    x, y, *paths = sys.argv[1:]
    source = Source(paths)
    source.move(int(x), int(y))
    source.show()
    threading.Thread(target=lambda: (sys.stdin.read(), app.quit()), daemon=True).start()
    app.exec()


if __name__ == "__main__":
    main()
