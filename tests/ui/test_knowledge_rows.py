"""The item models of knowledge: documents, collections, and passages as rows."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from PySide6.QtWidgets import QApplication

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Collection, Document, DocumentState, Passage, PassageHit
from mastra_desktop.ui.item_models.collection_rows import CollectionRows
from mastra_desktop.ui.item_models.document_kinds import kind_of, size_text
from mastra_desktop.ui.item_models.document_table import DocumentTableModel
from mastra_desktop.ui.item_models.hit_rows import HitRows, snippet
from mastra_desktop.ui.knowledge_roles import DocumentColumn, DocumentRole, HitRole
from mastra_desktop.ui.row_roles import RowRole

NOW = 1_800_000_000.0
STATUS = DocumentColumn.STATUS


def document(number: int, state: DocumentState = DocumentState.READY, **more: object) -> Document:
    made = Document(f"d{number}", "c", f"file-{number:05}.pdf", f"/docs/file-{number:05}.pdf", state)
    return replace(made, added_at=NOW + number, **more)  # type: ignore[arg-type]


def words(model: DocumentTableModel, row: int, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return model.index(row, STATUS).data(role)


def ids(model: QAbstractItemModel) -> list[object]:
    return [model.index(row, 0).data(DocumentRole.ID) for row in range(model.rowCount())]


@pytest.fixture
def model(qapp: QApplication) -> DocumentTableModel:
    made = DocumentTableModel()
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    assert tester.model() is made
    return made


def test_a_state_is_told_in_words_and_percent(model: DocumentTableModel) -> None:
    """Counts come from done and of; a failure names its reason and offers Retry."""
    states = DocumentState
    why = ErrorInfo("knowledge", "The scan has no text.", "OCR is not installed.")
    model.show_documents(
        [
            document(9, states.EMBEDDING, done=118, of=184, passages=184),
            document(8, states.READING, done=41, of=96),
            document(7, states.FAILED, error=why),
            document(6, states.QUEUED),
            document(5, states.QUEUED),
            document(4, states.READY, passages=1214),
            document(3, states.EMBEDDING, done=0, of=20),
        ],
        NOW,
    )
    assert [words(model, row) for row in range(7)] == [
        "Embedding 118 of 184",
        "Reading page 41 of 96",
        "Failed",
        "Queued, next",
        "Queued",
        "Ready",
        "Words ready, meaning waits",
    ]
    percents = [words(model, row, DocumentRole.PERCENT) for row in range(7)]
    assert percents == [64, 42, None, None, None, None, None]
    assert "words can be searched already" in str(words(model, 0, Qt.ItemDataRole.ToolTipRole))
    assert words(model, 2, DocumentRole.NOTE) == "The scan has no text."
    assert [words(model, row, DocumentRole.RETRY) for row in (2, 3)] == [True, False]
    assert words(model, 2, Qt.ItemDataRole.AccessibleTextRole) == "Failed, The scan has no text."
    assert model.index(5, DocumentColumn.PASSAGES).data() == "1,214"
    model.set_paused(True)
    assert words(model, 3) == "Paused"
    assert words(model, 0, DocumentRole.BUSY) is False


def test_the_first_of_the_last_drop_is_next(model: DocumentTableModel) -> None:
    """Files of one drop are read in their order; a later drop goes before an earlier one."""
    model.show_documents(
        [
            replace(document(n, DocumentState.QUEUED), added_at=NOW + seconds)
            for n, seconds in ((5, 60.2), (4, 60.1), (3, 60.1), (2, 0.1), (1, 0.0))
        ],
        NOW,
    )
    assert [words(model, row) for row in range(5)] == ["Queued", "Queued", "Queued, next", "Queued", "Queued"]


def test_a_change_tells_its_rows_only(model: DocumentTableModel) -> None:
    """Nothing is reset, no other row is told of, and the row stays where it is."""
    model.show_documents([document(n) for n in range(100)], NOW)
    resets, changes = QSignalSpy(model.modelReset), QSignalSpy(model.dataChanged)
    before = ids(model)
    model.apply([replace(document(40), state=DocumentState.EMBEDDING, done=3, of=9)], NOW)
    assert resets.count() == 0
    assert changes.count() == 1
    first, last = changes.at(0)[0], changes.at(0)[1]
    assert first.row() == last.row() == before.index("d40")
    assert ids(model) == before


def test_new_documents_come_in_at_their_place(model: DocumentTableModel) -> None:
    """The newest on top, in one insertion; of one drop, the last file stands first."""
    model.show_documents([document(n) for n in range(5)], NOW)
    inserted, resets = QSignalSpy(model.rowsInserted), QSignalSpy(model.modelReset)
    same = [replace(document(n), added_at=NOW + 50) for n in (20, 21, 22)]
    model.apply(same, NOW)
    assert (inserted.count(), resets.count()) == (1, 0)
    assert ids(model)[:4] == ["d22", "d21", "d20", "d4"]


def test_the_older_version_goes_when_the_new_one_is_ready(model: DocumentTableModel) -> None:
    """Until then both have a row."""
    old, new = document(1), document(2, DocumentState.READING, replaces="d1")
    model.show_documents([old], NOW)
    model.apply([new], NOW)
    assert ids(model) == ["d2", "d1"]
    model.apply([replace(new, state=DocumentState.READY)], NOW)
    assert ids(model) == ["d2"]


def test_sorting_keeps_what_is_chosen(model: DocumentTableModel) -> None:
    """An index that is held follows its document."""
    from PySide6.QtCore import QPersistentModelIndex

    model.show_documents([document(n, passages=(n * 7) % 10) for n in range(10)], NOW)
    held = QPersistentModelIndex(model.index(model.row_of("d3"), 0))
    model.sort(DocumentColumn.NAME)
    assert ids(model) == [f"d{n}" for n in range(10)]
    model.sort(DocumentColumn.PASSAGES, Qt.SortOrder.DescendingOrder)
    assert ids(model)[0] == "d7"
    assert held.row() == model.row_of("d3")


def test_ten_thousand_documents_stay_quick(qapp: QApplication) -> None:
    """Showing them and taking over changes costs no frame."""
    model = DocumentTableModel()
    many = [document(n) for n in range(10_000)]
    start = time.perf_counter()
    model.show_documents(many, NOW)
    shown = time.perf_counter()
    for n in range(0, 10_000, 100):
        model.apply([replace(many[n], state=DocumentState.EMBEDDING, done=1, of=2)], NOW)
    changed = time.perf_counter()
    assert shown - start < 0.5
    assert (changed - shown) / 100 < 0.02  # seconds per batch; 16 ms are a frame, a busy machine gets 20


def test_collections_say_what_happens_before_their_counts(qapp: QApplication) -> None:
    """A spinner while adding, a warning when some failed, a folder when watched."""
    rows = CollectionRows()
    rows.show_collections(
        [
            Collection("1", "Runbooks", "credit-card", adding=12, failed=1),
            Collection("2", "Policies", "users", documents=64, passages=1208),
            Collection("3", "Network", "network", documents=1, passages=1, failed=2),
            Collection("4", "~/Notes", watched="/home/me/Notes", documents=306),
            Collection("5", "Held", adding=3, paused=True),
            Collection("6", "New"),
        ]
    )

    def column(role: int) -> list[object]:
        return [rows.index(row).data(role) for row in range(rows.rowCount())]

    assert column(RowRole.NOTE) == [
        "Adding 12 files",
        "64 files · 1,208 passages",
        "1 file · 1 passage",
        "Watched · 306 files",
        "Paused, 3 files left",
        "Empty",
    ]
    assert column(RowRole.BUSY) == [True, False, False, False, False, False]
    assert column(RowRole.SIGN) == ["triangle-alert", None, "triangle-alert", None, "pause", None]
    assert rows.index(3).data(RowRole.ICON) == "folder-sync"
    rows.show_collections([Collection("2", "Policies"), Collection("6", "New")], "poli")
    assert column(Qt.ItemDataRole.DisplayRole) == ["Policies"]


def test_a_hit_tells_where_it_is_and_what_found_it(qapp: QApplication) -> None:
    """For the eye by roles, for a screen reader in one line."""
    passage = Passage(7, "d1", "c", 51, 0, 30, "Take the ledger lock first.", page=14)
    hit = PassageHit(1, 0.91, passage, document(1), "Runbooks", meaning=0.88, marks=((9, 20),))
    rows = HitRows()
    rows.show_hits([hit])
    index = rows.index(0)
    assert index.data(HitRole.PLACE) == "page 14"
    assert index.data(HitRole.MARKS) == [(9, 11)]
    spoken = str(index.data(Qt.ItemDataRole.AccessibleTextRole))
    assert spoken.startswith("1, file-00001.pdf, page 14, score 0.91, Found by meaning")


def test_a_snippet_begins_near_the_first_mark() -> None:
    """White space becomes one space, marks move along, letters of four bytes count as Qt counts them."""
    text = "word " * 60 + "the 🦀 ledger\n\n   lock holds. " + "tail " * 60
    start = text.index("ledger")
    line, marks = snippet(text, ((start, start + 6), (text.index("lock"), text.index("lock") + 4)))
    assert line.startswith("…word")
    assert "\n" not in line
    assert "  " not in line
    units = line.encode("utf-16-le")
    assert [units[2 * s : 2 * (s + n)].decode("utf-16-le") for s, n in marks] == ["ledger", "lock"]
    assert snippet("short", ()) == ("short", [])


def test_kinds_and_sizes_are_named() -> None:
    """By suffix; what came from an address is a web page."""
    assert kind_of("a.PDF").name == "PDF"
    assert kind_of("about", "https://example.com/about").name == "Web page"
    assert [size_text(n) for n in (0, 640_000, 1_800_000, 999_600)] == [
        "0 bytes",
        "640 KB",
        "1.8 MB",
        "1.0 MB",
    ]
