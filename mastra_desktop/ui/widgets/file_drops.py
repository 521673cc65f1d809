"""Files and folders dropped on a widget, whatever of it takes the event."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget

_DRAGS = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop)


class FileDrops(QObject):
    """Takes files of this computer from the drags over its widgets; text and the rest stay theirs."""

    dropped = Signal(list)  # of Path
    hovering = Signal(bool)

    def __init__(self, parent: QObject, *widgets: QWidget) -> None:
        super().__init__(parent)
        for widget in widgets:
            widget.setAcceptDrops(True)
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DragLeave:
            self.hovering.emit(False)
            return False
        if event.type() not in _DRAGS or not isinstance(event, QDropEvent):
            return False
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        drop = event.type() == QEvent.Type.Drop
        self.hovering.emit(not drop)
        if drop:
            self.dropped.emit(paths)
        return True
