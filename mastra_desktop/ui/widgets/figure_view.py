"""A table of figures to read: the first column takes the room that is left, a row can be chosen."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from mastra_desktop.ui.theme import ThemeController

_ROW, _HEADER = 32, 30


class FigureView(QTableView):
    """`row_chosen` carries the number of a row that was clicked, or chosen with Enter."""

    row_chosen = Signal(int)

    def __init__(
        self,
        label: str,
        theme: ThemeController,
        *,
        stretch: int = 0,
        most_rows: int = 8,
        parent: QWidget | None = None,
    ) -> None:
        """`stretch` is the column that grows; the view is as high as its rows, up to `most_rows`."""
        super().__init__(parent)
        self._theme, self._stretch, self._most_rows = theme, stretch, most_rows
        self.setAccessibleName(label)
        self.setProperty("figures", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setAccessibleName(label)
        self.clicked.connect(lambda index: self.row_chosen.emit(index.row()))
        theme.changed.connect(self._restyle)
        self._restyle()

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        if model is None:
            return
        header = self.horizontalHeader()
        for column in range(model.columnCount(QModelIndex())):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(
                column, mode.Stretch if column == self._stretch else mode.ResizeToContents
            )
        model.modelReset.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_chosen.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self._theme.current.scaled(_HEADER + _ROW))

    def _restyle(self) -> None:
        theme = self._theme.current
        self.verticalHeader().setDefaultSectionSize(theme.scaled(_ROW))
        self.horizontalHeader().setFixedHeight(theme.scaled(_HEADER))
        self.setFont(theme.font("ui", tabular=True))
        self._fit()

    def _fit(self) -> None:
        model = self.model()
        rows = model.rowCount(QModelIndex()) if model is not None else 0
        theme = self._theme.current
        shown = max(1, min(rows, self._most_rows))
        self.setFixedHeight(theme.scaled(_HEADER) + shown * theme.scaled(_ROW) + 2)
