"""The knowledge pane when something is away or fails, and files that are opened with the application."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from mastra_desktop.domain.knowledge import DocumentState
from mastra_desktop.ui.dialogs.file_questions import WhereDialog
from mastra_desktop.ui.widgets.drop_area import DropArea
from tests.ui.desk import Desk
from tests.ui.knowledge_desk import CTRL, PENGUINS, READY_S, RUNBOOK, Knowledge

pytestmark = pytest.mark.slow


@pytest.fixture
def knowledge(desk: Desk, tmp_path: Path) -> Knowledge:
    files = tmp_path / "files"
    files.mkdir()
    return Knowledge(desk, files)


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
    assert "sent to far" in desk.find("dropArea", DropArea).hint.text()
    (collection,) = desk.ask_core(lambda core: core.knowledge.collections())
    knowledge.pane.editing.ask_edit(collection)  # its own model can be kept
    assert desk.find("collectionEmbedder", QComboBox).currentData() == "far/embed"
    desk.find("formReject", QPushButton).click()
    knowledge.drop(knowledge.write("refunds.md"))
    desk.wait(notice.isVisible, READY_S)
    said = notice.findChild(QLabel)
    assert said is not None
    for part in ("far/embed", "127.0.0.1:9", "go by words", "tried again by itself"):
        assert part in said.text()
    desk.wait(lambda: "1 document waits" in said.text())
    assert knowledge.state_of("refunds.md") is DocumentState.EMBEDDING
    desk.find("embedderSettings", QPushButton).click()
    desk.wait(lambda: desk.window.pages.settings is not None and desk.window.pages.settings.isVisible())
    pane = desk.window.pages.settings
    assert pane is not None
    desk.wait(
        lambda: "far" in pane.providers.provider_rows and pane.providers.provider_rows["far"].isChecked()
    )
    url = desk.server.base_url
    desk.ask_core(lambda core: core.providers.change_server("far", base_url=url))
    desk.key(Qt.Key.Key_2, CTRL, to=desk.window)
    knowledge.wait_ready("refunds.md")
    desk.wait(lambda: not notice.isVisible())


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
    pane = desk.window.pages.knowledge
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
