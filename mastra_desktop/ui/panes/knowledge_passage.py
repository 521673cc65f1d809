"""One passage in its surroundings: what stands before and after it, where it is, how it was found."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QTextEdit, QVBoxLayout, QWidget

from mastra_desktop.domain.knowledge import Document, DocumentText, Passage, PassageHit
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.document_kinds import place_text, utf16
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

_AROUND = 160  # characters shown before and after the passage
_LINE = 21
HEIGHT = 272


class PassageView(QWidget):
    """Previous and next go through the document's passages; "Open file" hands the file to its program."""

    moved = Signal(int)  # to another passage of the document: its index
    file_wanted = Signal(object)  # the Document
    reader_wanted = Signal(str, int)  # document id, passage index

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("passageView")
        self.setAccessibleName(self.tr("Passage"))
        self._theme = theme
        self._document: Document | None = None
        self._index, self._count = 0, 0
        self._shown: tuple[DocumentText | None, Passage, PassageHit | None] | None = None
        self.setProperty("surface", "content")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title = label("", "smallStrong")
        self._of = label("", "hint")
        self.previous = IconButton(
            "chevron-up", self.tr("Previous passage"), theme, icons, size=24, icon_size=15
        )
        self.next = IconButton("chevron-down", self.tr("Next passage"), theme, icons, size=24, icon_size=15)
        self.previous.clicked.connect(lambda: self.moved.emit(self._index - 1))
        self.next.clicked.connect(lambda: self.moved.emit(self._index + 1))
        self._read = Button(self.tr("Read"), theme, icons, "quiet", "mini", icon="book-open")
        self._read.setToolTip(self.tr("The document's text, opened at this passage"))
        self._read.setObjectName("openReader")
        self._open = Button(self.tr("Open file"), theme, icons, "quiet", "mini", icon="external-link")
        self._open.setObjectName("openFile")
        self._read.clicked.connect(self._want_reader)
        self._open.clicked.connect(lambda: self.file_wanted.emit(self._document))
        head = QWidget()
        head.setProperty("bar", "header")
        head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        head.setFixedHeight(theme.current.scaled(40))
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 8, 0)
        row.setSpacing(6)
        row.addWidget(self._title)
        row.addWidget(self._of)
        row.addStretch()
        for widget in (self.previous, self.next, self._read, self._open):
            row.addWidget(widget)
        self._place = ElidedLabel(role="hint", mode=Qt.TextElideMode.ElideLeft)
        self._text = QTextEdit()
        self._text.setReadOnly(True)
        self._text.setAcceptDrops(False)  # a drop is the pane's
        self._text.setFrameShape(QFrame.Shape.NoFrame)
        self._text.setProperty("bare", "true")
        self._text.setAccessibleName(self.tr("Text of the passage"))
        self._text.setTabChangesFocus(True)
        self._text.document().setDocumentMargin(0)
        self._facts = ElidedLabel(role="hint")
        self._facts.setContentsMargins(16, 0, 16, 0)
        self._facts.setFixedHeight(theme.current.scaled(34))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        middle = QVBoxLayout()
        middle.setContentsMargins(16, 10, 8, 6)
        middle.setSpacing(6)
        middle.addWidget(self._place)
        middle.addWidget(self._text, 1)
        column.addLayout(middle, 1)
        column.addWidget(self._facts)
        theme.changed.connect(self._fill)

    def show_hit(self, hit: PassageHit) -> None:
        """At once, before the document's text is read."""
        self._show(hit.document, None, hit.passage, hit)

    def show_passage(self, whole: DocumentText, index: int, hit: PassageHit | None) -> None:
        """With what stands around it; `hit` when it is the one that was found."""
        self._show(whole.document, whole, whole.passages[index], hit)

    def _show(
        self, document: Document, whole: DocumentText | None, passage: Passage, hit: PassageHit | None
    ) -> None:
        self._document, self._index = document, passage.index
        self._count = len(whole.passages) if whole is not None else document.passages
        self._shown = (whole, passage, hit)
        self._title.setText(self.tr("Passage {n}").format(n=f"{passage.index + 1:,}"))
        self._of.setText(self.tr("of {n}").format(n=f"{self._count:,}") if self._count else "")
        self.previous.setEnabled(whole is not None and passage.index > 0)
        self.next.setEnabled(whole is not None and passage.index + 1 < self._count)
        heading = " › ".join(passage.heading)
        page = place_text(passage.page, (), 0) if passage.page is not None else ""
        self._place.setText(" · ".join(part for part in (page, heading) if part) or document.name)
        self._facts.setText(" · ".join(self._facts_of(whole, passage, hit)))
        self._fill()

    def _facts_of(self, whole: DocumentText | None, passage: Passage, hit: PassageHit | None) -> list[str]:
        facts = [self.tr("{n} tokens").format(n=passage.tokens)] if passage.tokens else []
        before = whole.passages[passage.index - 1] if whole is not None and passage.index else None
        if before is not None and before.end > passage.start:
            facts.append(self.tr("overlap {n} characters").format(n=before.end - passage.start))
        if hit is not None and hit.meaning is not None:
            facts.append(self.tr("meaning {s}").format(s=f"{hit.meaning:.2f}"))
        if hit is not None and hit.words is not None:
            facts.append(self.tr("words {s}").format(s=f"{hit.words:.2f}"))
        if hit is None and not passage.embedded:
            facts.append(self.tr("words only so far"))
        return facts

    def _fill(self) -> None:
        if self._shown is None:
            return
        whole, passage, hit = self._shown
        theme = self._theme.current
        self._text.setFont(theme.font("body"))
        before = after = ""
        if whole is not None:
            before = _tail(whole.text, passage.start)
            after = _head(whole.text, passage.end)
        marks = hit.marks if hit is not None else ()
        self._text.clear()
        cursor = self._text.textCursor()
        cursor.setBlockFormat(_spaced(theme.scaled(_LINE)))
        _write(cursor, before, theme.color("text.tertiary"))
        start = cursor.position()
        _write(cursor, passage.text, theme.color("text.primary"))
        end = cursor.position()
        _write(cursor, after, theme.color("text.tertiary"))
        paint_marks(
            cursor,
            [(start + utf16(passage.text, s), start + utf16(passage.text, e)) for s, e in marks],
            theme.color("highlight.bg"),
            theme.color("highlight.fg"),
        )
        cursor.setPosition(max(start, min(start, end)))
        self._text.setTextCursor(cursor)
        self._text.verticalScrollBar().setValue(0)

    def _want_reader(self) -> None:
        if self._document is not None:
            self.reader_wanted.emit(self._document.id, self._index)


def paint_marks(cursor: QTextCursor, marks: Sequence[tuple[int, int]], fill: QColor, ink: QColor) -> None:
    """Marks (start, end) of a document, in its own positions."""
    look = QTextCharFormat()
    look.setBackground(fill)
    look.setForeground(ink)
    for start, end in marks:
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(look)


def _write(cursor: QTextCursor, text: str, ink: QColor) -> None:
    look = QTextCharFormat()
    look.setForeground(ink)
    cursor.insertText(text.replace("\r", " "), look)


def _spaced(line: int) -> QTextBlockFormat:
    block = QTextBlockFormat()
    block.setLineHeight(line, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return block


def _tail(text: str, end: int) -> str:
    """What stands before `end` in the same paragraph, from the start of a word."""
    cut = text[max(0, end - _AROUND) : end]
    paragraph = cut.rpartition("\n")[2]
    if len(paragraph) == len(cut) and end > _AROUND:
        return "…" + paragraph.partition(" ")[2]
    return paragraph


def _head(text: str, start: int) -> str:
    """What follows `start` in the same paragraph, to the end of a word."""
    cut = text[start : start + _AROUND]
    paragraph = cut.partition("\n")[0]
    if len(paragraph) == len(cut) and start + _AROUND < len(text):
        return paragraph.rpartition(" ")[0] + "…"
    return paragraph
