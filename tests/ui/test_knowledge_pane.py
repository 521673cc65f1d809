"""The knowledge pane in the real window over the real core: collections, dropped files, states, searches."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from mastra_desktop.domain.knowledge import DocumentState, Source
from mastra_desktop.ui.dialogs.file_questions import WhereDialog
from mastra_desktop.ui.knowledge_roles import DocumentColumn, HitRole
from mastra_desktop.ui.panes.knowledge_pane import KnowledgePane
from mastra_desktop.ui.row_roles import RowRole
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
        assert self.desk.window.knowledge is not None
        return self.desk.window.knowledge

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


@pytest.fixture
def knowledge(desk: Desk, tmp_path: Path) -> Knowledge:
    files = tmp_path / "files"
    files.mkdir()
    return Knowledge(desk, files)


@pytest.mark.slow
def test_without_collections_the_pane_offers_the_first(knowledge: Knowledge) -> None:
    """Its button opens the form; the name alone is enough."""
    desk = knowledge.desk
    page = desk.find("noCollections", QWidget)
    assert page.isVisible()
    next(b for b in page.findChildren(QPushButton) if b.text() == "Add your first collection").click()
    accept = desk.find("formAccept", QPushButton)
    assert not accept.isEnabled()
    QTest.keyClicks(desk.find("collectionName", QLineEdit), "Runbooks")
    assert accept.isEnabled()
    accept.click()
    desk.wait(lambda: knowledge.collections == ["Runbooks"])
    desk.wait(lambda: knowledge.title == "Runbooks")
    assert desk.find("dropArea", DropArea).isVisible()
    assert not knowledge.table.isVisible()


def test_dropped_files_become_ready_and_are_found(knowledge: Knowledge) -> None:
    """Rows appear at once and end ready; a search marks the words and shows the passage."""
    desk = knowledge.desk
    knowledge.make_collection()
    knowledge.drop(knowledge.write("refunds.md"), knowledge.write("penguins.md", PENGUINS))
    desk.wait(lambda: sorted(knowledge.names()) == ["penguins.md", "refunds.md"])
    knowledge.wait_ready("refunds.md", "penguins.md")
    assert knowledge.search("ledger lock")[0] == "refunds.md"
    first = knowledge.results.model().index(0, 0)
    text = str(first.data(HitRole.TEXT))
    assert "lock" in [text[start : start + n].lower() for start, n in first.data(HitRole.MARKS)]
    assert knowledge.pane.search.passage.isVisible()
    desk.wait(lambda: "2 files" in desk.find("collectionCounts", QLabel).text())
    knowledge.pane.search._mode._buttons["words"].click()
    assert knowledge.search("penguins") == ["penguins.md"]


@pytest.mark.slow
def test_enter_opens_the_text_at_the_passage(knowledge: Knowledge) -> None:
    """With the passage marked; Esc goes back. A file that is gone is read from what was stored."""
    desk = knowledge.desk
    knowledge.make_collection()
    path = knowledge.write("refunds.md")
    knowledge.drop(path)
    knowledge.wait_ready("refunds.md")
    knowledge.search("ledger lock")
    path.unlink()
    desk.key(Qt.Key.Key_Return, to=knowledge.results)
    reader = knowledge.pane.reader
    desk.wait(lambda: "ledger lock" in reader.text.toPlainText())
    desk.wait(lambda: bool(reader.text.extraSelections()))
    assert reader.isVisible()
    notice = desk.find("readerNotice", QWidget)
    desk.wait(notice.isVisible)
    assert not desk.find("readerOpenFile", QPushButton).isEnabled()
    desk.key(Qt.Key.Key_Escape, to=desk.window)
    assert not reader.isVisible()
    assert knowledge.table.isVisible()


@pytest.mark.slow
def test_a_cited_passage_opens_also_when_its_document_is_gone(knowledge: Knowledge) -> None:
    """There, marked in its text; after the document was removed, as the answer was given it."""
    desk = knowledge.desk
    knowledge.make_collection()
    knowledge.drop(knowledge.write("refunds.md"))
    knowledge.wait_ready("refunds.md")
    document = knowledge.pane.documents.model.documents[0]
    whole = desk.ask_core(lambda core: core.knowledge.document_text(document.id))
    first = whole.passages[0]
    source = Source(
        1, "Runbooks", document.name, document.id, first.id, None, first.start, first.end, first.text, 0.9
    )
    desk.window.show_page("chat")
    desk.window.open_source(source)
    reader = knowledge.pane.reader
    desk.wait(lambda: bool(reader.text.extraSelections()))
    assert reader.text.toPlainText() == whole.text
    desk.ask_core(lambda core: core.knowledge.remove(document.id))
    desk.window.open_source(source)
    desk.wait(lambda: reader.text.toPlainText() == first.text)
    assert "was removed" in " ".join(
        label.text() for label in desk.find("readerNotice", QWidget).findChildren(QLabel)
    )


@pytest.mark.slow
def test_a_drop_on_the_rail_goes_into_the_collection(knowledge: Knowledge) -> None:
    """From another pane; the knowledge pane comes into view."""
    desk = knowledge.desk
    knowledge.make_collection()
    desk.window.show_page("chat")
    item = next(
        b for b in desk.window.rail.findChildren(QAbstractButton) if b.accessibleName() == "Knowledge"
    )
    knowledge.drop(knowledge.write("penguins.md", PENGUINS), on=item)
    desk.wait(lambda: knowledge.names() == ["penguins.md"])
    assert knowledge.pane.isVisible()


@pytest.mark.slow
def test_a_drop_without_a_collection_asks_for_one(knowledge: Knowledge) -> None:
    """The files go into the collection that is made."""
    desk = knowledge.desk
    knowledge.drop(knowledge.write("penguins.md", PENGUINS), on=knowledge.pane)
    knowledge.dialog("collectionDialog")
    QTest.keyClicks(desk.find("collectionName", QLineEdit), "Birds")
    desk.find("formAccept", QPushButton).click()
    desk.wait(lambda: knowledge.names() == ["penguins.md"])
    assert knowledge.title == "Birds"


@pytest.mark.slow
def test_the_same_name_asks_keep_both_or_replace(knowledge: Knowledge) -> None:
    """Unchanged files are skipped and said so; of another content, both can be kept."""
    desk = knowledge.desk
    knowledge.make_collection()
    path = knowledge.write("notes.md", PENGUINS)
    knowledge.drop(path)
    knowledge.wait_ready("notes.md")
    knowledge.drop(path)
    desk.wait(lambda: "1 file is unchanged and was skipped" in desk.window.toasts.titles())
    other = knowledge.files / "other"
    other.mkdir()
    clash = other / "notes.md"
    clash.write_text(RUNBOOK, "utf-8")
    knowledge.drop(clash)
    knowledge.dialog("clashDialog")
    desk.find("keepBoth", QPushButton).click()
    desk.wait(lambda: len(knowledge.names()) == 2)


@pytest.mark.slow
def test_removed_files_come_back_by_undo(knowledge: Knowledge) -> None:
    """Del removes what is chosen; the toast brings it back."""
    desk = knowledge.desk
    knowledge.make_collection()
    knowledge.drop(knowledge.write("penguins.md", PENGUINS))
    knowledge.wait_ready("penguins.md")
    knowledge.table.setFocus()
    knowledge.table.selectRow(0)
    desk.key(Qt.Key.Key_Delete, to=knowledge.table)
    desk.wait(lambda: knowledge.names() == [])
    desk.wait(lambda: "File removed" in desk.window.toasts.titles())
    desk.press_toast("Undo")
    desk.wait(lambda: knowledge.names() == ["penguins.md"])


@pytest.mark.slow
def test_a_file_that_cannot_be_read_says_why_and_can_be_tried_again(knowledge: Knowledge) -> None:
    """The reason stands in the row; Retry is pressed with the mouse and reads the mended file."""
    desk = knowledge.desk
    knowledge.make_collection()
    path = knowledge.write("broken.pdf", "%PDF-1.4 this is not one")
    knowledge.drop(path)
    desk.wait(lambda: knowledge.state_of("broken.pdf") is DocumentState.FAILED, READY_S)
    index = knowledge.table.model().index(0, DocumentColumn.STATUS)
    assert index.data() == "Failed"
    spoken = str(index.data(Qt.ItemDataRole.AccessibleTextRole))
    assert len(spoken) > len("Failed, ")
    desk.wait(lambda: knowledge.pane.list.rows.model().index(0, 0).data(RowRole.SIGN) == "triangle-alert")
    rect = knowledge.table.visualRect(index)
    seen: list[str] = []
    knowledge.table.retry_pressed.connect(seen.append)
    at = QPoint(rect.right() - 40, rect.center().y())
    QTest.mouseClick(knowledge.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert len(seen) == 1


@pytest.mark.slow
def test_an_encrypted_pdf_asks_for_its_password(knowledge: Knowledge) -> None:
    """Retry opens a small form first; without a password nothing is tried."""
    from dataclasses import replace

    from mastra_desktop.domain.errors import ErrorInfo
    from mastra_desktop.domain.knowledge import Document

    locked = Document("d", "c", "bank.pdf", "/bank.pdf", DocumentState.FAILED)
    why = ErrorInfo("knowledge", "This PDF is protected with a password.", "Enter its password to add it.")
    knowledge.pane.adding.retry(replace(locked, error=why))
    dialog = knowledge.dialog("passwordDialog")
    field = knowledge.desk.find("filePassword", QLineEdit)
    assert field.echoMode() is QLineEdit.EchoMode.Password
    assert not knowledge.desk.find("formAccept", QPushButton).isEnabled()
    knowledge.desk.key(Qt.Key.Key_Escape, to=field)
    assert not dialog.isVisible()


@pytest.mark.slow
def test_pause_holds_back_and_resume_goes_on(knowledge: Knowledge) -> None:
    """The summary counts the files; while paused, what waits says so."""
    desk = knowledge.desk
    knowledge.make_collection()
    for n in range(6):
        knowledge.write(f"file-{n}.md", f"# File {n}\n\n" + f"Sentence {n} of a file about ledgers. " * 400)
    knowledge.drop(knowledge.files)
    desk.wait(lambda: len(knowledge.names()) == 6)
    button = desk.find("pauseButton", QPushButton)
    desk.wait(button.isVisible)
    button.click()
    desk.wait(lambda: button.text() == "Resume")
    desk.wait(lambda: "Paused" in str(knowledge.pane.list.rows.model().index(0, 0).data(RowRole.NOTE)))
    button.click()
    desk.wait(lambda: button.text() == "Pause")


@pytest.mark.slow
def test_collections_are_renamed_and_deleted_with_undo(knowledge: Knowledge) -> None:
    """F2 edits in place, Del deletes at once, the toast undoes it."""
    desk = knowledge.desk
    knowledge.make_collection("Alpha")
    knowledge.make_collection("Beta")
    rows = knowledge.pane.list.rows
    rows.setFocus()
    desk.key(Qt.Key.Key_F2, to=rows)
    editor = desk.find("renameEditor", QLineEdit)
    editor.setText("Gamma")
    desk.key(Qt.Key.Key_Return, to=editor)
    desk.wait(lambda: sorted(knowledge.collections) == ["Alpha", "Gamma"])
    knowledge.settle()
    desk.key(Qt.Key.Key_Delete, to=rows)
    desk.wait(lambda: knowledge.collections == ["Alpha"])
    desk.wait(lambda: knowledge.title == "Alpha")
    desk.press_toast("Undo")
    desk.wait(lambda: sorted(knowledge.collections) == ["Alpha", "Gamma"])


@pytest.mark.slow
def test_the_menu_offers_what_a_collection_can(knowledge: Knowledge) -> None:
    """Adding, watching, renaming, indexing again, deleting; nothing to index yet, so that is greyed out."""
    desk = knowledge.desk
    knowledge.make_collection()
    desk.find("collectionMore", QAbstractButton).click()
    menu = knowledge.pane.findChild(QMenu)
    assert menu is not None
    entries = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
    assert {"Add files…", "Add a folder…", "Watch a folder…", "Rename", "Edit…", "Delete"} <= entries.keys()
    assert not entries["Index again…"]
    menu.close()


@pytest.mark.slow
def test_narrow_windows_turn_columns_into_drawers(knowledge: Knowledge) -> None:
    """Below 1280 the search, below 960 the list too; Esc closes them; wide, all come back."""
    desk, pane = knowledge.desk, knowledge.pane
    knowledge.make_collection()
    desk.window.resize(1440, 900)
    desk.wait(lambda: pane.search.isVisible() and pane.list.isVisible())
    desk.window.resize(1100, 700)
    desk.wait(lambda: not pane.search.isVisible())
    desk.key(Qt.Key.Key_I, CTRL, to=desk.window)
    assert pane.search.isVisible()
    assert pane.search.field.hasFocus()
    desk.key(Qt.Key.Key_Escape, to=desk.window)
    assert not pane.search.isVisible()
    desk.window.resize(900, 700)
    desk.wait(lambda: not pane.list.isVisible())
    desk.key(Qt.Key.Key_F, CTRL, to=desk.window)
    assert pane.list.search.hasFocus()
    desk.key(Qt.Key.Key_Escape, to=desk.window)
    assert not pane.list.isVisible()
    desk.window.resize(1440, 900)
    desk.wait(lambda: pane.search.isVisible() and pane.list.isVisible())


@pytest.mark.slow
def test_f6_goes_through_the_pane(knowledge: Knowledge) -> None:
    """Rail, list, drop area, search: each is reached without a mouse."""
    desk = knowledge.desk
    knowledge.make_collection()
    knowledge.pane.list.rows.setFocus()
    seen = set()
    for _ in range(5):
        desk.key(Qt.Key.Key_F6, to=desk.window)
        focused = desk.application.focusWidget()
        assert focused is not None
        seen.add(focused.objectName() or focused.accessibleName())
    assert {"collectionList", "searchField"} <= seen


@pytest.mark.slow
def test_everything_that_can_be_pressed_has_a_name(knowledge: Knowledge) -> None:
    """For screen readers: buttons, fields and lists of the pane."""
    knowledge.make_collection()
    nameless = [
        f"{type(w).__name__} {w.objectName()}"
        for w in knowledge.pane.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus
        and w.isVisible()
        and not (w.accessibleName() or getattr(w, "text", str)())
    ]
    assert not nameless


@pytest.mark.slow
def test_an_embedder_that_is_away_is_told(desk: Desk, tmp_path: Path) -> None:
    """What is down and what still works, with a button to the provider's settings; gone once it is back."""
    away = '[[providers]]\nid = "far"\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
    desk.add_server("normal", extra=away)
    (tmp_path / "files").mkdir()
    knowledge = Knowledge(desk, tmp_path / "files")
    desk.ask_core(lambda core: core.knowledge.create_collection("Remote", embedder_id="far/embed"))
    knowledge.pane.refresh()
    desk.wait(lambda: knowledge.title == "Remote")
    notice = desk.find("embedderNotice", QWidget)
    assert not notice.isVisible()
    knowledge.drop(knowledge.write("refunds.md"))
    desk.wait(notice.isVisible, READY_S)
    said = notice.findChild(QLabel)
    assert said is not None
    for part in ("far/embed", "127.0.0.1:9", "go by words", "tried again by itself"):
        assert part in said.text()
    desk.wait(lambda: "1 document waits" in said.text())
    assert knowledge.state_of("refunds.md") is DocumentState.EMBEDDING
    desk.find("embedderSettings", QPushButton).click()
    desk.wait(lambda: desk.window.settings_pane is not None and desk.window.settings_pane.isVisible())
    pane = desk.window.settings_pane
    assert pane is not None
    desk.wait(
        lambda: "far" in pane.providers.provider_rows and pane.providers.provider_rows["far"].isChecked()
    )
    url = desk.server.base_url
    desk.ask_core(lambda core: core.providers.change_server("far", base_url=url))
    desk.key(Qt.Key.Key_2, CTRL, to=desk.window)
    knowledge.wait_ready("refunds.md")
    desk.wait(lambda: not notice.isVisible())


@pytest.mark.slow
def test_all_failed_files_are_tried_again(knowledge: Knowledge) -> None:
    """One button for all of them, and the menu's; the files were mended meanwhile."""
    desk = knowledge.desk
    knowledge.make_collection()
    broken = [knowledge.write(f"{name}.pdf", f"%PDF-1.7 nothing behind it {name}") for name in "ab"]
    knowledge.drop(*broken)
    retry = desk.find("retryAll", QPushButton)
    desk.wait(retry.isVisible, READY_S)
    failed = [d.id for d in knowledge.pane.documents.model.documents]
    (collection,) = desk.ask_core(lambda core: core.knowledge.collections())
    menu = knowledge.pane.editing.menu_for(collection, knowledge.pane.adding, lambda: None)
    assert "(2)" in next(a.text() for a in menu.actions() if a.objectName() == "retryFailed")
    menu.deleteLater()
    retry.click()
    desk.wait(lambda: not retry.isVisible())
    desk.wait(retry.isVisible, READY_S)  # still broken
    assert [d.id for d in knowledge.pane.documents.model.documents] == failed


@pytest.mark.slow
def test_files_opened_with_the_application(desk: Desk, tmp_path: Path) -> None:
    """They wait for the window, then it asks for the collection: a new one first, later one that is there."""
    (tmp_path / "files").mkdir()
    one, two = tmp_path / "files" / "one.md", tmp_path / "files" / "two.md"
    one.write_text(RUNBOOK)
    two.write_text(PENGUINS)
    desk.open(started=False)
    desk.window.opening.add([str(one)])
    desk.wait(lambda: desk.window.findChild(QDialog, "collectionDialog") is not None)
    QTest.keyClicks(desk.find("collectionName", QLineEdit), "Runbooks")
    desk.find("formAccept", QPushButton).click()
    pane = desk.window.knowledge
    assert pane is not None
    desk.wait(lambda: [d.name for d in pane.documents.model.documents] == ["one.md"], READY_S)
    desk.ask_core(lambda core: core.knowledge.create_collection("Animals"))
    desk.window.show_page("chat")
    desk.window.opening.add([str(two)])
    desk.wait(lambda: desk.window.findChild(QDialog, "whereDialog") is not None)
    where = desk.find("whereCollection", QComboBox)
    assert [where.itemText(n) for n in range(where.count())] == ["Animals", "Runbooks", "New collection…"]
    assert where.currentText() == "Runbooks"
    where.setCurrentIndex(0)
    desk.find("whereDialog", WhereDialog).accept_button.click()
    desk.wait(lambda: [d.name for d in pane.documents.model.documents] == ["two.md"], READY_S)
    assert desk.find("collectionTitle", QLabel).text() == "Animals"
    desk.wait(lambda: all(d.state is DocumentState.READY for d in pane.documents.model.documents), READY_S)
