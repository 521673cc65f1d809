"""What a person does with collections: make, edit, index again, delete with Undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from mastra_desktop.domain.knowledge import Collection, EmbedderInfo
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.collection_dialog import CollectionDialog, EmbedderChoice
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.collection_rows import ICONS
from mastra_desktop.ui.panes.knowledge_actions import DocumentActions
from mastra_desktop.ui.panes.knowledge_words import duration_text
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController


class CollectionActions(QObject):
    """`collections` and `embedders` are what the pane read last."""

    notice = Signal(str, str, str, str, object)  # as ChatPane's
    changed = Signal(str)  # a collection to show, "" when one went; the list is to be read again

    def __init__(
        self, pane: QWidget, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks
    ) -> None:
        super().__init__(pane)
        self._pane, self._theme, self._icons = pane, theme, icons
        self._bridge, self._tasks = bridge, tasks
        self.collections: Sequence[Collection] = ()
        self.embedders: Sequence[EmbedderInfo] = ()

    def passages_per_s(self, embedder_id: str) -> float:
        """The embedder's own estimate; 0 where it gives none."""
        return next((e.passages_per_s for e in self.embedders if e.id == embedder_id), 0.0)

    # -- making and editing -------------------------------------------------------------------------

    def ask_new(self, paths: Sequence[Path] = ()) -> None:
        """Asks for a new collection; `paths` are added to it once it is there."""
        dialog = CollectionDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            icon_names=tuple(ICONS),
            embedders=self._choices(),
            taken=[c.name for c in self.collections],
        )
        dialog.accepted.connect(lambda: self._tasks.start(self._create(dialog, tuple(paths))))
        dialog.open()

    async def _create(self, dialog: CollectionDialog, paths: tuple[Path, ...]) -> None:
        name, icon, description = dialog.name, dialog.icon, dialog.description
        embedder_id = dialog.embedder_id
        made = await self._bridge.call(
            lambda core: core.knowledge.create_collection(
                name, icon=icon, description=description, embedder_id=embedder_id
            )
        )
        if paths:
            await self._bridge.call(lambda core: core.knowledge.add(made.id, paths))
        self.changed.emit(made.id)

    def ask_edit(self, collection: Collection) -> None:
        dialog = CollectionDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            icon_names=tuple(ICONS),
            embedders=self._choices(collection.embedder_id),
            taken=[c.name for c in self.collections if c.id != collection.id],
            name=collection.name,
            description=collection.description,
            icon=collection.icon,
            embedder_id=collection.embedder_id,
            new=False,
        )
        dialog.accepted.connect(lambda: self._edited(collection, dialog))
        dialog.open()

    def _edited(self, before: Collection, dialog: CollectionDialog) -> None:
        name, icon, description = dialog.name, dialog.icon, dialog.description
        self._tasks.start(self._change(before.id, name, icon, description))
        embedder_id = dialog.embedder_id
        if embedder_id and embedder_id != before.embedder_id:
            self._ask_index(
                before,
                embedder_id,
                self.tr("Index this collection again?"),
                lambda: self._tasks.start(self._change_embedder(before.id, embedder_id)),
            )

    async def _change(self, collection_id: str, name: str, icon: str, description: str) -> None:
        await self._bridge.call(
            lambda core: core.knowledge.change_collection(
                collection_id, name=name, icon=icon, description=description
            )
        )
        self.changed.emit(collection_id)

    async def _change_embedder(self, collection_id: str, embedder_id: str) -> None:
        await self._bridge.call(
            lambda core: core.knowledge.change_collection(collection_id, embedder_id=embedder_id)
        )
        self.changed.emit(collection_id)

    def rename(self, collection_id: str, name: str) -> None:
        self._tasks.start(self._rename(collection_id, name))

    async def _rename(self, collection_id: str, name: str) -> None:
        try:
            await self._bridge.call(lambda core: core.knowledge.change_collection(collection_id, name=name))
        finally:
            self.changed.emit(collection_id)  # a name that was refused goes back

    # -- index, pause, delete -----------------------------------------------------------------------

    def ask_reindex(self, collection: Collection) -> None:
        self._ask_index(
            collection,
            collection.embedder_id,
            self.tr("Index {name} again?").format(name=collection.name),
            lambda: self._tasks.start(self._reindex(collection.id)),
        )

    def _ask_index(
        self, collection: Collection, embedder_id: str, question: str, then: Callable[[], None]
    ) -> None:
        pace = self.passages_per_s(embedder_id)
        words = self.tr("{n} passages are given their meaning again.").format(n=f"{collection.passages:,}")
        if pace:
            takes = self.tr("That takes {time}.").format(time=duration_text(collection.passages / pace))
            words = f"{words} {takes}"
        words = " ".join((words, self.tr("Words can be searched meanwhile.")))
        dialog = ConfirmDialog(
            self._pane.window(),
            self._theme,
            self._icons,
            question,
            words,
            self.tr("Index again"),
            self.tr("Cancel"),
        )
        dialog.accepted.connect(then)
        dialog.open()

    async def _reindex(self, collection_id: str) -> None:
        await self._bridge.call(lambda core: core.knowledge.reindex(collection_id))
        self.changed.emit(collection_id)

    def retry_failed(self, collection_id: str) -> None:
        """Tries again whatever could not be added."""
        self._tasks.start(self._retry_failed(collection_id), key=f"retry-{collection_id}")

    async def _retry_failed(self, collection_id: str) -> None:
        await self._bridge.call(lambda core: core.knowledge.retry_failed(collection_id))
        self.changed.emit(collection_id)

    def pause(self, collection_id: str, hold: bool) -> None:
        self._tasks.start(self._pause(collection_id, hold), key=f"pause-{collection_id}")

    async def _pause(self, collection_id: str, hold: bool) -> None:
        if hold:
            await self._bridge.call(lambda core: core.knowledge.pause(collection_id))
        else:
            await self._bridge.call(lambda core: core.knowledge.resume(collection_id))
        self.changed.emit(collection_id)

    def delete(self, collection: Collection) -> None:
        """At once; the toast brings it back."""
        self._tasks.start(self._delete(collection))

    async def _delete(self, collection: Collection) -> None:
        await self._bridge.call(lambda core: core.knowledge.remove_collection(collection.id))
        self.changed.emit("")
        self.notice.emit(
            self.tr("Collection deleted"),
            collection.name,
            "info",
            self.tr("Undo"),
            lambda: self._tasks.start(self._restore(collection.id)),
        )

    async def _restore(self, collection_id: str) -> None:
        await self._bridge.call(lambda core: core.knowledge.restore_collection(collection_id))
        self.changed.emit(collection_id)

    # -- the menu -----------------------------------------------------------------------------------

    def menu_for(
        self,
        collection: Collection,
        add: DocumentActions,
        begin_rename: Callable[[], None],
    ) -> QMenu:
        """What can be done with a collection; it deletes itself."""
        menu, icon, i = QMenu(self._pane), self._icons.icon, collection.id
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("file-up"), self.tr("Add files…"), lambda: add.choose_files(i))
        menu.addAction(icon("folder"), self.tr("Add a folder…"), lambda: add.choose_folder(i))
        menu.addAction(icon("globe"), self.tr("Add a web page…"), lambda: add.ask_address(i))
        words = self.tr("Stop watching") if collection.watched else self.tr("Watch a folder…")
        menu.addAction(icon("folder-sync"), words, lambda: add.toggle_watch(collection))
        menu.addSeparator()
        rename = menu.addAction(icon("pencil"), self.tr("Rename"), begin_rename)
        rename.setShortcut("F2")
        menu.addAction(
            icon("sliders-horizontal"), self.tr("Edit…"), lambda: self.ask_edit(collection)
        ).setObjectName("editCollection")
        if collection.adding:
            words = self.tr("Resume adding") if collection.paused else self.tr("Pause adding")
            sign = icon("play" if collection.paused else "pause")
            menu.addAction(sign, words, lambda: self.pause(collection.id, not collection.paused))
        if collection.failed:
            words = self.tr("Try all failed files again ({n})").format(n=f"{collection.failed:,}")
            menu.addAction(icon("rotate-ccw"), words, lambda: self.retry_failed(collection.id)).setObjectName(
                "retryFailed"
            )
        menu.addAction(
            icon("refresh-cw"), self.tr("Index again…"), lambda: self.ask_reindex(collection)
        ).setEnabled(bool(collection.passages))
        menu.addSeparator()
        delete = menu.addAction(
            icon("trash", "danger.fg"), self.tr("Delete"), lambda: self.delete(collection)
        )
        delete.setShortcut("Del")
        return menu

    def _choices(self, current: str = "") -> list[EmbedderChoice]:
        """Those that run here, and the one a collection has."""

        def note(embedder: EmbedderInfo) -> str:
            if not embedder.passages_per_s:
                return ""
            words = self.tr("Gives about {n} passages their meaning per second on this computer.")
            return words.format(n=f"{embedder.passages_per_s:.0f}")

        found = [EmbedderChoice(e.id, e.name, note(e)) for e in self.embedders if e.installed]
        if current and all(choice.id != current for choice in found):
            words = self.tr("The text of its documents is sent to {provider} for this.")
            provider = split_model_id(current)[0]
            found.append(EmbedderChoice(current, current, words.format(provider=provider)))
        return found
