"""The knowledge pane as a person works in it, for its tests."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QWidget,
)

from mastra_desktop.domain.knowledge import DocumentState
from mastra_desktop.ui.panes.knowledge_pane import KnowledgePane
from mastra_desktop.ui.widgets.document_table import DocumentTable
from mastra_desktop.ui.widgets.drop_area import DropArea
from mastra_desktop.ui.widgets.hit_list import HitList
from tests.ui.desk import Desk

CTRL = Qt.KeyboardModifier.ControlModifier
READY_S = 40.0  # a child process that reads and one that embeds are started on the way
RUNBOOK = """# Refunds

## Locks and ordering

The refund worker takes the ledger lock before it calls the card network, so the lock is held until the
network answers. Above one second, check the order of lock and call first.

## Opening hours

The cafeteria opens at eight and closes at three.
"""
PENGUINS = (
    "# Penguins\n\nPenguins live in the south and eat fish. They cannot fly, but they swim very well.\n"
)


class Knowledge:
    """Works in the pane as a person does."""

    def __init__(self, desk: Desk, files: Path) -> None:
        self.desk, self.files = desk, files
        desk.open()
        desk.key(Qt.Key.Key_2, CTRL, to=desk.window)
        self.settle()

    @property
    def pane(self) -> KnowledgePane:
        assert self.desk.window.pages.knowledge is not None
        return self.desk.window.pages.knowledge

    @property
    def table(self) -> DocumentTable:
        return self.desk.find("documentTable", DocumentTable)

    def settle(self) -> None:
        running = self.desk.window.tasks.running
        self.desk.wait(lambda: not any(running(f"knowledge-{name}") for name in ("list", "documents")))

    def write(self, name: str, text: str = RUNBOOK) -> Path:
        path = self.files / name
        path.write_text(text, "utf-8")
        return path

    def make_collection(self, name: str = "Runbooks") -> None:
        """By keyboard: Ctrl+N, the name, Enter."""
        self.desk.key(Qt.Key.Key_N, CTRL, to=self.desk.window)
        field = self.desk.find("collectionName", QLineEdit)
        self.desk.wait(field.hasFocus)
        QTest.keyClicks(field, name)
        self.desk.key(Qt.Key.Key_Return, to=field)
        self.desk.wait(lambda: self.title == name)
        self.settle()

    @property
    def title(self) -> str:
        return self.desk.find("collectionTitle", QLabel).text()

    @property
    def collections(self) -> list[str]:
        rows = self.pane.list.rows.model()
        return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]

    def drop(self, *paths: Path, on: QWidget | None = None) -> None:
        """A real drag that enters and is let go over `on`, or over the drop area."""
        target = on or self.desk.find("dropArea", DropArea)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        at, left, plain = target.rect().center(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(at, Qt.DropAction.CopyAction, data, left, plain)
        QApplication.sendEvent(target, enter)
        assert enter.isAccepted()
        drop = QDropEvent(QPointF(at), Qt.DropAction.CopyAction, data, left, plain, QEvent.Type.Drop)
        QApplication.sendEvent(target, drop)
        assert drop.isAccepted()

    def names(self) -> list[str]:
        return [document.name for document in self.pane.documents.model.documents]

    def state_of(self, name: str) -> DocumentState | None:
        found = (d.state for d in self.pane.documents.model.documents if d.name == name)
        return next(found, None)

    def wait_ready(self, *names: str) -> None:
        self.desk.wait(lambda: all(self.state_of(n) is DocumentState.READY for n in names), READY_S)

    def search(self, query: str) -> list[str]:
        """The documents found, best first."""
        field = next(f for f in self.pane.findChildren(QLineEdit, "searchField"))
        field.setFocus()
        field.setText(query)
        self.desk.key(Qt.Key.Key_Return, to=field)
        self.desk.wait(lambda: not self.desk.window.tasks.running("knowledge-search"), READY_S)
        rows = self.results.model()
        return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]

    @property
    def results(self) -> HitList:
        return self.desk.find("searchResults", HitList)

    def dialog(self, name: str) -> QDialog:
        self.desk.wait(lambda: self.desk.window.findChild(QDialog, name) is not None)
        return self.desk.find(name, QDialog)
