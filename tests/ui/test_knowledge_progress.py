"""What "6 of 12 files" counts, and how long the rest is said to take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.paths import Paths
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.knowledge_batches import Batches
from mastra_desktop.ui.panes.knowledge_progress import ProgressSummary
from mastra_desktop.ui.panes.knowledge_words import duration_text, split_urls
from mastra_desktop.ui.theme import ThemeController

STATE = DocumentState


def document(number: int, state: DocumentState, collection: str = "c", **counts: int) -> Document:
    made = Document(f"d{number}", collection, f"{number}.pdf", f"/{number}.pdf", state, size_bytes=1000)
    return replace(made, **counts)  # type: ignore[arg-type]


def test_a_batch_lasts_until_nothing_of_it_is_unfinished() -> None:
    """Documents that were ready before it do not count; failed ones end it too; collections are apart."""
    batches = Batches()
    batches.take([document(1, STATE.READY), document(2, STATE.QUEUED), document(9, STATE.QUEUED, "other")])
    assert [d.id for d in batches.of("c")] == ["d2"]
    batches.take([document(3, STATE.READING)])
    assert batches.take([document(2, STATE.READY)]) == []
    assert len(batches.of("c")) == 2
    ended = batches.take([document(3, STATE.FAILED)])
    assert [[d.id for d in batch] for batch in ended] == [["d2", "d3"]]
    assert batches.of("c") == []
    assert len(batches.of("other")) == 1


def test_removed_documents_leave_their_batch() -> None:
    """The last one ends it."""
    batches = Batches()
    batches.take([document(1, STATE.QUEUED), document(2, STATE.QUEUED)])
    batches.forget(["d1"])
    assert [d.id for d in batches.of("c")] == ["d2"]
    batches.forget_missing("c", [])
    assert batches.of("c") == []


@pytest.fixture
def summary(qtbot: QtBot, home: Paths) -> ProgressSummary:
    theme = ThemeController(home.resources)
    made = ProgressSummary(theme, Icons(theme))
    qtbot.addWidget(made)
    return made


def shown(summary: ProgressSummary) -> list[str]:
    return [label.text() for label in summary.findChildren(QLabel) if not label.isHidden() and label.text()]


def test_the_summary_counts_by_state(summary: ProgressSummary) -> None:
    """And says the same in one line for the status bar."""
    batch = [
        *(document(n, STATE.READY, passages=10) for n in range(6)),
        *(document(n, STATE.EMBEDDING, done=1, of=10) for n in range(6, 9)),
        *(document(n, STATE.QUEUED) for n in range(9, 11)),
        document(11, STATE.FAILED),
    ]
    assert summary.show_batch(batch, False, 1.0, 0.0) == "6 of 12 files added"
    texts = shown(summary)
    assert texts[:5] == ["Adding 12 files", "6 ready", "3 in progress", "2 queued", "1 failed"]
    assert texts[5] == "less than a minute left"  # 27 to embed and 20 to expect, at one a second
    assert summary.show_batch(batch, True, 1.0, 1.0)
    assert shown(summary)[0] == "Paused"
    assert [button.text() for button in summary.findChildren(QPushButton)] == ["Resume"]
    assert summary.show_batch([], False, 1.0, 2.0) == ""
    assert summary.isHidden()


def test_the_time_left_goes_by_the_pace_that_is_seen(summary: ProgressSummary) -> None:
    """Ten passages in ten seconds: 600 more take ten minutes, whatever the embedder promised."""
    for second in range(11):
        summary.show_batch([document(1, STATE.EMBEDDING, done=second, of=610)], False, 100.0, float(second))
    assert shown(summary)[-1] == "about 10 min left"


def test_without_anything_read_no_time_is_made_up(summary: ProgressSummary) -> None:
    """How many passages a file has is not known before it is read."""
    summary.show_batch([document(1, STATE.QUEUED)], False, 3.0, 0.0)
    assert shown(summary) == ["Adding 1 file", "1 queued"]


def test_durations_are_rounded_up() -> None:
    """In words a person says."""
    assert [duration_text(s) for s in (5, 61, 3540, 4800, 36_000)] == [
        "less than a minute",
        "about 2 min",
        "about 59 min",
        "about 1 h 20 min",
        "about 10 h",
    ]


def test_what_is_dropped_is_files_or_addresses() -> None:
    """Everything else is left alone."""
    from PySide6.QtCore import QUrl

    paths, addresses = split_urls(
        [QUrl.fromLocalFile("/a/b.pdf"), QUrl("https://example.com/x"), QUrl("ftp://example.com/y")]
    )
    assert [str(path) for path in paths] == ["/a/b.pdf"]
    assert addresses == ["https://example.com/x"]
