"""What a person does with documents: add, retry, cancel, remove with Undo, open; and what that asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QWidget

from mastra_desktop.domain.errors import ErrorInfo, NotFound
from mastra_desktop.domain.knowledge import Collection, Document, DocumentState
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.file_questions import ClashDialog, PasswordDialog, WhereDialog
from mastra_desktop.ui.dialogs.form_dialog import FormDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.document_table import UNFINISHED
from mastra_desktop.ui.knowledge_roles import DocumentColumn
from mastra_desktop.ui.panes.knowledge_words import is_address, show_file, still_there
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.document_table import DocumentTable
from mastra_desktop.ui.widgets.form_field import FormField

if TYPE_CHECKING:
    from mastra_desktop.core import Core

OnSameName = Literal["ask", "replace", "keep_both"]
_MOST_REASONS = 3  # of one notice


class DocumentActions(QObject):
    """`pane` is where dialogs open."""

    notice = Signal(str, str, str, str, object)  # as ChatPane's
    removed = Signal(list)  # document ids that went
    added = Signal(str)  # a collection that got documents, or got them back
    reader_wanted = Signal(str)
    where_chosen = Signal(str)  # the collection that files are about to be added to

    def __init__(
        self, pane: QWidget, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks
    ) -> None:
        super().__init__(pane)
        self._pane, self._theme, self._icons = pane, theme, icons
        self._bridge, self._tasks = bridge, tasks

    # -- adding -------------------------------------------------------------------------------------

    def choose_files(self, collection_id: str) -> None:
        dialog = QFileDialog(self._pane, self.tr("Add files"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        self._open(dialog, lambda paths: self.add(collection_id, paths))

    def choose_folder(self, collection_id: str) -> None:
        dialog = QFileDialog(self._pane, self.tr("Add a folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._open(dialog, lambda paths: self.add(collection_id, paths))

    def choose_watched(self, collection_id: str) -> None:
        dialog = QFileDialog(self._pane, self.tr("Watch a folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._open(dialog, lambda paths: self.watch(collection_id, paths[0]))

    def _open(self, dialog: QFileDialog, then: Callable[[list[Path]], None]) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda names: then([Path(name) for name in names]))
        dialog.open()

    def add(self, collection_id: str, paths: Sequence[Path], on_same_name: OnSameName = "ask") -> None:
        """Files and folders; returns at once."""
        self._tasks.start(self._add(collection_id, tuple(paths), on_same_name))

    async def _add(self, collection_id: str, paths: tuple[Path, ...], on_same_name: OnSameName) -> None:
        added = await self._bridge.call(
            lambda core: core.knowledge.add(collection_id, paths, on_same_name=on_same_name)
        )
        self.added.emit(collection_id)
        if added.clashes:
            self._ask_clashes(collection_id, added.clashes)
        if added.refused:
            path, why = added.refused[0]
            title = self.tr("{n} files were not added").format(n=len(added.refused))
            if len(added.refused) == 1:
                title = self.tr("{name} was not added").format(name=path.name)
            self.notice.emit(title, " ".join(p for p in (why.message, why.hint) if p), "warn", "", None)
        if added.unchanged:
            many = self.tr("{n} files are unchanged and were skipped")
            title = self.tr("1 file is unchanged and was skipped")
            if len(added.unchanged) > 1:
                title = many.format(n=len(added.unchanged))
            self.notice.emit(title, "", "info", "", None)
        if not (added.documents or added.clashes or added.refused or added.unchanged):
            self.notice.emit(self.tr("Nothing to add there"), "", "info", "", None)

    def _ask_clashes(self, collection_id: str, paths: Sequence[Path]) -> None:
        dialog = ClashDialog(self._pane.window(), self._theme, self._icons, [path.name for path in paths])
        dialog.accepted.connect(lambda: self.add(collection_id, paths, dialog.answer))
        dialog.open()

    def ask_where(
        self,
        paths: Sequence[Path],
        collections: Sequence[Collection],
        current: str,
        make_new: Callable[[Sequence[Path]], None],
    ) -> None:
        """Which collection they go into; `make_new` asks for one that is not there yet."""
        dialog = WhereDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            [path.name or str(path) for path in paths],
            [(c.id, c.name) for c in collections],
            current,
        )

        def go_on() -> None:
            if dialog.collection_id:
                self.where_chosen.emit(dialog.collection_id)
                self.add(dialog.collection_id, paths)
            else:
                make_new(paths)

        dialog.accepted.connect(go_on)
        dialog.open()

    def ask_address(self, collection_id: str) -> None:
        """A web page by its address."""
        dialog = FormDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            self.tr("Add a web page"),
            self.tr("The page is fetched once, now."),
            self.tr("Add page"),
            self.tr("Cancel"),
        )
        dialog.setObjectName("addressDialog")
        field = QLineEdit()
        field.setObjectName("pageAddress")
        field.setPlaceholderText("https://")
        dialog.body.addWidget(FormField(self.tr("Address"), field))
        dialog.accept_button.setEnabled(False)
        field.textChanged.connect(lambda text: dialog.accept_button.setEnabled(is_address(text.strip())))
        dialog.accepted.connect(lambda: self.add_address(collection_id, field.text().strip()))
        dialog.open()

    def add_address(self, collection_id: str, url: str) -> None:
        """A web page; what is no http address is left alone."""
        if is_address(url):
            self._tasks.start(self._add_url(collection_id, url))

    async def _add_url(self, collection_id: str, url: str) -> None:
        await self._bridge.call(lambda core: core.knowledge.add_url(collection_id, url))
        self.added.emit(collection_id)

    def toggle_watch(self, collection: Collection) -> None:
        """Asks for the folder to keep in step with; where there is one, stops that."""
        if collection.watched:
            self.watch(collection.id, None)
        else:
            self.choose_watched(collection.id)

    def watch(self, collection_id: str, folder: Path | None) -> None:
        """Keeps the collection in step with `folder`; None stops that and keeps the documents."""
        self._tasks.start(self._watch(collection_id, folder))

    async def _watch(self, collection_id: str, folder: Path | None) -> None:
        await self._bridge.call(lambda core: core.knowledge.watch(collection_id, folder))
        self.added.emit(collection_id)

    # -- one document -------------------------------------------------------------------------------

    def activate(self, document: Document) -> None:
        """Opens the text where there is some; a failed one is tried again."""
        if document.state is DocumentState.FAILED:
            self.retry(document)
        elif document.state in (DocumentState.READY, DocumentState.EMBEDDING):
            self.reader_wanted.emit(document.id)

    def retry(self, document: Document) -> None:
        """Tries again; of an encrypted file it asks for the password first."""
        if not _wants_password(document):
            self._tasks.start(self._retry(document.id, ""))
            return
        wrong = document.error is not None and "not the password" in document.error.message
        dialog = PasswordDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            document.name,
            self.tr("The last password did not open it.") if wrong else "",
        )
        dialog.accepted.connect(lambda: self._tasks.start(self._retry(document.id, dialog.password)))
        dialog.open()

    async def _retry(self, document_id: str, password: str) -> None:
        await self._bridge.call(lambda core: core.knowledge.retry(document_id, password=password))

    def cancel(self, document_ids: Sequence[str]) -> None:
        self._tasks.start(self._each_cancel(tuple(document_ids)))

    async def _each_cancel(self, document_ids: tuple[str, ...]) -> None:
        async def cancel(core: Core) -> None:
            for document_id in document_ids:
                await core.knowledge.cancel(document_id)

        await self._bridge.call(cancel)

    def remove(self, documents: Sequence[Document]) -> None:
        """At once; the toast brings them back."""
        if documents:
            self._tasks.start(self._remove(tuple(documents)))

    async def _remove(self, documents: tuple[Document, ...]) -> None:
        async def remove(core: Core) -> None:
            for document in documents:
                with suppress(NotFound):  # it went meanwhile
                    await core.knowledge.remove(document.id)

        await self._bridge.call(remove)
        self.removed.emit([document.id for document in documents])
        title = self.tr("{n} files removed").format(n=len(documents))
        if len(documents) == 1:
            title = self.tr("File removed")
        names = documents[0].name if len(documents) == 1 else ""
        self.notice.emit(
            title,
            names,
            "info",
            self.tr("Undo"),
            lambda: self._tasks.start(self._restore(documents)),
        )

    async def _restore(self, documents: tuple[Document, ...]) -> None:
        """Each that can be; what cannot be brought back is told, and keeps no other from it."""

        async def restore(core: Core) -> list[tuple[Document, ErrorInfo]]:
            return await core.knowledge.restore_all(documents)

        failed = await self._bridge.call(restore)
        self.added.emit(documents[0].collection_id)
        if not failed:
            return
        title = self.tr("{n} of {of} files were not brought back").format(n=len(failed), of=len(documents))
        if len(failed) == 1:
            title = self.tr("{name} was not brought back").format(name=failed[0][0].name)
        reasons = dict.fromkeys(" ".join(p for p in (why.message, why.hint) if p) for _, why in failed)
        self.notice.emit(title, " ".join(list(reasons)[:_MOST_REASONS]), "warn", "", None)

    def open_file(self, document: Document) -> None:
        """With the program the desktop has for it; says so when the file is gone."""
        self._tasks.start(self._open_file(document))

    async def _open_file(self, document: Document) -> None:
        if not await still_there(document.source):
            text = self.tr("It is no longer at {path}. Its text is still here.")
            self.notice.emit(
                self.tr("The file is gone"),
                text.format(path=document.source),
                "warn",
                self.tr("Read the text"),
                lambda: self.reader_wanted.emit(document.id),
            )
        elif not show_file(document.source):
            self.notice.emit(
                self.tr("The file could not be opened"),
                self.tr("This computer has no program for it."),
                "warn",
                "",
                None,
            )

    # -- the menu -----------------------------------------------------------------------------------

    def menu_for(self, documents: Sequence[Document], table: DocumentTable) -> QMenu:
        """What can be done with the chosen documents; without any, how the table is sorted."""
        menu = QMenu(table)
        icon = self._icons.icon
        if len(documents) == 1:
            self._add_single(menu, documents[0])
        unfinished = [d.id for d in documents if d.state in UNFINISHED]
        if unfinished:
            menu.addAction(icon("circle-slash"), self.tr("Cancel adding"), lambda: self.cancel(unfinished))
        if documents:
            menu.addSeparator()
            remove = menu.addAction(
                icon("trash", "danger.fg"), self.tr("Remove"), lambda: self.remove(documents)
            )
            remove.setShortcut("Del")
            menu.addSeparator()
        sort = menu.addMenu(self.tr("Sort by"))
        for column in DocumentColumn:
            words = str(table.model().headerData(column, Qt.Orientation.Horizontal))
            sort.addAction(words, partial(table.sort_by, column))
        return menu

    def _add_single(self, menu: QMenu, document: Document) -> None:
        icon = self._icons.icon
        if document.state in (DocumentState.READY, DocumentState.EMBEDDING):
            menu.addAction(
                icon("book-open"), self.tr("Open text"), lambda: self.reader_wanted.emit(document.id)
            )
        menu.addAction(icon("external-link"), self.tr("Open file"), lambda: self.open_file(document))
        if document.state is DocumentState.FAILED:
            password = _wants_password(document)
            words = self.tr("Enter the password…") if password else self.tr("Try again")
            menu.addAction(icon("rotate-ccw"), words, lambda: self.retry(document))
        words = self.tr("Copy address") if is_address(document.source) else self.tr("Copy path")
        menu.addAction(icon("copy"), words, lambda: QGuiApplication.clipboard().setText(document.source))

    def show_menu(self, documents: Sequence[Document], table: DocumentTable, at: QPoint) -> None:
        menu = self.menu_for(documents, table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)


def _wants_password(document: Document) -> bool:
    """Whether reading failed because the file is encrypted."""
    error = document.error
    return error is not None and "password" in error.message and "without a password" not in error.hint
