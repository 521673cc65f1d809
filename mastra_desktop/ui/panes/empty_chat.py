"""A chat without messages: a question, and prompts to start from."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController

MARK = 52


class EmptyChat(QWidget):
    """`suggestion_chosen` carries the prompt that goes into the composer."""

    suggestion_chosen = Signal(str)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("emptyChat")
        mark = QLabel()
        mark.setPixmap(icons.app_icon().pixmap(QSize(MARK, MARK), self.devicePixelRatioF()))
        mark.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        title = label(self.tr("What do you want to find out?"), "pageTitle")
        hint = label(
            self.tr("Answers come from the model chosen below. Nothing is sent anywhere else."),
            "bodySecondary",
        )
        for text in (title, hint):
            text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            text.setWordWrap(True)
        grid = QGridLayout()
        grid.setSpacing(12)
        for i, (name, tile, prompt, note) in enumerate(self._suggestions()):
            card = SuggestionCard(theme, icons, name, tile, prompt, note)
            card.clicked.connect(lambda _checked=False, prompt=prompt: self.suggestion_chosen.emit(prompt))
            grid.addWidget(card, i // 2, i % 2)
        column = QVBoxLayout()
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(0)
        column.addStretch(1)
        column.addWidget(mark)
        column.addSpacing(22)
        column.addWidget(title)
        column.addSpacing(6)
        column.addWidget(hint)
        column.addSpacing(26)
        column.addLayout(grid)
        column.addStretch(1)
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(theme.current.px("layout.content.readingMax") + 48)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(middle, 100)
        row.addStretch(1)

    def _suggestions(self) -> tuple[tuple[str, str, str, str], ...]:
        return (
            (
                "code",
                "petrol",
                self.tr("Write a Python function that reads a CSV file"),
                self.tr("Code with an example"),
            ),
            (
                "mail",
                "rose",
                self.tr("Draft a short mail that moves Friday's meeting"),
                self.tr("Polite, two sentences"),
            ),
            (
                "languages",
                "sky",
                self.tr("Say “The train leaves at eight” in Chinese"),
                self.tr("Translation"),
            ),
            (
                "list-checks",
                "iris",
                self.tr("Explain what an HTTP 429 answer means"),
                self.tr("In plain words"),
            ),
        )


class SuggestionCard(QPushButton):
    """An icon tile, the prompt, and a note below it."""

    def __init__(
        self, theme: ThemeController, icons: Icons, icon: str, tile: str, prompt: str, note: str
    ) -> None:
        super().__init__()
        self._theme, self._icons, self._icon, self._tile = theme, icons, icon, tile
        self.setProperty("variant", "card")
        self.setAccessibleName(prompt)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._mark = QLabel()
        self._mark.setFixedSize(32, 32)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        texts = QVBoxLayout()
        texts.setSpacing(1)
        texts.addWidget(label(prompt, "strong", wrap=True))
        texts.addWidget(label(note, "small"))
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(16, 14, 16, 14)
        row.setSpacing(12)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)  # a long prompt takes two lines
        self.setSizePolicy(policy)
        for child in self.findChildren(QLabel):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._dress)
        self._dress()

    def sizeHint(self) -> QSize:
        return self._row.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._row.minimumSize()

    def heightForWidth(self, width: int) -> int:
        return self._row.heightForWidth(width)

    def _dress(self) -> None:
        theme = self._theme.current
        self._mark.setPixmap(
            self._icons.pixmap(self._icon, theme.color(f"tile.{self._tile}.fg"), 18, self.devicePixelRatioF())
        )
        self._mark.setStyleSheet(
            f"background: {theme.css(f'tile.{self._tile}.bg')}; border-radius: {theme.px('radius.sm')}px;"
        )
