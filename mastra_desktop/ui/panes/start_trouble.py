"""A start that failed: what happened, what is safe, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.ui.errors import details_of
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import FlowLayout, Icon, label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button

MOST_WIDTH = 600
DETAILS_HEIGHT = 120


class StartTrouble(QWidget):
    """Fills the window while the core cannot be built."""

    try_again = Signal()
    set_aside = Signal()
    restore = Signal()
    rescue = Signal()
    quit = Signal()

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        error: ErrorInfo,
        *,
        damaged: bool,
        backup: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`damaged`: the database is no readable file, so starting without it is offered. `backup`: when the
        newest good one was taken, in words."""
        super().__init__(parent)
        self.setObjectName("StartTrouble")
        title = self.tr("Mastra Desktop could not start")
        self.setAccessibleName(title)
        self.setAccessibleDescription(f"{error.message} {error.hint}".strip())
        column = QVBoxLayout()
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(Icon("circle-alert", theme, icons, "danger.fg", 32))
        column.addSpacing(8)
        column.addWidget(label(title, "heading", wrap=True))
        column.addWidget(label(error.message, "body", wrap=True))
        if error.hint:
            column.addWidget(label(error.hint, "secondary", wrap=True))
        if damaged:
            safe = self.tr(
                "Setting the file aside keeps it beside the new one, under another name. Nothing is deleted."
            )
            column.addWidget(label(safe, "secondary", wrap=True))
        if error.detail:
            column.addSpacing(4)
            column.addWidget(self._details(theme, error.detail))
        column.addSpacing(12)
        self.again_button = Button(self.tr("Try again"), theme, icons, "primary", icon="refresh-cw")
        self.again_button.setObjectName("tryAgainButton")
        self.again_button.clicked.connect(self.try_again)
        buttons = FlowLayout(across=8, down=8)
        buttons.addWidget(self.again_button)
        if backup:
            words = self.tr("Restore the backup of {when}").format(when=backup)
            back = Button(words, theme, icons, icon="history")
            back.setObjectName("restoreButton")
            back.clicked.connect(self.restore)
            buttons.addWidget(back)
        if damaged:
            rescue = Button(self.tr("Rescue what can be read"), theme, icons)
            rescue.setObjectName("rescueButton")
            rescue.clicked.connect(self.rescue)
            buttons.addWidget(rescue)
            aside = Button(self.tr("Set it aside and start new"), theme, icons)
            aside.setObjectName("setAsideButton")
            aside.clicked.connect(self.set_aside)
            buttons.addWidget(aside)
        copy = Button(self.tr("Copy details"), theme, icons, "quiet", icon="copy")
        copy.setObjectName("copyDetailsButton")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details_of(error)))
        buttons.addWidget(copy)
        leave = Button(self.tr("Quit"), theme, icons, "quiet")
        leave.setObjectName("quitButton")
        leave.clicked.connect(self.quit)
        buttons.addWidget(leave)
        column.addLayout(buttons)
        column.addStretch(3)
        self._fill(column)
        self.setFocusProxy(self.again_button)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.again_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _details(self, theme: ThemeController, text: str) -> QPlainTextEdit:
        details = QPlainTextEdit(text)
        details.setObjectName("errorDetails")
        details.setReadOnly(True)
        details.setTabChangesFocus(True)
        details.setAccessibleName(self.tr("Details"))
        details.setFont(theme.current.font("code"))
        lines = min(text.count("\n") + 1 + len(text) // 80, 6)
        details.setFixedHeight(min(DETAILS_HEIGHT, lines * theme.current.line_height("code") + 26))
        return details

    def _fill(self, column: QVBoxLayout) -> None:
        """`column` in the middle, at most MOST_WIDTH wide, scrolling where the window is too low."""
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(MOST_WIDTH)
        inner = QWidget()
        row = QHBoxLayout(inner)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(middle, 1000)
        row.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
