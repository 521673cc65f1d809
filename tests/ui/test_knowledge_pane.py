"""The knowledge pane in the real window over the real core: collections, dropped files, states, searches."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from mastra_desktop.domain.knowledge import DocumentState, Source
from mastra_desktop.ui.knowledge_roles import DocumentColumn, HitRole
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.widgets.drop_area import DropArea
from tests.ui.desk import Desk
from tests.ui.knowledge_desk import CTRL, PENGUINS, READY_S, RUNBOOK, Knowledge


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
