"""Asking documents in the chat: the Knowledge switch, `#`, dropped files, sources that stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QWidget

from mastra_desktop.domain.knowledge import DocumentState
from mastra_desktop.ui.widgets.knowledge_switch import KnowledgeSwitch
from mastra_desktop.ui.widgets.source_card import SourceCard
from tests.ui.desk import Desk

CTRL = Qt.KeyboardModifier.ControlModifier
NO_SOURCES = "Answers that draw on knowledge list their sources here."
READY_S = 40.0  # a child process that reads is started on the way
QUESTION = "Why does the refund worker hold the ledger lock?"
RUNBOOK = """# Locks

The refund worker takes the ledger lock before it calls the card network, so the lock is held until the
network answers.
"""
POOL = "# Pool\n\nEach refund worker holds one of 40 connections while it waits for the ledger lock.\n"


def add_collection(desk: Desk, name: str, **files: str) -> str:
    """A collection whose files can be asked; the chat has seen it."""
    made = desk.ask_core(lambda core: core.knowledge.create_collection(name))
    folder = desk.home.home.parent / name
    folder.mkdir()
    for stem, text in files.items():
        (folder / f"{stem}.md").write_text(text, "utf-8")
    if files:
        desk.ask_core(lambda core: core.knowledge.add(made.id, [folder]))
        wait_ready(desk, made.id, len(files))
    desk.wait(lambda: switch(desk).isVisible())
    return made.id


def wait_ready(desk: Desk, collection_id: str, count: int) -> None:
    def searchable() -> bool:
        documents = desk.ask_core(lambda core: core.knowledge.documents(collection_id))
        ready = (DocumentState.READY, DocumentState.EMBEDDING)
        return [d.state in ready for d in documents] == [True] * count

    desk.wait(searchable, READY_S)


def switch(desk: Desk) -> KnowledgeSwitch:
    return desk.window.chat.knowledge.switch


def toggle(desk: Desk) -> None:
    QTest.mouseClick(switch(desk).switch, Qt.MouseButton.LeftButton)


def type_on(desk: Desk, text: str) -> None:
    """Into whatever has the focus by now."""
    focused = desk.application.focusWidget()
    assert focused is not None
    QTest.keyClicks(focused, text)


def drawn_on(desk: Desk) -> tuple[str, ...]:
    """The collections that the next answer draws on."""
    return desk.window.chat.view.knowledge


@pytest.fixture
def citing(desk: Desk) -> Desk:
    desk.add_server("normal", "cites")
    desk.open("cites")
    return desk


# -- the switch --------------------------------------------------------------------------------------


def test_without_collections_there_is_no_switch(desk: Desk) -> None:
    """It comes with the first collection and goes with the last."""
    desk.open()
    assert not switch(desk).isVisible()
    made = add_collection(desk, "Runbooks")
    desk.ask_core(lambda core: core.knowledge.remove_collection(made))
    desk.wait(lambda: not switch(desk).isVisible())


def test_an_answer_from_knowledge_shows_its_sources_also_after_a_restart(citing: Desk) -> None:
    """Switched on, the only collection is drawn on; chips, footer and passages are there when it is opened anew."""
    desk = citing
    made = add_collection(desk, "Runbooks", runbook=RUNBOOK, pool=POOL)
    toggle(desk)
    assert drawn_on(desk) == (made,)
    shown = desk.ask(QUESTION)
    assert shown.footer.endswith(" · 2 sources")
    assert {source.document for source in shown.sources if source.cited} == {"runbook.md", "pool.md"}
    assert len(shown.unsupported) == 1
    before = [hot.label for hot in desk.pressable(shown).values() if hot.kind == "cite"]
    assert before
    desk.close()
    desk.open("cites")
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.last.sources == shown.sources
    assert [hot.label for hot in desk.pressable(desk.last).values() if hot.kind == "cite"] == before
    assert drawn_on(desk) == (made,)


@pytest.mark.slow
def test_a_citation_leads_to_its_passage_in_the_reader(citing: Desk) -> None:
    """The document opens in Knowledge; of a removed one the stored passage is shown, and that it was removed."""
    desk = citing
    made = add_collection(desk, "Runbooks", runbook=RUNBOOK, pool=POOL)
    toggle(desk)
    shown = desk.ask(QUESTION)
    cited = next(source for source in shown.sources if source.document == "runbook.md")
    desk.press(shown, cited.label)
    pane = desk.window.pages.knowledge
    assert pane is not None
    assert desk.window.pages.currentWidget() is pane
    desk.wait(lambda: "ledger lock" in pane.reader.text.toPlainText())
    desk.ask_core(lambda core: core.knowledge.remove_collection(made))
    desk.window.show_page("chat")
    desk.window.chat.view.transcript.source_activated.emit(shown.id, cited.n)

    def says_removed() -> bool:
        words = [label.text() for label in pane.reader.findChildren(QLabel)]
        return any("This document was removed" in text for text in words)

    desk.wait(says_removed)


@pytest.mark.slow
def test_the_choice_is_each_conversations_own_and_that_of_new_chats(citing: Desk) -> None:
    """Ticking another collection in one chat leaves the others as they were; off and on brings it back."""
    desk = citing
    first, second = add_collection(desk, "Runbooks"), add_collection(desk, "Handbook")
    desk.wait(lambda: len(desk.window.chat.knowledge._items()) == 2)
    toggle(desk)  # nothing to bring back, and two to choose from
    popup = switch(desk).popup
    assert popup is not None
    assert drawn_on(desk) == ()
    desk.key(Qt.Key.Key_Return)
    desk.key(Qt.Key.Key_Escape)
    assert len(drawn_on(desk)) == 1
    chosen = drawn_on(desk)
    toggle(desk)
    assert drawn_on(desk) == ()
    toggle(desk)
    assert drawn_on(desk) == chosen
    desk.ask("one")
    asked = desk.conversation
    desk.window.chat.new_chat()
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"))
    assert drawn_on(desk) == chosen
    switch(desk).ticked.emit(second if chosen == (first,) else first)
    assert len(drawn_on(desk)) == 2
    desk.window.chat.open(asked)
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"))
    assert drawn_on(desk) == chosen


@pytest.mark.slow
def test_hash_offers_the_collections(citing: Desk) -> None:
    """Choosing one takes the # away and draws on it; what names none stays in the text."""
    desk = citing
    made = add_collection(desk, "Runbooks")
    add_collection(desk, "Handbook")
    desk.wait(lambda: len(desk.window.chat.knowledge._items()) == 2)
    desk.write("Look in #")
    type_on(desk, "run")
    desk.key(Qt.Key.Key_Return)
    assert desk.editor.toPlainText() == "Look in "
    assert drawn_on(desk) == (made,)
    desk.write("#")
    type_on(desk, "4x")
    assert desk.editor.toPlainText() == "Look in #4" or desk.editor.toPlainText() == "Look in #4x"
    assert drawn_on(desk) == (made,)


@pytest.mark.slow
def test_nothing_relevant_is_said_below_the_answer(citing: Desk) -> None:
    """The search found nothing: a line in the turn says so."""
    desk = citing
    add_collection(desk, "Empty")
    toggle(desk)
    shown = desk.ask("Something else entirely")
    assert shown.notice == "Nothing relevant was found in the knowledge."
    assert shown.sources == ()


# -- details -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_details_list_the_sources_of_the_chat_and_figures_of_the_reply(citing: Desk) -> None:
    """Ctrl+I shows and hides them; the button says which; a card opens its passage; what is unknown is left out."""
    desk = citing
    add_collection(desk, "Runbooks", runbook=RUNBOOK, pool=POOL)
    toggle(desk)
    inspector = desk.window.chat.inspector
    desk.window.resize(1440, 900)
    desk.key(Qt.Key.Key_I, CTRL, to=desk.window)
    assert inspector.isVisible()
    desk.wait(lambda: words_of(inspector) == {"Details", "Sources in this chat", NO_SOURCES})
    desk.ask(QUESTION)
    desk.ask(QUESTION)
    desk.wait(lambda: "Tokens in" in words_of(inspector))
    assert sorted(card.source.document for card in shown_cards(inspector)) == ["pool.md", "runbook.md"]
    assert {"First token", "Speed", "Tokens out", "Cost", "$0.00, local"} <= words_of(inspector)
    desk.window.resize(1100, 800)
    desk.wait(lambda: not inspector.isVisible())
    desk.key(Qt.Key.Key_I, CTRL, to=desk.window)
    assert inspector.isVisible()
    desk.key(Qt.Key.Key_Escape, to=desk.window)
    assert not inspector.isVisible()
    desk.window.resize(1440, 900)
    desk.wait(inspector.isVisible)
    desk.wait(lambda: shown_cards(inspector))
    shown_cards(inspector)[0].click()
    desk.wait(lambda: desk.window.pages.currentWidget() is desk.window.pages.knowledge)


def shown_cards(widget: QWidget) -> list[SourceCard]:
    return [card for card in widget.findChildren(SourceCard) if card.isVisible()]


def words_of(widget: QWidget) -> set[str]:
    return {found.text() for found in widget.findChildren(QLabel) if found.isVisible()}


# -- dropped files -----------------------------------------------------------------------------------


def drop(target: QPlainTextEdit, *paths: Path) -> None:
    """A real drag that enters the text box and is let go there."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target.viewport(), QDragEnterEvent(QPoint(5, 5), copy, data, left, none))
    QApplication.sendEvent(target.viewport(), QDropEvent(QPointF(5, 5), copy, data, left, none))


@pytest.mark.slow
def test_dropped_files_and_folders_are_added_and_drawn_on(citing: Desk, tmp_path: Path) -> None:
    """Without a collection one is made for them; Knowledge is on, a toast says where they went, text stays text."""
    desk = citing
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "pool.md").write_text(POOL, "utf-8")
    single = tmp_path / "runbook.txt"
    single.write_text(RUNBOOK, "utf-8")
    desk.write("Draft")
    drop(desk.editor, single, folder)
    desk.wait(lambda: bool(drawn_on(desk)))
    (collection,) = desk.ask_core(lambda core: core.knowledge.collections())
    assert collection.name == "Dropped files"
    assert drawn_on(desk) == (collection.id,)
    assert desk.editor.toPlainText() == "Draft"
    assert switch(desk).switch.isChecked()
    titles = [label.text() for label in desk.window.findChildren(QLabel) if label.isVisible()]
    assert "2 files added to Dropped files" in titles
    wait_ready(desk, collection.id, 2)


@pytest.mark.slow
def test_of_dropped_files_the_one_that_cannot_be_read_is_named(citing: Desk, tmp_path: Path) -> None:
    """The others are asked all the same."""
    desk = citing
    odd, good = tmp_path / "report.pdf", tmp_path / "runbook.md"
    odd.write_bytes(b"%PDF-1.7 cut off")
    good.write_text(RUNBOOK, "utf-8")
    drop(desk.editor, odd, good)

    def told() -> bool:
        shown = [label.text() for label in desk.window.findChildren(QLabel) if label.isVisible()]
        return "report.pdf could not be added" in shown

    desk.wait(told, READY_S)
    (collection,) = desk.ask_core(lambda core: core.knowledge.collections())

    def can_be_asked() -> bool:
        return desk.ask_core(lambda core: core.knowledge.collections())[0].documents == 1

    desk.wait(can_be_asked, READY_S)
    assert drawn_on(desk) == (collection.id,)
    assert desk.ask(QUESTION).sources


@pytest.mark.slow
def test_an_empty_folder_adds_nothing(citing: Desk, tmp_path: Path) -> None:
    """No collection is made for it, and Knowledge stays off."""
    desk = citing
    (tmp_path / "empty").mkdir()
    drop(desk.editor, tmp_path / "empty")

    def told() -> bool:
        shown = [label.text() for label in desk.window.findChildren(QLabel) if label.isVisible()]
        return "Nothing was added" in shown

    desk.wait(told)
    assert desk.ask_core(lambda core: core.knowledge.collections()) == []
    assert drawn_on(desk) == ()
