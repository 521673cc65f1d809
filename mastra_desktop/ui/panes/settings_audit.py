"""Settings of the audit log: who did what, filtered; whether it is whole; the whole of it as a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFileDialog

from mastra_desktop.core import Core
from mastra_desktop.domain.audit import AuditEntry, AuditFilter
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.services.audit import Checked
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.audit_table import AuditTable
from mastra_desktop.ui.panes.metrics_layout import Filled
from mastra_desktop.ui.panes.parts import IconText, Panel
from mastra_desktop.ui.panes.settings_backups import when_words
from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of, row_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.figure_view import FigureView
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem
from mastra_desktop.ui.widgets.search_field import SearchField

LOAD, CHECK, EXPORT = "settings-audit", "settings-audit-verify", "settings-audit-export"
PAGE = 200  # rows at once
MOST_SHOWN = 14  # rows of the table before it scrolls
_TYPING_MS = 250
_DAY_S = 86_400.0
RANGES = {"day": _DAY_S, "week": 7 * _DAY_S, "month": 30 * _DAY_S, "all": 0.0}


class AuditPage(SettingsPage):
    """What a filter leaves is read anew; the oldest rows come with "Show more"."""

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(theme, self.tr("Audit"))
        self._icons, self._bridge, self._tasks = icons, bridge, tasks
        self._entries: list[AuditEntry] = []
        self._chosen = {"range": "all", "action": "", "outcome": ""}
        self._actions: set[str] = set()
        self._make_head()
        self._make_check()
        self._make_list()
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self.refresh)
        self.search.textChanged.connect(lambda: self._typing.start())
        self._offer()

    async def load(self) -> None:
        """The newest that the filters let through."""
        wanted = self._filter()
        found = await self._bridge.call(lambda core: core.audit.entries(wanted, limit=PAGE + 1))
        self._show(found, [])

    def refresh(self) -> None:
        self._tasks.start(self.load(), key=LOAD)

    # -- building -----------------------------------------------------------------------------------

    def _make_head(self) -> None:
        self.export_button = Button(self.tr("Export…"), self._theme, self._icons, icon="download")
        self.export_button.setObjectName("auditExport")
        self.export_button.clicked.connect(self._choose_file)
        self.head.addStretch(1)
        self.head.addWidget(self.export_button)

    def _make_check(self) -> None:
        theme, icons = self._theme, self._icons
        self.verify_button = Button(self.tr("Verify"), theme, icons, icon="shield-check")
        self.verify_button.setObjectName("auditVerify")
        self.verify_button.clicked.connect(lambda: self._tasks.start(self._check(), key=CHECK))
        self.accept_button = Button(self.tr("Accept the gap…"), theme, icons)
        self.accept_button.setObjectName("auditAccept")
        self.accept_button.clicked.connect(self._ask_accept)
        self.accept_button.hide()
        self.result = IconText("", "", theme, icons, wrap=True)
        self.result.setObjectName("auditResult")
        self.result.hide()
        self.add_row(
            self.tr("Chain"),
            self.tr("Each row is signed with the one before it, under a key that is not in the database"),
            column_of(row_of(self.verify_button, self.accept_button), self.result),
        )

    def _make_list(self) -> None:
        theme, icons = self._theme, self._icons
        self.ranges = PickerButton(self.tr("Time"), theme, icons, "clock", list_width=180)
        self.actions_picker = PickerButton(self.tr("Action"), theme, icons, "funnel", list_width=220)
        self.outcomes = PickerButton(self.tr("Outcome"), theme, icons, "list-checks", list_width=180)
        self.ranges.picked.connect(lambda choice: self._choose("range", choice))
        self.actions_picker.picked.connect(lambda choice: self._choose("action", choice))
        self.outcomes.picked.connect(lambda choice: self._choose("outcome", choice))
        self.search = SearchField(self.tr("Search in the log"), theme, icons)
        self.search.setObjectName("auditSearch")
        self.search.setMinimumWidth(200)
        filters = row_of(self.ranges, self.actions_picker, self.outcomes, self.search, stretch=3)
        filters.setContentsMargins(0, 14, 0, 10)
        self.table = AuditTable(self)
        self.view = FigureView(self.tr("Audit log"), theme, stretch=3, most_rows=MOST_SHOWN)
        self.view.setObjectName("auditTable")
        self.view.setModel(self.table)
        self.filled = Filled(self.view, self.tr("Nothing was recorded yet"))
        panel = Panel(theme, radius=8, padding=(1, 1))
        panel.column.addWidget(self.filled)
        self.more_button = Button(self.tr("Show more"), theme, icons, "quiet")
        self.more_button.setObjectName("auditMore")
        self.more_button.clicked.connect(lambda: self._tasks.start(self._load_more(), key=LOAD))
        self.more_button.hide()
        self.body.addWidget(filters)
        self.body.addWidget(panel)
        self.body.addWidget(row_of(self.more_button))

    # -- filters ------------------------------------------------------------------------------------

    def _filter(self) -> AuditFilter:
        range_s = RANGES[self._chosen["range"]]
        return AuditFilter(
            since=time.time() - range_s if range_s else None,
            action=self._chosen["action"],
            outcome=self._chosen["outcome"],
            text=self.search.text().strip(),
        )

    def _choose(self, which: str, choice: str) -> None:
        self._chosen[which] = choice if choice != "any" else ""
        self._offer()
        self.refresh()

    def _offer(self) -> None:
        """The choices of the three lists. Actions are offered by what they are done to: "key", "provider"."""
        tr = self.tr
        ranges = (
            ("all", tr("All time")),
            ("day", tr("Last 24 hours")),
            ("week", tr("Last 7 days")),
            ("month", tr("Last 30 days")),
        )
        outcomes = [(kind, self.table.outcome_words(kind)) for kind in ("done", "failed", "refused")]
        actions = [(kind, kind.removesuffix(".")) for kind in sorted(self._actions)]
        for picker, which, choices in (
            (self.ranges, "range", list(ranges)),
            (self.actions_picker, "action", [("any", tr("Any action")), *actions]),
            (self.outcomes, "outcome", [("any", tr("Any outcome")), *outcomes]),
        ):
            chosen = self._chosen[which] or "any"
            picker.set_items([PopupItem(id, title, checked=id == chosen) for id, title in choices])

    # -- the list -----------------------------------------------------------------------------------

    async def _load_more(self) -> None:
        shown, wanted = self._entries, self._filter()
        before = shown[-1].seq
        found = await self._bridge.call(
            lambda core: core.audit.entries(wanted, limit=PAGE + 1, before_seq=before)
        )
        self._show(found, shown)

    def _show(self, found: Sequence[AuditEntry], above: Sequence[AuditEntry]) -> None:
        """`found` may hold one more than a page: then there is more."""
        self._entries = [*above, *found[:PAGE]]
        self.table.show_entries(self._entries)
        self.more_button.setVisible(len(found) > PAGE)
        filtered = self._filter() != AuditFilter()
        words = self.tr("Nothing matches these filters") if filtered else self.tr("Nothing was recorded yet")
        self.filled.set_words(words)
        self.filled.set_filled(bool(self._entries))
        kinds = {f"{entry.action.partition('.')[0]}." for entry in self._entries}
        if not kinds <= self._actions:
            self._actions |= kinds
            self._offer()

    # -- checking -----------------------------------------------------------------------------------

    async def _check(self) -> None:
        self.verify_button.set_loading(True)
        try:
            self._tell(await self._bridge.call(lambda core: core.audit.verify()))
        except MastraError as error:
            self._tell_trouble(error)
        finally:
            self.verify_button.set_loading(False)

    def _ask_accept(self) -> None:
        dialog = ConfirmDialog(
            self.window(),
            self._theme,
            self._icons,
            self.tr("Accept that rows are missing?"),
            self.tr(
                "Do so if you know why, for example a restore over a damaged database. The log keeps that "
                "you did; rows that go missing later are told all the same."
            ),
            self.tr("Accept"),
            self.tr("Cancel"),
        )
        dialog.accepted.connect(lambda: self._tasks.start(self._accept(), key=CHECK))
        dialog.open()

    async def _accept(self) -> None:
        try:
            self._tell(await self._bridge.call(lambda core: core.audit.accept_gaps()))
        except MastraError as error:
            self._tell_trouble(error)
        await self.load()

    def _tell(self, checked: Checked) -> None:
        found = checked.verdict
        words = [found.problem] if found.problem else []
        accepted = [(gap, gap.accepted) for gap in found.gaps if gap.accepted is not None]
        if found.ok and accepted:
            words.append(self.tr("{n} rows, none changed.").format(n=f"{found.rows:,}"))
        elif found.ok:
            words.append(self.tr("{n} rows, none changed or missing.").format(n=f"{found.rows:,}"))
        for gap, by in accepted:
            said = self.tr("{problem} Accepted {who} on {when}.")
            words.append(said.format(problem=_sentence(gap.problem), who=by.detail, when=when_words(by.at)))
        if found.unknown:
            said = self.tr("{n} rows were signed with a key that is not here: not checked.")
            words.append(said.format(n=f"{found.unknown:,}"))
        if not checked.lasting:
            words.append(self.tr("There is no keyring: only rows of this run can be checked."))
        icon = "circle-check" if found.ok else "circle-alert"
        self.result.set(icon, " ".join(words), "success" if found.ok else "danger")
        self.result.show()
        self.accept_button.setVisible(found.acceptable and checked.lasting)

    def _tell_trouble(self, error: MastraError) -> None:
        self.result.set("circle-alert", f"{error.message} {error.hint}".strip(), "danger")
        self.result.show()

    # -- export -------------------------------------------------------------------------------------

    def _choose_file(self) -> None:
        name = str(Path.home() / "audit.jsonl")
        dialog = QFileDialog(self, self.tr("Export the audit log"), name, self.tr("Lines of JSON (*.jsonl)"))
        dialog.setObjectName("auditExportDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.export(Path(path)))
        dialog.open()

    def export(self, path: Path) -> None:
        """Every row, whatever is filtered."""
        self._tasks.start(self._export(path), key=EXPORT)

    async def _export(self, path: Path) -> None:
        async def write(core: Core) -> int:
            return await core.audit.export(path)

        self.export_button.set_loading(True)
        try:
            count = await self._bridge.call(write)
        except OSError as error:
            words = self.tr("{path} cannot be written: {why}").format(path=path, why=error.strerror or error)
            self.result.set("circle-alert", words, "danger")
        except MastraError as error:
            self._tell_trouble(error)
        else:
            words = self.tr("{n} rows are in {path}.").format(n=f"{count:,}", path=path)
            self.result.set("circle-check", words, "success")
        finally:
            self.export_button.set_loading(False)
        self.result.show()


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
