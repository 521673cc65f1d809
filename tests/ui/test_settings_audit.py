"""The audit log in Settings: read, filtered, checked, accepted, written out, over a real core."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from mastra_desktop.core import Core
from mastra_desktop.paths import Paths
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.panes.settings_audit import CHECK, EXPORT, LOAD, PAGE, AuditPage
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from tests.ui.live import Live, live_core
from tests.ui.test_settings_pane import pane

ACTS = (
    ("user", "key.set", "work", "done", ""),
    ("token 7f", "conversation.deleted", "Holiday", "done", ""),
    ("user", "provider.changed", "work", "failed", "no such address"),
    ("app", "config.reloaded", "", "refused", "line 3"),
)


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


def record(live: Live, *acts: tuple[str, str, str, str, str]) -> None:
    async def write(core: Core) -> None:
        for act in acts:
            core.audit.record(*act)

    live.run(live.engine.call(write))


def opened(live: Live, qtbot: QtBot) -> tuple[SettingsPane, AuditPage]:
    made = pane(live, qtbot)
    made.open("audit")
    done(live)
    return made, made.audit


def done(live: Live) -> None:
    live.settle()
    live.until(lambda: not any(live.tasks.running(key) for key in (LOAD, CHECK, EXPORT)))
    live.settle()


def actions(page: AuditPage) -> list[str]:
    return [row[2] for row in page.table.rows]


def test_an_empty_log_says_so(live: Live, qtbot: QtBot) -> None:
    """In place of the table; checking it finds nothing wrong."""
    _pane, page = opened(live, qtbot)
    assert page.filled.words == "Nothing was recorded yet"
    page.verify_button.click()
    done(live)
    assert page.result.text().startswith("0 rows, none changed or missing.")


def test_rows_and_filters(live: Live, qtbot: QtBot) -> None:
    """The newest first, with who, what, to what and how it ended; each filter leaves its own."""
    record(live, *ACTS)
    _pane, page = opened(live, qtbot)
    assert page.table.rows[1][1:] == ("user", "provider.changed", "work · no such address", "Failed")
    assert actions(page) == [act[1] for act in reversed(ACTS)]
    page.outcomes.picked.emit("failed")
    done(live)
    assert actions(page) == ["provider.changed"]
    page.actions_picker.picked.emit("key.")
    done(live)
    assert page.filled.words == "Nothing matches these filters"
    page.outcomes.picked.emit("any")
    done(live)
    assert actions(page) == ["key.set"]
    assert page.actions_picker.text() == "key"
    page.actions_picker.picked.emit("any")
    page.search.setText("HOLI")
    live.until(lambda: actions(page) == ["conversation.deleted"])
    page.search.clear()
    page.ranges.picked.emit("day")
    live.until(lambda: len(actions(page)) == len(ACTS))


@pytest.mark.slow
def test_more_than_a_page(live: Live, qtbot: QtBot) -> None:
    """The rest comes when it is asked for."""
    record(live, *(("user", "key.set", str(n), "done", "") for n in range(PAGE + 5)))
    _pane, page = opened(live, qtbot)
    assert len(page.table.rows) == PAGE
    page.more_button.click()
    live.until(lambda: len(page.table.rows) == PAGE + 5)
    done(live)
    assert page.more_button.isHidden()
    assert page.table.rows[-1][3] == "0"


def test_export(live: Live, qtbot: QtBot, tmp_path: Path) -> None:
    """Asks for a file and writes every row; a place that cannot be written is told."""
    record(live, *ACTS)
    _pane, page = opened(live, qtbot)
    page.outcomes.picked.emit("failed")
    page.export_button.click()
    dialog = page.findChild(QFileDialog, "auditExportDialog")
    assert dialog is not None
    target = tmp_path / "日志.jsonl"
    dialog.fileSelected.emit(str(target))
    dialog.reject()
    done(live)
    assert [json.loads(line)["action"] for line in target.read_text().splitlines()] == [a[1] for a in ACTS]
    assert page.result.text() == f"4 rows are in {target}."
    page.export(tmp_path / "nowhere" / "log.jsonl")
    done(live)
    assert "cannot be written: No such file" in page.result.text()


def test_verify_names_the_bad_row(live: Live, qtbot: QtBot) -> None:
    """In words, also one that was changed behind the app's back."""
    record(live, *ACTS)
    _pane, page = opened(live, qtbot)
    page.verify_button.click()
    done(live)
    assert page.result.text().startswith("4 rows, none changed or missing.")
    with closing(sqlite3.connect(live.paths.database)) as conn, conn:
        conn.execute("DROP TRIGGER audit_no_update")
        conn.execute("UPDATE audit SET target = 'other' WHERE seq = 2")
    page.verify_button.click()
    done(live)
    assert page.result.text().startswith("Row 2 was changed, or is not from here.")
    assert page.accept_button.isHidden()


@pytest.mark.slow
def test_a_gap_is_accepted_by_a_person(live: Live, qtbot: QtBot) -> None:
    """With a lasting key: rows cut off the end are told; once accepted the log says so, and is well."""

    async def unlock(core: Core) -> None:
        await core.keys.unlock("a long passphrase of words")

    live.run(live.engine.call(unlock))
    record(live, *ACTS)
    _pane, page = opened(live, qtbot)
    page.verify_button.click()
    done(live)
    assert page.result.text() == "4 rows, none changed or missing."
    with closing(sqlite3.connect(live.paths.database)) as conn, conn:
        conn.execute("DROP TRIGGER audit_no_delete")
        conn.execute("DELETE FROM audit WHERE seq > 2")
    page.verify_button.click()
    done(live)
    assert page.result.text() == "Rows 3 to 4 at the end are missing."
    page.accept_button.click()
    dialog = page.window().findChild(ConfirmDialog)
    assert dialog is not None
    dialog.accept_button.click()
    done(live)
    assert page.result.text().startswith("4 rows, none changed. Rows before row 3 are missing")
    assert "Accepted by " in page.result.text()
    assert page.accept_button.isHidden()
    assert actions(page)[:2] == ["audit.gap_accepted", "audit.gap"]
