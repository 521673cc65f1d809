"""How far adding is: counts by state, the time left, Pause and Resume, and a bar of all that."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection as Many

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.document_table import IN_WORK, UNFINISHED
from mastra_desktop.ui.panes.knowledge_words import duration_text
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.segment_bar import SegmentBar

_LOOK_BACK_S = 40.0
_LEAST_SPAN_S = 4.0


class ProgressSummary(QWidget):
    """Shown while a batch is being added."""

    pause_pressed = Signal(bool)  # True: hold back

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("addingSummary")
        self._paused = False
        self._seen: deque[tuple[float, int]] = deque()
        self._title = label("", "smallStrong")
        self._counts = {name: label("", "small") for name in ("ready", "working", "queued")}
        self._counts["failed"] = label("", "smallDanger")
        self._left = label("", "hint")
        self._pause = Button("", theme, icons, "quiet", "mini", icon="pause")
        self._pause.setObjectName("pauseButton")
        self._pause.clicked.connect(lambda: self.pause_pressed.emit(not self._paused))
        self._bar = SegmentBar(theme)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._title)
        for count in self._counts.values():
            row.addWidget(count)
        row.addStretch()
        row.addWidget(self._left)
        row.addWidget(self._pause)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 0, 24, 14)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self._bar)

    def forget_pace(self) -> None:
        """Another batch: what was measured says nothing about it."""
        self._seen.clear()

    def show_batch(
        self, batch: Many[Document], paused: bool, passages_per_s: float, now: float, *, held: bool = False
    ) -> str:
        """Shows it and returns it in a few words, "6 of 12 files added"; hides itself for an empty one.

        `passages_per_s` is the embedder's own estimate, until the pace has been seen; `now` in seconds.
        `held`: its embedder is away, nobody knows for how long.
        """
        self.setVisible(bool(batch))
        if not batch:
            return ""
        states = [document.state for document in batch]
        ready = sum(state in (DocumentState.READY, DocumentState.SKIPPED) for state in states)
        working = sum(state in IN_WORK for state in states)
        queued = states.count(DocumentState.QUEUED)
        failed = states.count(DocumentState.FAILED)
        self._paused = paused
        title = self.tr("Paused") if paused else self.tr("Adding {n} files").format(n=f"{len(batch):,}")
        if len(batch) == 1 and not paused:
            title = self.tr("Adding 1 file")
        self._title.setText(title)
        words = {
            "ready": (ready, self.tr("{n} ready")),
            "working": (working, self.tr("{n} in progress")),
            "queued": (queued, self.tr("{n} queued")),
            "failed": (failed, self.tr("{n} failed")),
        }
        for name, (count, text) in words.items():
            self._counts[name].setText(text.format(n=f"{count:,}"))
            self._counts[name].setVisible(bool(count))
        left = None if paused or held else self._time_left(batch, passages_per_s, now)
        self._left.setText(self.tr("{time} left").format(time=duration_text(left)) if left else "")
        self._pause.setText(self.tr("Resume") if paused else self.tr("Pause"))
        self._pause.set_icon("play" if paused else "pause")
        said = ", ".join(text.format(n=count) for count, text in words.values() if count)
        self._bar.set_parts(
            (
                (ready, "success.solid"),
                (working, "accent.solid"),
                (queued, "chart.track"),
                (failed, "danger.solid"),
            ),
            f"{title}: {said}",
        )
        return self.tr("{done} of {of} files added").format(done=f"{ready:,}", of=f"{len(batch):,}")

    def _time_left(self, batch: Many[Document], passages_per_s: float, now: float) -> float | None:
        """In seconds, None where nothing is known to go by."""
        done, to_do, known_bytes, known_passages, unread_bytes = 0, 0, 0, 0, 0
        for d in batch:
            if d.state is DocumentState.EMBEDDING:
                done, to_do = done + d.done, to_do + max(0, d.of - d.done)
                known_bytes, known_passages = known_bytes + d.size_bytes, known_passages + d.of
            elif d.state is DocumentState.READY:
                done += d.passages
                known_bytes, known_passages = known_bytes + d.size_bytes, known_passages + d.passages
            elif d.state in UNFINISHED:
                unread_bytes += d.size_bytes
        if unread_bytes:
            if not known_bytes:
                return None
            to_do += round(unread_bytes * known_passages / known_bytes)
        pace = self._pace(done, now) or passages_per_s
        return to_do / pace if pace > 0 and to_do else None

    def _pace(self, done: int, now: float) -> float:
        """Passages per second as seen lately; 0 while too little was seen."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _LOOK_BACK_S:
            self._seen.popleft()
        span, made = now - self._seen[0][0], done - self._seen[0][1]
        return made / span if span >= _LEAST_SPAN_S else 0.0
