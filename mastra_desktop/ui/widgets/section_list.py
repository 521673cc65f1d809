"""A list with section headings and two-line rows: conversations, search hits, agents, settings pages.

The pane brings its own model; what a row looks like is read from the `RowRole`s. Rows of kind "section" must
have no item flags, so that keys pass over them.
"""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.section_delegate import SectionDelegate


class SectionList(QListView):
    """Up, Down, Home, End move; Enter or a click opens; F2 renames; Del asks to delete.

    The opened row ("selected", with the bar) is set by the pane; the current index is where the keys are.
    """

    row_activated = Signal(str)
    renamed = Signal(str, str)
    delete_requested = Signal(str)
    context_menu_requested = Signal(str, QPoint)

    def __init__(
        self,
        label: str,
        theme: ThemeController,
        icons: Icons,
        *,
        one_line: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`label` names the list for screen readers; `one_line` makes rows 32 px high, without a note."""
        super().__init__(parent)
        self._theme = theme
        self._editor: QLineEdit | None = None
        self._editing = ""
        self._rows: QAbstractItemModel | None = None
        self.rename_enabled = True
        self.setAccessibleName(label)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMouseTracking(True)
        self._delegate = SectionDelegate(self, theme, icons, one_line=one_line)
        self.setItemDelegate(self._delegate)
        self.clicked.connect(self._activate)
        self._turning = QTimer(self)
        self._turning.setInterval(80)
        self._turning.timeout.connect(self._turn)
        theme.changed.connect(self._restyle)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        self._rows = model
        if model is not None:
            for signal in (model.modelReset, model.rowsInserted, model.dataChanged):
                signal.connect(self._watch_busy)
            model.modelReset.connect(self._keep_place)
        self._watch_busy()

    def selected_id(self) -> str:
        return self._delegate.selected_id

    def set_selected_id(self, row_id: str) -> None:
        """Mark the row that is open, "" for none, and bring it into view."""
        self._delegate.selected_id = row_id
        index = self.index_of(row_id)
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index)
        self.viewport().update()

    def index_of(self, row_id: str) -> QModelIndex:
        """The row's index, invalid when it is not there."""
        if self._rows is not None and row_id:
            for row in range(self._rows.rowCount()):
                index = self._rows.index(row, 0)
                if index.data(RowRole.ID) == row_id:
                    return index
        return QModelIndex()

    def begin_rename(self, row_id: str = "") -> None:
        """Edit the title in place; without an id that of the current row. Enter keeps it, Esc does not."""
        index = self.index_of(row_id) if row_id else self.currentIndex()
        found = _row_id(index)
        if not found or not self.rename_enabled:
            return
        self._finish_rename(keep=False)
        self.scrollTo(index)
        self._editing = found
        editor = QLineEdit(str(index.data(Qt.ItemDataRole.DisplayRole) or ""), self.viewport())
        editor.setObjectName("renameEditor")
        editor.setAccessibleName(self.tr("New name"))
        editor.setGeometry(self.visualRect(index).adjusted(10, 9, -10, -9))
        editor.selectAll()
        editor.installEventFilter(self)
        editor.show()
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        self._editor = editor

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched == self._editor:
            if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
                    self._finish_rename(keep=event.key() != Qt.Key.Key_Escape)
                    self.setFocus(Qt.FocusReason.OtherFocusReason)
                    return True
            elif event.type() == QEvent.Type.FocusOut:
                self._finish_rename(keep=True)
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, row_id = event.key(), _row_id(self.currentIndex())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row_id:
            self.row_activated.emit(row_id)
        elif key == Qt.Key.Key_F2:
            self.begin_rename()
        elif key == Qt.Key.Key_Delete and row_id:
            self.delete_requested.emit(row_id)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        row_id = _row_id(index)
        if row_id:
            below = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft() + QPoint(16, 0))
            self.context_menu_requested.emit(row_id, event.globalPos() if by_mouse else below)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._watch_busy()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._turning.stop()

    def _activate(self, index: QModelIndex) -> None:
        row_id = _row_id(index)
        if row_id:
            self.row_activated.emit(row_id)

    def _finish_rename(self, *, keep: bool) -> None:
        editor, row_id = self._editor, self._editing
        if editor is None:
            return
        self._editor = None
        title = editor.text().strip()
        before = str(self.index_of(row_id).data(Qt.ItemDataRole.DisplayRole) or "")
        editor.hide()
        editor.deleteLater()
        if keep and title and title != before:
            self.renamed.emit(row_id, title)

    def _keep_place(self) -> None:
        index = self.index_of(self.selected_id())
        if index.isValid():
            self.setCurrentIndex(index)

    def _watch_busy(self) -> None:
        busy = bool(self._busy_rows()) and self.isVisible()
        if busy and not self._turning.isActive():
            self._turning.start()
        elif not busy:
            self._turning.stop()

    def _busy_rows(self) -> list[QModelIndex]:
        if self._rows is None:
            return []
        indexes = (self._rows.index(row, 0) for row in range(self._rows.rowCount()))
        return [index for index in indexes if index.data(RowRole.BUSY)]

    def _turn(self) -> None:
        self._delegate.angle = (self._delegate.angle + 32) % 360
        for index in self._busy_rows():
            self.viewport().update(self.visualRect(index))

    def _restyle(self) -> None:
        self.scheduleDelayedItemsLayout()
        self.viewport().update()


def _row_id(index: QModelIndex) -> str:
    """The id of a row; "" for sections and nothing."""
    if not index.isValid() or index.data(RowRole.KIND) == "section":
        return ""
    return str(index.data(RowRole.ID) or "")
