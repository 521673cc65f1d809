"""What a collection cannot do for now, above its documents: no index of meanings, an embedder away."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.events import VectorIndexChanged, VectorIndexState
from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import IconText
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button

_BUILTIN = "builtin"


class KnowledgeNotices(QWidget):
    """Each notice says what is down, what still works and what to do; hidden while all is well."""

    settings_wanted = Signal(str)  # a provider's id
    retry_wanted = Signal()  # of all that failed

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._away: Mapping[str, ErrorInfo] = {}
        self._collection: Collection | None = None
        self._index = IconText("info", "", theme, icons, tone="warn", wrap=True)
        self._index.setObjectName("indexNotice")
        self._words = IconText("triangle-alert", "", theme, icons, tone="warn", wrap=True)
        self._words.setObjectName("embedderNotice")
        self._settings = Button(self.tr("Open its settings"), theme, icons, size="small", icon="settings")
        self._settings.setObjectName("embedderSettings")
        self._settings.clicked.connect(lambda: self.settings_wanted.emit(self._provider()))
        self._embedder = _row(self._words, self._settings)
        self._failures = IconText("circle-x", "", theme, icons, tone="danger")
        self._failures.setObjectName("failedNotice")
        retry = Button(self.tr("Try all again"), theme, icons, size="small", icon="rotate-ccw")
        retry.setObjectName("retryAll")
        retry.clicked.connect(self.retry_wanted)
        self._failed = _row(self._failures, retry)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 12, 24, 0)
        column.setSpacing(8)
        for notice in (self._index, self._embedder, self._failed):
            column.addWidget(notice)
        self._index.hide()
        self._show()

    @property
    def embedder_is_away(self) -> bool:
        """Whether the collection in view waits for its embedder."""
        return self._error() is not None

    def show_collection(self, collection: Collection | None) -> None:
        self._collection = collection
        self._show()

    def show_away(self, away: Mapping[str, ErrorInfo]) -> None:
        """The embedders that cannot be used, and why."""
        self._away = away
        self._show()

    def show_index(self, index: VectorIndexChanged) -> None:
        """What the index of meanings cannot do for now; nothing when all is well."""
        words = {
            VectorIndexState.REBUILDING: self.tr(
                "The index of meanings is being rebuilt. Until then, searches go by words."
            ),
            VectorIndexState.DOWN: self.tr("The index of meanings cannot be used. Searches go by words."),
        }.get(index.state, "")
        text = (index.detail or words) if words else ""
        self._index.set("info", text, "warn")
        self._index.setVisible(bool(text))
        self._show()

    def _error(self) -> ErrorInfo | None:
        return self._away.get(self._collection.embedder_id) if self._collection is not None else None

    def _provider(self) -> str:
        return split_model_id(self._collection.embedder_id)[0] if self._collection is not None else ""

    def _show(self) -> None:
        error = self._error()
        if error is not None and self._collection is not None:
            self._words.set("triangle-alert", self._text(self._collection, error), "warn")
            self._settings.setVisible(self._provider() != _BUILTIN)
            self._settings.setAccessibleName(
                self.tr("Open the settings of {provider}").format(provider=self._provider())
            )
        self._embedder.setVisible(error is not None)
        failed = (
            self._collection.failed if self._collection is not None and not self._collection.adding else 0
        )
        self._failures.set(
            "circle-x", self.tr("{n} files could not be added.").format(n=f"{failed:,}"), "danger"
        )
        self._failed.setVisible(failed > 1)  # the row of a single one has its own button
        notices = (self._index, self._embedder, self._failed)
        self.setVisible(any(not notice.isHidden() for notice in notices))

    def _text(self, collection: Collection, error: ErrorInfo) -> str:
        down = self.tr("The embedding model {model} cannot be used.").format(model=collection.embedder_id)
        if error.retryable:
            after = self.tr("It is tried again by itself.")
        else:
            after = self.tr("Once that is mended, work goes on by itself.")
        waiting = collection.adding
        works = self.tr("Searches go by words meanwhile.")
        if waiting == 1:
            works = self.tr("Searches go by words meanwhile; 1 document waits.")
        elif waiting:
            works = self.tr("Searches go by words meanwhile; {n} documents wait.").format(n=f"{waiting:,}")
        return " ".join(_sentence(part) for part in (down, error.message, error.hint, works, after) if part)


def _sentence(text: str) -> str:
    """What a vendor said often has no full stop."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _row(words: QWidget, button: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(12)
    row.addWidget(words, 1)
    row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
    return made
