"""Backups in Settings: which there are, taking one, going back to one; and looking through the database."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.store.backups import Backup
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.panes.settings_page import column_of, row_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button

SHOWN = 8
TASK = "settings-backups"


class BackupList(QWidget):
    """The newest backups. `restore_wanted` once the person said yes."""

    restore_wanted = Signal(object)  # the backup's path

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self.on_server = False
        self.make_button = Button(self.tr("Back up now"), theme, icons, icon="archive")
        self.make_button.setObjectName("backUpButton")
        self.make_button.clicked.connect(lambda: tasks.start(self._make(), key=TASK))
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        self._lines = QVBoxLayout()
        self._lines.setSpacing(4)
        lines = QWidget()
        lines.setLayout(self._lines)
        self._lines.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(row_of(self.make_button))
        column.addWidget(self._trouble)
        column.addWidget(lines)

    async def load(self) -> None:
        self._show(await self._bridge.call(lambda core: core.backups.all()))

    async def _make(self) -> None:
        self._trouble.hide()
        self.make_button.set_loading(True)
        try:
            await self._bridge.call(lambda core: core.backups.make())
            await self.load()
        except MastraError as error:
            self._trouble.setText(f"{error.message} {error.hint}".strip())
            self._trouble.show()
        finally:
            self.make_button.set_loading(False)

    def _show(self, found: list[Backup]) -> None:
        while (item := self._lines.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for backup in found[:SHOWN]:
            self._lines.addWidget(self._line(backup))
        if len(found) > SHOWN:
            more = self.tr("and {n} older ones in the folder “backups”").format(n=len(found) - SHOWN)
            self._lines.addWidget(label(more, "hint", wrap=True))
        if not found:
            self._lines.addWidget(label(self.tr("None yet."), "hint"))

    def _line(self, backup: Backup) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        when = when_words(backup.taken_at)
        size = QLocale().formattedDataSize(backup.size_bytes)
        words = column_of(
            label(when, "strong"), label(f"{kind_words(backup.kind)} · {size}", "hint"), spacing=1
        )
        button = Button(self.tr("Restore…"), self._theme, self._icons, "quiet", icon="history")
        button.setAccessibleName(self.tr("Restore the backup of {when}").format(when=when))
        button.clicked.connect(lambda: self._ask(backup, when))
        row.addWidget(words, 1)
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        return made

    def _ask(self, backup: Backup, when: str) -> None:
        words = self.tr(
            "Chats and documents become as they were then. What is there now is backed up first. "
            "Answers that are being written are stopped."
        )
        if self.on_server:
            shared = self.tr(
                "That holds for everybody who works on this database; all others have to close it."
            )
            words = f"{words} {shared}"
        dialog = ConfirmDialog(
            self.window(),
            self._theme,
            self._icons,
            self.tr("Restore the backup of {when}?").format(when=when),
            words,
            self.tr("Restore"),
            self.tr("Cancel"),
        )
        dialog.accepted.connect(lambda: self.restore_wanted.emit(backup.path))
        dialog.open()


class DatabaseCheck(QWidget):
    """Looks through the whole database when asked to. `rescue_wanted`: it is damaged, and to be rescued."""

    rescue_wanted = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._bridge = bridge
        self.check_button = Button(self.tr("Check the database"), theme, icons, icon="list-checks")
        self.check_button.setObjectName("checkDatabaseButton")
        self.check_button.clicked.connect(lambda: tasks.start(self._check(), key="settings-check-database"))
        self.rescue_button = Button(self.tr("Rescue what can be read"), theme, icons)
        self.rescue_button.setObjectName("rescueButton")
        self.rescue_button.clicked.connect(self.rescue_wanted)
        self.rescue_button.hide()
        self.result = IconText("", "", theme, icons, wrap=True)
        self.result.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(row_of(self.check_button, self.rescue_button))
        column.addWidget(self.result)

    async def _check(self) -> None:
        self.check_button.set_loading(True)
        try:
            found = await self._bridge.call(lambda core: core.backups.check())
        except MastraError as error:
            self._tell("circle-alert", error.message, damaged=True)
            return
        finally:
            self.check_button.set_loading(False)
        if found.problem:
            words = self.tr("It is damaged. Restore a backup, or rescue what can be read. ({problem})")
            self._tell("circle-alert", words.format(problem=found.problem), damaged=True)
        else:
            words = self.tr("No damage found ({seconds} s).")
            self._tell("circle-check", words.format(seconds=f"{found.took_s:.1f}"), damaged=False)

    def _tell(self, icon: str, words: str, *, damaged: bool) -> None:
        self.result.set(icon, words, "danger" if damaged else "success")
        self.result.show()
        self.rescue_button.setVisible(damaged)


def when_words(seconds: float) -> str:
    """As "21 Nov, 10:40", with the year where it is another one."""
    at = QDateTime.fromSecsSinceEpoch(int(seconds))
    this_year = at.date().year() == QDateTime.currentDateTime().date().year()
    return QLocale().toString(at, "d MMM, HH:mm" if this_year else "d MMM yyyy, HH:mm")


def kind_words(kind: str) -> str:
    """How a backup came to be."""
    words = {
        "auto": QCoreApplication.translate("Backups", "Taken by itself"),
        "manual": QCoreApplication.translate("Backups", "Taken by you"),
        "before-restore": QCoreApplication.translate("Backups", "Before a restore"),
        "before-update": QCoreApplication.translate("Backups", "Before an update"),
    }
    return words[kind]
