"""Where people write to the model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.file_drops import FileDrops
from mastra_desktop.ui.widgets.kbd import Kbd
from mastra_desktop.ui.widgets.painting import draw_box

_MOST_LINES = 8
_CARET_RESTS_MS = 10_000
_RADIUS = 10


class Composer(QWidget):
    """A growing text box with a footer: pickers at the left, estimate and Send or Stop at the right.

    Sending empties the box at once, so nothing typed meanwhile gets lost; on a failure the pane puts the text
    back with `set_text`. While busy, Enter still submits: the pane queues it.
    """

    submitted = Signal(str)
    stop_requested = Signal()
    text_edited = Signal(str)
    history_wanted = Signal()
    queued_send = Signal(str)
    queued_edit = Signal(str)
    queued_remove = Signal(str)
    hash_typed = Signal()  # a # where a word begins
    files_dropped = Signal(list)  # of Path

    def __init__(
        self, theme: ThemeController, icons: Icons, placeholder: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons, self._busy = theme, icons, False
        self._editor = _Editor(theme)
        self._editor.setObjectName("composer")
        self._editor.setAccessibleName(self.tr("Message"))
        self._editor.setPlaceholderText(placeholder or self.tr("Ask anything"))
        self._editor.submit_pressed.connect(self._submit)
        self._editor.stop_pressed.connect(self._stop)
        self._editor.history_wanted.connect(self.history_wanted)
        self._editor.textChanged.connect(self._edited)
        self._editor.hash_typed.connect(self.hash_typed)
        self._estimate = QLabel()
        self._estimate.setProperty("role", "hint")
        self._send = Button("", theme, icons, "primary", "small", "arrow-up")
        self._send.setObjectName("sendButton")
        self._send.setProperty("square", "true")
        self._send.setAccessibleName(self.tr("Send"))
        self._send.setToolTip(self.tr("Send  Enter"))
        self._send.setFixedWidth(32)
        self._send.setIconSize(QSize(16, 16))
        self._send.clicked.connect(self._submit)
        self._stop_button = _StopButton(self.tr("Stop"), theme, icons)
        self._stop_button.setObjectName("stopButton")
        self._stop_button.clicked.connect(self._stop)

        self._left = QHBoxLayout()
        self._left.setSpacing(4)
        footer = QHBoxLayout()
        footer.setContentsMargins(0, 4, 0, 6)
        footer.setSpacing(4)
        footer.addLayout(self._left)
        footer.addStretch()
        footer.addWidget(self._estimate)
        footer.addSpacing(4)
        footer.addWidget(self._send)
        footer.addWidget(self._stop_button)
        self._frame = _Frame(theme, self._editor)
        inside = QVBoxLayout(self._frame)
        inside.setContentsMargins(6, 11, 6, 0)
        inside.setSpacing(0)
        text = QHBoxLayout()
        text.setContentsMargins(8, 0, 0, 0)
        text.addWidget(self._editor)
        inside.addLayout(text)
        inside.addLayout(footer)
        self._queue = QVBoxLayout()
        self._queue.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(self._queue)
        column.addWidget(self._frame)
        drops = FileDrops(self, self._frame, self._editor.viewport())
        drops.dropped.connect(self.files_dropped)
        drops.hovering.connect(self._frame.show_drag)
        self.setFocusProxy(self._editor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_busy(False)

    def add_widget(self, widget: QWidget) -> None:
        """Add a picker or button at the left of the footer."""
        self._left.addWidget(widget)

    def text(self) -> str:
        return self._editor.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace what is in the box and put the cursor at its end; undo still brings the old text back."""
        cursor = QTextCursor(self._editor.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self._editor.moveCursor(QTextCursor.MoveOperation.End)

    def insert_text(self, text: str) -> None:
        """Put text where the cursor is."""
        self._editor.textCursor().insertText(text)

    def take_back_hash(self) -> None:
        """Remove the # before the cursor."""
        cursor = self._editor.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        if before.endswith("#"):
            cursor.deletePreviousChar()

    def set_placeholder(self, text: str) -> None:
        self._editor.setPlaceholderText(text)
        self._editor.viewport().update()  # Qt repaints the caret's place only

    def set_estimate(self, text: str) -> None:
        """The quiet figure before the button, such as "≈ 820 tokens"."""
        self._estimate.setText(text)

    @property
    def busy(self) -> bool:
        return self._busy

    def set_busy(self, busy: bool) -> None:
        """While a reply is written Stop takes the place of Send."""
        had_focus = self._send.hasFocus() or self._stop_button.hasFocus()
        self._busy = busy
        self._editor.stoppable = busy
        self._send.setVisible(not busy)
        self._stop_button.setVisible(busy)
        if had_focus:
            self._editor.setFocus(Qt.FocusReason.OtherFocusReason)
        self._update_send()

    def set_queued(self, queued: Sequence[tuple[str, str]]) -> None:
        """Show the messages that wait, as (id, text), oldest first."""
        while (item := self._queue.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for message_id, text in queued:
            row = _QueuedRow(text, self._theme, self._icons)
            row.send.clicked.connect(lambda _=False, i=message_id: self.queued_send.emit(i))
            row.edit.clicked.connect(lambda _=False, i=message_id: self.queued_edit.emit(i))
            row.remove.clicked.connect(lambda _=False, i=message_id: self.queued_remove.emit(i))
            self._queue.addWidget(row)

    def _edited(self) -> None:
        self._update_send()
        self.text_edited.emit(self.text())

    def _update_send(self) -> None:
        self._send.setEnabled(bool(self.text().strip()))

    def _submit(self) -> None:
        text = self.text().strip()
        if text:
            self._editor.clear()
            self._editor.setFocus(Qt.FocusReason.OtherFocusReason)
            self.submitted.emit(text)

    def _stop(self) -> None:
        if self._busy:
            self.stop_requested.emit()


class _Editor(QPlainTextEdit):
    submit_pressed = Signal()
    stop_pressed = Signal()
    history_wanted = Signal()
    focus_changed = Signal()
    hash_typed = Signal()

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        self._theme = theme
        self.stoppable = False
        self._composing = False
        self.setProperty("bare", "true")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # a caret repaints nothing else
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._flash_ms = QApplication.cursorFlashTime()
        self._resting = QTimer(self, singleShot=True, interval=_CARET_RESTS_MS)
        self._resting.timeout.connect(lambda: QApplication.setCursorFlashTime(0))
        theme.changed.connect(self._restyle)
        self._restyle()

    def _wake_caret(self) -> None:
        """The caret blinks while somebody writes; at rest it stands still and costs nothing."""
        if QApplication.cursorFlashTime() != self._flash_ms:
            QApplication.setCursorFlashTime(self._flash_ms)
        self._resting.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._wake_caret()
        key, shift = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not shift and not self._composing:
            self.submit_pressed.emit()
        elif key == Qt.Key.Key_Escape and self.stoppable:
            self.stop_pressed.emit()
        elif key == Qt.Key.Key_Up and not self.toPlainText():
            self.history_wanted.emit()
        else:
            super().keyPressEvent(event)
            if event.text() == "#" and self._begins_word():
                self.hash_typed.emit()

    def _begins_word(self) -> bool:
        """Whether the character before the cursor is the first of a word."""
        before = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
        return len(before) < 2 or before[-2].isspace()

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._wake_caret()
        self.focus_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._composing = False
        self.focus_changed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._theme.current.color("card.bg"))
        painter.end()
        super().paintEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # A plain text document counts its height in lines, wrapped ones included.
        lines = int(self.document().size().height())
        first = self.document().firstBlock().layout()
        line = first.lineAt(0).height() if first.lineCount() else self.fontMetrics().lineSpacing()
        height = round(max(1, min(lines, _MOST_LINES)) * line) + 4
        if height != self.height():
            self.setFixedHeight(height)
        policy = (
            Qt.ScrollBarPolicy.ScrollBarAsNeeded
            if lines > _MOST_LINES
            else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        if policy != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(policy)

    def _restyle(self) -> None:
        self.setFont(self._theme.current.font("body"))
        self._fit()


class _Frame(QWidget):
    def __init__(self, theme: ThemeController, editor: _Editor) -> None:
        super().__init__()
        self._theme, self._editor = theme, editor
        editor.focus_changed.connect(self.update)
        self._dragged_over = False
        theme.changed.connect(self.update)
        self.setCursor(Qt.CursorShape.IBeamCursor)

    def show_drag(self, over: bool) -> None:
        """Whether files that can be dropped are over it."""
        self._dragged_over = over
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._editor.setFocus(Qt.FocusReason.MouseFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        focus = self._editor.hasFocus() or self._dragged_over
        edge = theme.color("border.focus" if focus else "border.control")
        rect = QRectF(self.rect())
        draw_box(
            QPainter(self),
            rect,
            _RADIUS,
            theme.color("surface.selected" if self._dragged_over else "card.bg"),
            edge,
            2 if focus else 1,
        )


class _StopButton(Button):
    def __init__(self, text: str, theme: ThemeController, icons: Icons) -> None:
        super().__init__(text, theme, icons, size="small")
        self.setProperty("stop", "true")
        self.setIcon(icons.icon("square", "danger.fg", 14))
        self._kbd = Kbd("Esc", self)
        self._kbd.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        return super().sizeHint() + QSize(self._kbd.sizeHint().width() + 4, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._kbd.adjustSize()
        self._kbd.move(self.width() - self._kbd.width() - 8, (self.height() - self._kbd.height()) // 2)


class _QueuedRow(QFrame):
    def __init__(self, text: str, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self.setProperty("card", "true")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 4, 2)
        row.setSpacing(4)
        label = ElidedLabel(text, "small")
        self.send = Button(self.tr("Send now"), theme, icons, "quiet", "mini")
        self.edit = IconButton("pencil", self.tr("Edit"), theme, icons, size=24, icon_size=14)
        self.remove = IconButton("x", self.tr("Remove"), theme, icons, size=24, icon_size=14)
        row.addWidget(label, 1)
        for button in (self.send, self.edit, self.remove):
            row.addWidget(button)
