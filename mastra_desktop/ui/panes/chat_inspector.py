"""Beside the conversation: the sources of its answers, and figures of the last one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from mastra_desktop.domain.chat import Message, Role
from mastra_desktop.services.price_book import PriceBook
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.money import cost_note
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.sources import source_views
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.source_card import SourceCard

MOST_SOURCES = 40


class ChatInspector(QWidget):
    """Shows what there is: no sources, no figures, then it says so."""

    closed = Signal()
    source_wanted = Signal(str, int)  # message id, number

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self.setObjectName("chatInspector")
        self.setAccessibleName(self.tr("Details"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.set_drawer(False)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(16, 14, 16, 16)
        self._column.setSpacing(8)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        column.addWidget(self._area, 1)
        self.show_messages((), PriceBook())

    def _make_header(self) -> QWidget:
        close = IconButton("x", self.tr("Close"), self._theme, self._icons, "Ctrl+I")
        close.clicked.connect(self.closed)
        title = label(self.tr("Details"), "section")
        title.setProperty("role", "strong")
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(self._theme.current.px("control.header"))
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 0, 8, 0)
        row.addWidget(title, 1)
        row.addWidget(close)
        return header

    def set_drawer(self, drawer: bool) -> None:
        """Whether it lies over the conversation."""
        self.setProperty("bar", "drawerRight" if drawer else "inspector")
        restyle(self)

    def show_messages(self, messages: Sequence[Message], prices: PriceBook) -> None:
        """The branch in view, oldest first."""
        while (item := self._column.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self._add_sources(messages)
        last = next((m for m in reversed(messages) if m.role is Role.ASSISTANT), None)
        facts = self._facts(last, prices) if last is not None else []
        if facts:
            self._column.addSpacing(8)
            self._column.addWidget(self._heading(self.tr("This reply")))
            self._column.addWidget(self._make_facts(facts))
        self._column.addStretch(1)

    def _add_sources(self, messages: Sequence[Message]) -> None:
        cards = self._cards(messages)
        self._column.addWidget(self._heading(self.tr("Sources in this chat"), len(cards)))
        for message_id, card in cards:
            card.clicked.connect(lambda _=False, i=message_id, n=card.source.n: self.source_wanted.emit(i, n))
            self._column.addWidget(card)
        if not cards:
            none = label(self.tr("Answers that draw on knowledge list their sources here."), "hint")
            none.setWordWrap(True)
            self._column.addWidget(none)

    def _cards(self, messages: Sequence[Message]) -> list[tuple[str, SourceCard]]:
        """(message id, card) of what answers cite, those of the newest answer first, each passage once."""
        asked = {m.id: m.text for m in messages if m.role is Role.USER}
        seen: set[tuple[str, int, int]] = set()
        cards: list[tuple[str, SourceCard]] = []
        for message in reversed(messages):
            cited = [s for s in message.sources if s.cited]
            new = [s for s in cited if (s.document_id, s.start, s.end) not in seen]
            seen |= {(s.document_id, s.start, s.end) for s in new}
            for view in source_views(new, asked.get(message.parent_id or "", "")):
                if len(cards) < MOST_SOURCES:
                    cards.append((message.id, SourceCard(view, self._theme, self._icons)))
        return cards

    def _heading(self, text: str, count: int | None = None) -> QWidget:
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 2)
        row.addWidget(label(text, "strong"), 1)
        if count:
            row.addWidget(label(f"{count:,}", "small"))
        return whole

    def _facts(self, message: Message, prices: PriceBook) -> list[tuple[str, str]]:
        """What is known of an answer."""
        usage, first, total = message.usage, message.first_token_ms, message.total_ms
        facts = []
        if first is not None:
            facts.append((self.tr("First token"), self.tr("{s} s").format(s=f"{first / 1000:.1f}")))
        if usage.output_tokens and total and total - (first or 0.0) > 50:
            speed = usage.output_tokens / (total - (first or 0.0)) * 1000
            facts.append((self.tr("Speed"), self.tr("{n} tokens/s").format(n=f"{speed:.0f}")))
        if usage.input_tokens is not None:
            facts.append((self.tr("Tokens in"), f"{usage.input_tokens:,}"))
        if usage.output_tokens is not None:
            facts.append((self.tr("Tokens out"), f"{usage.output_tokens:,}"))
        if cost := cost_note(message, prices):
            facts.append((self.tr("Cost"), cost))
        return facts

    def _make_facts(self, facts: Sequence[tuple[str, str]]) -> QWidget:
        whole = QWidget()
        grid = QGridLayout(whole)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(10)
        for at, (name, value) in enumerate(facts):
            cell = QVBoxLayout()
            cell.setSpacing(0)
            cell.addWidget(label(name, "small"))
            figure: QLabel = label(value, "strong")
            figure.setAccessibleName(f"{name}: {value}")
            cell.addWidget(figure)
            grid.addLayout(cell, at // 2, at % 2)
        return whole
