"""Citations in the transcript: chips, the card over them, the sources below an answer, unbacked sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from mastra_desktop.domain.knowledge import Source
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.markdown_inline import CITATION, InlineReader
from mastra_desktop.ui.panes.sources import source_views
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.transcript import Transcript, TurnView
from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_sources import excerpt
from mastra_desktop.ui.widgets.transcript_view import SourceView
from tests.ui.kit import RESOURCES

SOURCES = (
    SourceView(
        1,
        "lab.pdf",
        "Page 3 · match 0.91",
        "Samples are kept at 4 °C.",
        "Source 1: lab.pdf, page 3",
        cited=True,
    ),
    SourceView(2, "notes.md", "match 0.40", "Doors open at eight.", "Source 2: notes.md"),
)
TEXT = (
    "Kept cold [1] in the `box[1]`.\n\n- Doors at eight [2][1], not [3]\n\n| a | b |\n|-|-|\n| x [2] | y |\n\n"
    "```\nlist[1]\n```\n\nThe moon is made of cheese."
)


def answer(text: str = TEXT, **more: object) -> TurnView:
    return TurnView("a", "assistant", text, author="Model", sources=SOURCES, **more)  # type: ignore[arg-type]


@pytest.fixture
def view(qtbot: QtBot) -> Transcript:
    theme = ThemeController(RESOURCES, mode="dark")
    theme.load_fonts()
    transcript = Transcript(theme, Icons(theme))
    qtbot.addWidget(transcript)
    transcript.resize(800, 600)
    transcript.show()
    QTest.qWaitForWindowActive(transcript)
    return transcript


def areas(view: Transcript, *kinds: str) -> list[Hot]:
    return [hot for hot in view.turns.turn(0).hot_areas(links=True) if hot.kind in kinds]


def middle(view: Transcript, hot: Hot) -> QPoint:
    return hot.rect.center() + QPoint(view.column().left(), view.turns.top_of(0) - view.scroll_y)


# -- in the text -------------------------------------------------------------------------------------


def test_only_numbers_of_sources_outside_of_code_and_links_are_citations() -> None:
    """`[1]` in code, an escaped one, a link and a number without a source stay text."""
    spans = InlineReader(2).spans(r"a [1][2] `b[1]` \[1\] [1](http://x) [3] **c [2]**")
    assert [span.text for span in spans if span.style & CITATION] == ["[1]", "[2]", "[2]"]
    assert not any(span.style & CITATION for span in InlineReader().spans("a [1]"))


def test_chips_stand_in_paragraphs_lists_and_tables(view: Transcript) -> None:
    """Each citation of a source is a chip 17 high, named after its source; code has none."""
    view.set_turns([answer()])
    chips = areas(view, "cite")
    assert [chip.label for chip in chips] == [SOURCES[n - 1].label for n in (1, 2, 1, 2)]
    assert {(chip.rect.width(), chip.rect.height()) for chip in chips} == {(17, 17)}


def test_an_answer_in_pieces_shows_the_same_chips(view: Transcript, qtbot: QtBot) -> None:
    """Streaming letter by letter ends with the chips of the whole text, and shows them on the way."""
    view.set_turns([answer()])
    whole = [(chip.rect, chip.id) for chip in areas(view, "cite")]
    view.set_turns([answer("", streaming=True)])
    for letter in TEXT:
        view.append_text("a", letter)
    qtbot.waitUntil(lambda: len(areas(view, "cite")) == len(whole))
    assert [(chip.rect, chip.id) for chip in areas(view, "cite")] == whole


def test_chips_come_when_the_sources_do(view: Transcript) -> None:
    """A continued answer has its text before its sources; the chips follow."""
    view.set_turns([replace(answer(), sources=())])
    assert areas(view, "cite") == []
    view.update_turn(answer())
    assert len(areas(view, "cite")) == 4


def test_copies_keep_the_numbers(view: Transcript) -> None:
    """As text and as Markdown."""
    view.set_turns([answer()])
    view.select_all()
    assert "Kept cold [1] in the box[1]." in view.selected_text()
    assert "- Doors at eight [2][1], not [3]" in view.selected_text(True)


def test_a_click_and_enter_open_the_source(view: Transcript, qtbot: QtBot) -> None:
    """The chip tells which answer's source it is."""
    view.set_turns([answer()])
    with qtbot.waitSignal(view.source_activated) as opened:
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle(view, areas(view, "cite")[1]))
    assert opened.args == ["a", 2]
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focusNextPrevChild(True)
    with qtbot.waitSignal(view.source_activated) as opened:
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert opened.args == ["a", 1]


def test_pointing_at_a_chip_shows_its_passage_and_leaving_takes_it_away(
    view: Transcript, qtbot: QtBot
) -> None:
    """The card is 344 wide, stays while the pointer is on it, and its button opens the source."""
    view.set_turns([answer()])
    QTest.mouseMove(view.viewport(), middle(view, areas(view, "cite")[0]))
    qtbot.waitUntil(lambda: view.hover.card is not None)
    card = view.hover.card
    assert card is not None
    assert card.width() == 344
    assert card.accessibleName() == "Source 1: lab.pdf, page 3"
    assert card.accessibleDescription() == SOURCES[0].text
    QTest.mouseMove(view.viewport(), QPoint(400, 590))
    qtbot.waitUntil(lambda: view.hover.card is None)
    QTest.mouseMove(view.viewport(), middle(view, areas(view, "cite")[0]))
    qtbot.waitUntil(lambda: view.hover.card is not None)
    with qtbot.waitSignal(view.source_activated) as opened:
        card = view.hover.card
        assert card is not None
        card.click()
    assert opened.args == ["a", 1]
    assert view.hover.card is None


def test_the_keyboard_on_a_chip_shows_its_passage(view: Transcript) -> None:
    """At once; where the focus leaves the transcript the card goes."""
    view.set_turns([answer()])
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focusNextPrevChild(True)
    assert view.hover.card is not None
    assert view.hover.card.source.n == 1
    view.focusNextPrevChild(True)
    assert view.hover.card.source.n == 2
    view.set_turns([])
    assert view.hover.card is None


def test_a_passage_goes_with_its_page(view: Transcript) -> None:
    """Another page takes the transcript's place while a passage is shown: it does not lie on top of that."""
    view.set_turns([answer()])
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    view.focusNextPrevChild(True)
    assert view.hover.card is not None
    view.hide()
    assert view.hover.card is None


def test_screen_readers_hear_the_source_of_a_chip(view: Transcript) -> None:
    """Chips are links in the turn, named after document and place."""
    view.set_turns([answer()])
    turn = QAccessible.queryAccessibleInterface(view).child(0)
    found = [turn.child(index) for index in range(turn.childCount())]
    names = [child.text(QAccessible.Text.Name) for child in found if child.role() == QAccessible.Role.Link]
    assert names[0] == "Source 1: lab.pdf, page 3"


# -- below the text ----------------------------------------------------------------------------------


def test_sources_open_below_the_answer(view: Transcript, qtbot: QtBot) -> None:
    """One row that unfolds to the sources, each of which opens; it is not there while the answer is written."""
    view.set_turns([answer(streaming=True)])
    assert areas(view, "sources") == []
    view.update_turn(answer())
    (row,) = areas(view, "sources")
    assert row.label == "1 source, 1 more found"
    height = view.turns.heights[0]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle(view, row))
    assert view.turns.heights[0] > height + 100
    assert view.following  # all of it shows
    cards = areas(view, "source")
    assert [card.label for card in cards] == [source.label for source in SOURCES]
    with qtbot.waitSignal(view.source_activated) as opened:
        view.press.trigger(0, cards[1])
    assert opened.args == ["a", 2]
    view.press.trigger(0, areas(view, "sources")[0])
    assert view.turns.heights[0] == height


def test_a_notice_takes_one_line(view: Transcript) -> None:
    """What a search had to do without stands below the text, also of a running answer."""
    view.set_turns([replace(answer(streaming=True), notice="")])
    height = view.turns.heights[0]
    view.update_turn(replace(answer(streaming=True), notice="This search goes by words only."))
    assert 20 <= view.turns.heights[0] - height <= 30


def test_a_sentence_without_a_source_is_underlined_and_says_so(view: Transcript) -> None:
    """Dots under the sentence alone; the tooltip tells why."""
    view.set_turns([answer()])
    plain = view.grab().toImage()
    start = TEXT.index("The moon")
    view.update_turn(answer(unsupported=((start, len(TEXT)),)))
    marked = view.grab().toImage()
    turn = view.turns.turn(0)
    rows = {
        y
        for y in range(plain.height())
        if any(plain.pixel(x, y) != marked.pixel(x, y) for x in range(0, plain.width(), 2))
    }
    bottom = turn.body_bottom + view.turns.top_of(0) - view.scroll_y
    assert rows
    assert all(bottom - 10 < y < bottom for y in rows)
    piece = len(turn.body.pieces) - 1
    y = turn.body_top + turn.body.top_of(piece) + 8
    assert turn.doubtful_at(turn.body_left + 20, y)
    assert not turn.doubtful_at(turn.body_left + 20, turn.body_top + 8)
    at = QPoint(turn.body_left + 20 + view.column().left(), y + view.turns.top_of(0) - view.scroll_y)
    QTest.mouseMove(view.viewport(), at)
    assert view.pointer.tip() == "No source given for this sentence"


# -- from domain to view -----------------------------------------------------------------------------


def source(n: int, text: str = "", **more: object) -> Source:
    return Source(n, "Manuals", f"{n}.pdf", f"d{n}", n, None, 0, len(text), text, 0.5, **more)  # type: ignore[arg-type]


def test_cited_sources_come_first_with_the_question_marked() -> None:
    """Whatever the ending of a word; small words are not marked. A page or heading says where it is."""
    views = source_views(
        [
            source(1, "Nothing here."),
            source(2, "## Storage\n\nStored cold, 样品储存 at four.", cited=True, heading=("Storage",)),
        ],
        "How are samples stored? 样品",
    )
    assert [view.n for view in views] == [2, 1]
    assert views[0].note == "Storage · match 0.50"
    assert views[0].label == "Source 2: 2.pdf, Storage"
    assert [views[0].text[a:b] for a, b in views[0].marks] == ["Stored", "样品"]
    assert views[1].marks == ()


def test_an_excerpt_begins_near_the_first_mark() -> None:
    """A long passage is cut at words, with its marks in Qt's positions."""
    text = "lead " * 60 + "😀 needle " + "rest " * 60
    at = text.index("needle")
    view = SourceView(1, "d", "", text, "", ((at, at + 6),))
    shown, marks = excerpt(view, 170)
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) <= 172
    units = shown.encode("utf-16-le")
    assert [units[2 * a : 2 * b].decode("utf-16-le") for a, b in marks] == ["needle"]
