"""The table of documents: four painted columns, keys, a menu, and Retry inside a row."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.knowledge_roles import DocumentColumn, DocumentRole
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.document_delegate import EDGE, GAP, DocumentDelegate, cell

_ROW, _HEADER = 45, 30
_TURN_MS = 80
_WIDTHS = {DocumentColumn.STATUS: 216, DocumentColumn.PASSAGES: 68, DocumentColumn.ADDED: 64}
_NARROW_STATUS = 168  # where the name would have less than its least
_LEAST_NAME = 190


class DocumentTable(QTableView):
    """Enter or a double click opens, Del asks to remove, the menu key or a right click asks for a menu."""

    row_activated = Signal(str)
    retry_pressed = Signal(str)
    delete_requested = Signal(list)
    menu_requested = Signal(list, QPoint)

    def __init__(
        self, label: str, theme: ThemeController, icons: Icons, parent: QWidget | None = None
    ) -> None:
        """`label` names the table for screen readers."""
        super().__init__(parent)
        self._theme = theme
        self._kept: tuple[set[str], str] = (set(), "")
        self.setAccessibleName(label)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._delegate = DocumentDelegate(self, theme, icons)
        self.setItemDelegate(self._delegate)
        header = _Header(theme, icons, self)
        header.setAccessibleName(self.tr("Columns"))
        self.setHorizontalHeader(header)
        header.setSortIndicator(DocumentColumn.ADDED, Qt.SortOrder.DescendingOrder)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSortingEnabled(True)
        self.doubleClicked.connect(lambda index: self.row_activated.emit(_id(index)))
        self._turning = QTimer(self, interval=_TURN_MS)
        self._turning.timeout.connect(self._turn)
        theme.changed.connect(self._restyle)
        self._restyle()

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if model is not None:
            model.modelAboutToBeReset.connect(self._keep_chosen)
            model.modelReset.connect(self._choose_kept)

    def _keep_chosen(self) -> None:
        self._kept = (set(self.selected_ids()), _id(self.currentIndex()))

    def _choose_kept(self) -> None:
        """Other rows came or went: what was chosen, and where the keys were, is so again."""
        (chosen, current), model = self._kept, self.model()
        if model is None or not (chosen or current):
            return
        selection = QItemSelection()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            if (found := _id(index)) in chosen:
                selection.select(index, index)
            if found == current:
                self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(selection, flags.ClearAndSelect | flags.Rows)

    def selected_ids(self) -> list[str]:
        """From top to bottom."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [_id(index) for index in rows]

    def sort_by(self, column: DocumentColumn) -> None:
        """As with a click on that header: again turns the order around."""
        header = self.horizontalHeader()
        down = header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
        turned = header.sortIndicatorSection() == column and not down
        first = header.sortIndicatorSection() != column and column == DocumentColumn.ADDED
        self.sortByColumn(
            column, Qt.SortOrder.DescendingOrder if turned or first else Qt.SortOrder.AscendingOrder
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_activated.emit(_id(self.currentIndex()))
        elif key == Qt.Key.Key_Delete and self.selected_ids():
            self.delete_requested.emit(self.selected_ids())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        at = event.globalPos()
        if not by_mouse and index.isValid():
            at = self.viewport().mapToGlobal(self.visualRect(index.siblingAtColumn(0)).bottomLeft())
        self.menu_requested.emit(self.selected_ids() if index.isValid() else [], at)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._on_retry(event.position().toPoint()):
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and self._on_retry(at):
            self.retry_pressed.emit(_id(self.indexAt(at)))
            return
        super().mouseReleaseEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        at = event.position().toPoint()
        self._set_hover(self.indexAt(at).row())
        hand = Qt.CursorShape.PointingHandCursor if self._on_retry(at) else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(hand)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hover(-1)
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_columns()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._turning.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._turning.stop()

    def _lay_columns(self) -> None:
        header, theme = self.horizontalHeader(), self._theme.current
        if header.count() < len(DocumentColumn):
            return
        width = self.viewport().width()
        sizes = {column: theme.scaled(size) + GAP for column, size in _WIDTHS.items()}
        sizes[DocumentColumn.ADDED] += EDGE - GAP
        if width - sum(sizes.values()) < theme.scaled(_LEAST_NAME) + EDGE:
            sizes[DocumentColumn.STATUS] = theme.scaled(_NARROW_STATUS) + GAP
        sizes[DocumentColumn.NAME] = max(120, width - sum(sizes.values()))
        for column, size in sizes.items():
            header.resizeSection(column, size)

    def _on_retry(self, at: QPoint) -> bool:
        index = self.indexAt(at)
        if index.column() != DocumentColumn.STATUS or not index.data(DocumentRole.RETRY):
            return False
        inside = cell(QRectF(self.visualRect(index)), DocumentColumn.STATUS)
        return self._delegate.retry_rect(inside).contains(at)

    def _set_hover(self, row: int) -> None:
        if row != self._delegate.hover_row:
            self._delegate.hover_row = row
            self.viewport().update()

    def _turn(self) -> None:
        """Moves the spinners that can be seen, and nothing else."""
        model, rect = self.model(), self.viewport().rect()
        if model is None or not model.rowCount():
            return
        first = max(0, self.rowAt(0))
        last = self.rowAt(rect.bottom())
        turned = False
        for row in range(first, (model.rowCount() if last < 0 else last + 1)):
            index = model.index(row, DocumentColumn.STATUS)
            if index.data(DocumentRole.BUSY):
                place = self.visualRect(index)
                self.viewport().update(QRect(place.left(), place.top(), 20, place.height()))
                turned = True
        if turned:
            self._delegate.angle = (self._delegate.angle + 32) % 360

    def _restyle(self) -> None:
        theme = self._theme.current
        self.verticalHeader().setDefaultSectionSize(theme.scaled(_ROW))
        self.horizontalHeader().setFixedHeight(theme.scaled(_HEADER))
        self._lay_columns()
        self.viewport().update()


class _Header(QHeaderView):
    """Quiet words; the arrow stands only beside the column that is sorted by."""

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._icons = theme, icons
        self.setSectionsClickable(True)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(40)
        self.setSortIndicatorShown(True)
        theme.changed.connect(self.viewport().update)

    def sectionSizeFromContents(self, section: int) -> QSize:
        return QSize(40, self._theme.current.scaled(_HEADER))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        theme = self._theme.current
        painter.save()
        whole = QRectF(rect)
        painter.fillRect(whole, theme.color("surface.base"))
        for y in (whole.top(), whole.bottom() - 1):
            painter.fillRect(QRectF(whole.left(), y, whole.width(), 1), theme.color("border.subtle"))
        inside = cell(whole, section)
        font = theme.font("small", 600)
        text = str(self.model().headerData(section, Qt.Orientation.Horizontal) or "")
        width = QFontMetrics(font).horizontalAdvance(text) + 2
        at_right = section >= DocumentColumn.PASSAGES
        sorted_by = self.sortIndicatorSection() == section
        left = inside.right() - width - (17 if sorted_by else 0) if at_right else inside.left()
        painter.setFont(font)
        painter.setPen(theme.color("text.secondary"))
        painter.drawText(
            QRectF(left, inside.top(), width, inside.height()), Qt.AlignmentFlag.AlignVCenter, text
        )
        if sorted_by:
            down = self.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
            arrow = QRectF(left + width + 3, inside.top(), 13, inside.height())
            self._icons.paint(painter, arrow, "arrow-down" if down else "arrow-up", "text.tertiary")
        painter.restore()


def _id(index: QModelIndex) -> str:
    return str(index.data(DocumentRole.ID) or "")
