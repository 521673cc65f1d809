"""Going back to a backup, and rescuing a damaged database, from the window: the engine stops meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from mastra_desktop.domain.errors import DatabaseDamaged, MastraError, describe
from mastra_desktop.paths import Paths
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.toast import ToastArea

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.ops.crash import Ended

TASK = "recovery"


class Window(Protocol):
    """What the main window lends."""

    def show_instead(self, page: QWidget) -> None: ...

    def take_away(self, page: QWidget) -> None: ...

    def start_again(self, page: QWidget) -> None: ...

    def close(self) -> bool: ...

    async def call(self, ask: Callable[[Core], Awaitable[None]]) -> None: ...


class Recovery(QObject):
    """`stop` ends the engine and all that asks it; `begin` starts a new one and returns once it is loaded."""

    def __init__(
        self,
        window: Window,
        theme: ThemeController,
        icons: Icons,
        paths: Paths,
        tasks: Tasks,
        toasts: ToastArea,
        stop: Callable[[], Awaitable[None]],
        begin: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(toasts)
        self._window, self._theme, self._icons = window, theme, icons
        self._paths, self._tasks, self._toasts = paths, tasks, toasts
        self._stop, self._begin = stop, begin

    async def show_trouble(self, error: BaseException) -> None:
        """A start that failed: what happened, what is safe, and what can be done, instead of the panes."""
        from mastra_desktop.services.backups import newest_good_backup
        from mastra_desktop.ui.panes.settings_backups import when_words
        from mastra_desktop.ui.panes.start_trouble import StartTrouble

        damaged = isinstance(error, DatabaseDamaged)
        backup = await newest_good_backup(self._paths) if damaged else None
        when = when_words(backup.taken_at) if backup is not None else ""
        page = StartTrouble(self._theme, self._icons, describe(error), damaged=damaged, backup=when)
        if backup is not None:
            page.restore.connect(lambda: self._leave(page, lambda: self.restore(backup.path)))
        page.rescue.connect(lambda: self._leave(page, self.rescue))
        page.try_again.connect(lambda: self._window.start_again(page))
        page.set_aside.connect(lambda: self._tasks.start(self._set_aside(page), key="set-aside"))
        page.quit.connect(self._window.close)
        self._window.show_instead(page)

    def _leave(self, page: QWidget, then: Callable[[], None]) -> None:
        self._window.take_away(page)
        then()

    async def _set_aside(self, page: QWidget) -> None:
        from mastra_desktop.store.files import set_aside

        await asyncio.to_thread(set_aside, self._paths.database)
        self._window.start_again(page)

    def restore(self, path: Path) -> None:
        """What is there now is backed up first; on failure it stays, and is told."""
        self._tasks.start(self._restore(path), key=TASK)

    def rescue(self) -> None:
        self._tasks.start(self._rescue(), key=TASK)

    def tell(self, ended: Ended | None, interrupted: int, adding: int = 0) -> None:
        """How the run before ended, when not in order: answers cut off, documents that were being added
        and go on, and where its report is."""
        if ended is None:
            if interrupted:
                title = self.tr("An answer was interrupted")
                text = self.tr(
                    "The app closed while it was written. Its text is kept; open the chat to continue it."
                )
                self._toasts.show_toast(title, text, "warn")
            return
        words = [self.tr("What was written until then is kept.")]
        if interrupted:
            said = self.tr("Answers that were cut off: {n}; open the chat to continue them.")
            words.append(said.format(n=interrupted))
        if adding:
            words.append(self.tr("Documents that go on being added: {n}.").format(n=adding))
        if ended.report is None:
            title = self.tr("Mastra Desktop ended unexpectedly")
            self._toasts.show_toast(title, " ".join(words), "warn", stays=True)
            return
        folder = QUrl.fromLocalFile(str(ended.folder))
        self._toasts.show_toast(
            self.tr("Mastra Desktop ended unexpectedly"),
            " ".join([*words, self.tr("A report is on this computer only.")]),
            "warn",
            self.tr("Show folder"),
            lambda: QDesktopServices.openUrl(folder),
            stays=True,
        )

    async def _restore(self, path: Path) -> None:
        from mastra_desktop.services.backups import restore_backup

        def work() -> str:
            restore_backup(self._paths, path, os.environ)
            return self.tr("What was there before is among the backups, or beside the database.")

        await self._with_engine_stopped(work, self.tr("Backup restored"), "backup.restored", path.name)

    async def _rescue(self) -> None:
        from mastra_desktop.services.backups import rescue_database

        def work() -> str:
            done = rescue_database(self._paths, os.environ)
            words = self.tr("{n} rows could be read. The damaged file is kept beside the new one.")
            return words.format(n=f"{sum(done.rows.values()):,}")

        await self._with_engine_stopped(work, self.tr("Database rescued"), "database.rescued", "")

    async def _with_engine_stopped(
        self, work: Callable[[], str], title: str, action: str, target: str
    ) -> None:
        await self._stop()
        trouble: MastraError | None = None
        words = ""
        try:
            words = await asyncio.to_thread(work)
        except MastraError as error:
            trouble = error
        began = await self._begin()
        if trouble is not None:
            text = f"{trouble.message} {trouble.hint}".strip()
            self._toasts.show_toast(self.tr("Everything is as it was"), text, "danger")
        elif began:
            self._toasts.show_toast(title, words, "success")

            async def record(core: Core) -> None:
                core.audit.record("user", action, target)

            await self._window.call(record)
