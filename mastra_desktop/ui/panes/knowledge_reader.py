"""A document as text, opened at a passage with it marked, and the list of its passages."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QStackedWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.knowledge import DocumentText, Source
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.document_kinds import place_text, utf16
from mastra_desktop.ui.item_models.hit_rows import HitRows
from mastra_desktop.ui.panes.knowledge_words import still_there
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.hit_list import HitList
from mastra_desktop.ui.widgets.reading_text import ReadingText
from mastra_desktop.ui.widgets.segmented import Segmented

WINDOW_CHARS = 200_000  # shown at once: laying out a book takes a second, its neighbourhood does not
_TASK = "knowledge-reader"


class KnowledgeReader(QWidget):
    """Esc or Back closes it. When the file is gone, it says so and shows what was stored."""

    closed = Signal()
    file_wanted = Signal(object)  # the Document
    opened = Signal(object)  # the Document whose text is in view

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("knowledgeReader")
        self.setAccessibleName(self.tr("Document"))
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self._whole: DocumentText | None = None
        self._index = -1
        self._marks: Sequence[tuple[int, int]] = ()
        self._start = self._end = 0  # of the text in view, in characters of the whole
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        column.addWidget(self._make_places())
        self._notice = IconText("triangle-alert", "", theme, icons, tone="warn", wrap=True)
        self._notice.setObjectName("readerNotice")
        self._notice.setContentsMargins(24, 10, 24, 10)
        self._notice.hide()
        column.addWidget(self._notice)
        self.text = ReadingText(theme)
        self.text.setObjectName("documentText")
        self.text.setAccessibleName(self.tr("Text of the document"))
        self._earlier = Button(self.tr("Earlier text"), theme, icons, "quiet", "small", icon="chevron-up")
        self._later = Button(self.tr("Later text"), theme, icons, "quiet", "small", icon="chevron-down")
        self._earlier.clicked.connect(lambda: self._show_window(self._start - WINDOW_CHARS // 2, end=False))
        self._later.clicked.connect(lambda: self._show_window(self._end + WINDOW_CHARS // 2, end=True))
        reading = QWidget()
        inner = QVBoxLayout(reading)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        middle = Qt.AlignmentFlag.AlignHCenter
        inner.addWidget(self._earlier, alignment=middle)
        inner.addWidget(self.text, 1)
        inner.addWidget(self._later, alignment=middle)
        self._rows = HitRows(self)
        self.passages = HitList(self.tr("Passages"), theme, icons, lines=2, uniform=True)
        self.passages.setObjectName("passageList")
        self.passages.setModel(self._rows)
        self.passages.row_activated.connect(self._open_passage)
        self._stack = QStackedWidget()
        self._stack.addWidget(reading)
        self._stack.addWidget(self.passages)
        column.addWidget(self._stack, 1)
        self.setFocusProxy(self.text)
        theme.changed.connect(self._mark)

    def _make_header(self) -> QWidget:
        theme, icons = self._theme, self._icons
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(theme.current.px("control.header"))
        back = IconButton("arrow-left", self.tr("Back to the files"), theme, icons, "Esc")
        back.setObjectName("readerBack")
        back.clicked.connect(self.closed)
        self._name = ElidedLabel(role="title", mode=Qt.TextElideMode.ElideMiddle)
        self._view = Segmented(
            (("text", self.tr("Text")), ("passages", self.tr("Passages"))), self.tr("Show"), theme
        )
        self._view.chosen.connect(self._show_view)
        self._open = Button(self.tr("Open file"), theme, icons, size="small", icon="external-link")
        self._open.setObjectName("readerOpenFile")
        self._open.clicked.connect(self._want_file)
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 0, 20, 0)
        row.setSpacing(8)
        row.addWidget(back)
        row.addWidget(self._name, 1)
        row.addWidget(self._view)
        row.addWidget(self._open)
        return header

    def _make_places(self) -> QWidget:
        theme, icons = self._theme, self._icons
        self._places = QWidget()
        self._places.setProperty("bar", "header")
        self._places.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._places.setFixedHeight(theme.current.scaled(36))
        self._count = label("", "smallStrong")
        self._place = ElidedLabel(role="small", mode=Qt.TextElideMode.ElideLeft)
        self.previous = IconButton("chevron-up", self.tr("Previous passage"), theme, icons, size=24)
        self.next = IconButton("chevron-down", self.tr("Next passage"), theme, icons, size=24)
        self.previous.clicked.connect(lambda: self.show_passage(self._index - 1))
        self.next.clicked.connect(lambda: self.show_passage(self._index + 1))
        row = QHBoxLayout(self._places)
        row.setContentsMargins(24, 0, 20, 0)
        row.setSpacing(8)
        row.addWidget(self._count)
        row.addWidget(self._place, 1)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        return self._places

    def _show_view(self, view: str) -> None:
        self._stack.setCurrentIndex(1 if view == "passages" else 0)
        if view == "passages":
            self.passages.setCurrentIndex(self._rows.index(max(0, self._index)))

    # -- opening ------------------------------------------------------------------------------------

    def open_document(self, document_id: str, index: int = -1, marks: Sequence[tuple[int, int]] = ()) -> None:
        """At its start, or at the passage `index` with it and `marks` (start, end inside it) marked."""
        self._tasks.start(self._open_document(document_id, index, marks), key=_TASK)

    def open_source(self, source: Source) -> None:
        """At the passage an answer cites; of what is gone, the passage as the answer was given it."""
        self._tasks.start(self._open_source(source), key=_TASK)

    async def _open_document(self, document_id: str, index: int, marks: Sequence[tuple[int, int]]) -> None:
        whole = await self._bridge.call(lambda core: core.knowledge.document_text(document_id))
        await self._show(whole, index, marks)

    async def _open_source(self, source: Source) -> None:
        document_id = source.document_id
        try:
            whole = await self._bridge.call(lambda core: core.knowledge.document_text(document_id))
        except MastraError:
            self._show_stored(source)
            return
        index = next((p.index for p in whole.passages if p.id == source.passage_id), None)
        if index is None:  # split anew since: the passage that holds its place, if the text is the same
            same = whole.text[source.start : source.end] == source.text
            index = next((p.index for p in whole.passages if same and p.end > source.start), -1)
        await self._show(whole, index, ())
        if index < 0:
            self._say(self.tr("This file has changed since. The answer was given this passage:"))
            self._put(source.text)

    async def _show(self, whole: DocumentText, index: int, marks: Sequence[tuple[int, int]]) -> None:
        self._whole = whole
        document = whole.document
        self.opened.emit(document)
        self._name.setText(document.name)
        self._rows.show_passages(whole.passages)
        self._view.set_chosen("text")
        self._stack.setCurrentIndex(0)
        self._places.setVisible(bool(whole.passages))
        self._say("")
        self._open.setEnabled(True)
        self._start = self._end = -1
        if 0 <= index < len(whole.passages):
            self.show_passage(index, marks)
        else:
            self._index, self._marks = -1, ()
            self._show_window(0)
            self._say_place()
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)
        if not await still_there(document.source):
            self._open.setEnabled(False)
            gone = self.tr("The file is no longer at {path}. This is its text as it was added.")
            self._say(gone.format(path=document.source))

    def _show_stored(self, source: Source) -> None:
        self._whole, self._index = None, -1
        self._name.setText(source.document)
        self._rows.show_passages(())
        self._places.setVisible(True)
        place = place_text(source.page, source.heading, 0) if source.page or source.heading else ""
        self._count.setText(place)
        self._place.setText(source.collection)
        self.previous.setEnabled(False)
        self.next.setEnabled(False)
        self._open.setEnabled(False)
        self._say(self.tr("This document was removed. This is the passage as the answer was given it."))
        self._put(source.text)

    def show_passage(self, index: int, marks: Sequence[tuple[int, int]] = ()) -> None:
        """Scrolls to the passage and marks it."""
        whole = self._whole
        if whole is None or not 0 <= index < len(whole.passages):
            return
        self._index, self._marks = index, marks
        passage = whole.passages[index]
        if not (self._start <= passage.start and passage.end <= self._end):
            self._show_window((passage.start + passage.end) // 2)
        self._mark()
        self.text.show_range(self._position(passage.start), self._position(passage.end))
        self._say_place()

    # -- showing ------------------------------------------------------------------------------------

    def _show_window(self, middle: int, *, end: bool | None = None) -> None:
        """The text around `middle`; `end` says on which side reading goes on."""
        whole = self._whole
        if whole is None:
            return
        size = len(whole.text)
        before = self._start, self._end
        self._start = max(0, min(middle - WINDOW_CHARS // 2, size - WINDOW_CHARS))
        self._end = min(size, self._start + WINDOW_CHARS)
        self._put(whole.text[self._start : self._end])
        self._earlier.setVisible(self._start > 0)
        self._later.setVisible(self._end < size)
        self._mark()
        if end is not None:
            at = self._position(before[1] if end else before[0])
            self.text.show_range(at, at)

    def _put(self, text: str) -> None:
        self._earlier.hide()
        self._later.hide()
        self.text.setExtraSelections([])
        self.text.setPlainText(text.replace("\r", " "))  # each character keeps its position

    def _position(self, at: int) -> int:
        """A character of the whole text as a position in the view."""
        if self._whole is None:
            return 0
        return utf16(self._whole.text[self._start : self._end], max(0, at - self._start))

    def _mark(self) -> None:
        whole, theme = self._whole, self._theme.current
        if whole is None or self._index < 0:
            return
        passage = whole.passages[self._index]
        if not (self._start <= passage.start and passage.end <= self._end):
            self.text.setExtraSelections([])
            return
        ranges = [(passage.start, passage.end, "accent.subtle", "text.primary")]
        ranges += [
            (passage.start + s, passage.start + e, "highlight.bg", "highlight.fg") for s, e in self._marks
        ]
        selections = []
        for start, end, fill, ink in ranges:
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.text.document())
            cursor.setPosition(self._position(start))
            cursor.setPosition(self._position(end), QTextCursor.MoveMode.KeepAnchor)
            look = QTextCharFormat()
            look.setBackground(theme.color(fill))
            look.setForeground(theme.color(ink))
            selection.cursor, selection.format = cursor, look
            selections.append(selection)
        self.text.setExtraSelections(selections)

    def _say_place(self) -> None:
        whole = self._whole
        if whole is None:
            return
        count = len(whole.passages)
        if self._index < 0:
            one, many = self.tr("1 passage"), self.tr("{n} passages")
            self._count.setText(one if count == 1 else many.format(n=f"{count:,}"))
            self._place.setText(whole.document.summary)
        else:
            passage = whole.passages[self._index]
            words = self.tr("Passage {n} of {of}")
            self._count.setText(words.format(n=f"{self._index + 1:,}", of=f"{count:,}"))
            page = place_text(passage.page, (), 0) if passage.page is not None else ""
            self._place.setText(" · ".join(part for part in (page, " › ".join(passage.heading)) if part))
        self.previous.setEnabled(self._index > 0)
        self.next.setEnabled(self._index + 1 < count)

    def _say(self, notice: str) -> None:
        self._notice.set("triangle-alert", notice, "warn")
        self._notice.setVisible(bool(notice))

    def _open_passage(self, row: int) -> None:
        self._view.set_chosen("text")
        self._stack.setCurrentIndex(0)
        self.show_passage(row)
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def _want_file(self) -> None:
        if self._whole is not None:
            self.file_wanted.emit(self._whole.document)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
            return
        super().keyPressEvent(event)
