"""One turn of the conversation: where its parts stand, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication, QPointF, QRect
from PySide6.QtGui import QFontMetrics, QPainter

from mastra_desktop.ui.highlight import Highlighter
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.widgets.transcript_chrome import (
    CardLayout,
    Hot,
    Look,
    action_width,
    paint_actions,
    paint_bubble,
    paint_copy,
    paint_fold,
    paint_header,
)
from mastra_desktop.ui.widgets.transcript_citations import CitedText
from mastra_desktop.ui.widgets.transcript_code import CODE_HEADER, CodePiece
from mastra_desktop.ui.widgets.transcript_flow import Flow, Spot, renewed
from mastra_desktop.ui.widgets.transcript_sources import SourcesLayout
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_text import Range
from mastra_desktop.ui.widgets.transcript_view import TurnView

GAP = 12
"""Pixels below every turn."""
TEXT_LEFT = 40
"""Where text begins: a tile of 28 and a gap of 12."""
BUBBLE_MAX = 560
_HEADER = 28
_FOLD = 26
_ACTIONS = 26

Place = tuple[int, Spot]
"""(flow, (piece, position)): flow 0 is the reasoning, 1 the text."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The selected part of one turn, per flow."""

    start: Place
    end: Place

    def within(self, flow: int, end: Spot) -> tuple[Spot, Spot] | None:
        """The part that lies in a flow whose last place is `end`."""
        if not self.start[0] <= flow <= self.end[0]:
            return None
        return (
            self.start[1] if self.start[0] == flow else (0, 0),
            self.end[1] if self.end[0] == flow else end,
        )


class Turn:
    """A turn laid out for one column width. y positions are relative to its top."""

    def __init__(
        self, view: TurnView, style: Style, quiet: Style, icons: Icons, highlighter: Highlighter, width: int
    ) -> None:
        self.view = view
        self.width = width
        self._style, self._quiet, self._icons, self._highlighter = style, quiet, icons, highlighter
        self.user = view.kind == "user"
        self.open = False
        self._sources_open = False
        self.body = self._make_body()
        self.thought = self._make_thought()
        self._bubble = 0
        self._card: CardLayout | None = None
        self._cited: CitedText | None = None
        if view.text:
            self.body.append(view.text)
        if view.reasoning:
            self.thought.append(view.reasoning)
        self._fit()

    def _make_body(self) -> Flow:
        last = max((source.n for source in self.view.sources), default=0)
        room = self._body_room()
        return Flow(self._style, self._highlighter, room, plain=self.user, sources=last)

    def _make_thought(self) -> Flow:
        return Flow(self._quiet, self._highlighter, self._body_room() - 16)

    def _body_room(self) -> int:
        if not self.user:
            return max(80, self.width - TEXT_LEFT)
        beside = action_width(self.view) + 8
        return max(80, min(BUBBLE_MAX, self.width - beside) - 28)

    def _fit(self) -> None:
        """Sizes that follow from the view and the width."""
        if self.user:
            wide = self.body.natural_width(self._body_room())
            self.body.set_width(max(20, wide))
            self._bubble = self.body.width + 28
        card = self.view.card
        self._card = CardLayout(card, self._style, self._body_room()) if card is not None else None
        self._fit_sources()

    def _fit_sources(self) -> None:
        view, room = self.view, self._body_room()
        self._sources: SourcesLayout | None = None
        if view.notice or (view.sources and not view.streaming):
            self._sources = SourcesLayout(view, self._style, room, opened=self._sources_open)

    def show_sources(self, opened: bool) -> None:
        """Unfold the sources, or fold them."""
        self._sources_open = opened
        self._fit_sources()

    def set_width(self, width: int) -> None:
        """Lay out again for another column width; text is measured when seen."""
        self.width = width
        self.body.set_width(self._body_room())
        self.thought.set_width(self._body_room() - 16)
        self._fit()

    def update(self, view: TurnView) -> None:
        """Show another state. Text that only grew is appended; text that changed is read again."""
        old, self.view = self.view, view
        if len(old.sources) == len(view.sources):
            self.body = renewed(self.body, old.text, view.text, self._make_body, anew=self.user)
        else:  # what is a citation changed
            self.body = self._make_body()
            self.body.append(view.text)
        self.thought = renewed(self.thought, old.reasoning, view.reasoning, self._make_thought)
        self._cited = None
        self._fit()

    def append(self, delta: str) -> int:
        """Add to the text. Returns the y position from which on the turn changed."""
        self.view = replace(self.view, text=self.view.text + delta)
        return self._grow(self.body, delta, self.body_top)

    def append_reasoning(self, delta: str) -> int:
        """Add to the reasoning. Returns the y position from which on the turn changed."""
        self.view = replace(self.view, reasoning=self.view.reasoning + delta)
        return self._grow(self.thought, delta, self._thought_top)

    def _grow(self, flow: Flow, delta: str, top: int) -> int:
        if self.user:
            flow.append(self.view.text)
            self._fit()
            return 0
        caret = flow.heights.before(len(flow.pieces) - 1) if flow.pieces else -_FOLD
        first = flow.append(delta)
        return top + min(caret, flow.heights.before(min(first, len(flow.pieces))))

    # Where things stand

    @property
    def folds(self) -> bool:
        return bool(self.view.reasoning or self.view.reasoning_label) and not self.user

    @property
    def _fold_top(self) -> int:
        return _HEADER

    @property
    def _thought_top(self) -> int:
        return _HEADER + _FOLD + 2

    @property
    def body_top(self) -> int:
        if self.user:
            return 8
        top = _HEADER
        if self.folds:
            top += _FOLD + 4
            if self.open:
                top += self.thought.height + 8
        return top

    @property
    def body_left(self) -> int:
        return self.width - self._bubble + 14 if self.user else TEXT_LEFT

    @property
    def body_bottom(self) -> int:
        return self.body_top + self.body.height

    @property
    def _sources_top(self) -> int:
        return self.body_bottom + 6

    @property
    def _text_bottom(self) -> int:
        """Where the text ends, with what it stands on."""
        return self._sources_top + self._sources.height if self._sources else self.body_bottom

    @property
    def _card_top(self) -> int:
        return self._text_bottom + (8 if self.body.height else 4)

    @property
    def _actions_top(self) -> int:
        card = self._card
        return (self._card_top + card.height if card else self._text_bottom) + (
            6 if self.body.height or card else 0
        )

    @property
    def has_actions(self) -> bool:
        view = self.view
        return (
            not self.user and not view.streaming and bool(view.actions or view.footer or view.siblings[1] > 1)
        )

    @property
    def height(self) -> int:
        """Pixels of the turn, the gap below included."""
        if self.user:
            return self.body.height + 16 + (self._card.height + 8 if self._card else 0) + GAP
        if self.has_actions:
            return self._actions_top + _ACTIONS + GAP
        return (self._card_top + self._card.height if self._card else self._text_bottom) + GAP

    def flow(self, number: int) -> Flow:
        return self.body if number else self.thought

    def flow_origin(self, number: int) -> tuple[int, int]:
        """Left and top of a flow."""
        return (self.body_left, self.body_top) if number else (TEXT_LEFT + 16, self._thought_top)

    def measure(self, top: int, bottom: int) -> bool:
        """Lay out what shows between two y positions. True when heights were not as expected."""
        changed = False
        if self.open:
            changed |= self.thought.measure(top - self._thought_top, bottom - self._thought_top)
        changed |= self.body.measure(top - self.body_top, bottom - self.body_top)
        return changed

    def key_at(self, y: int) -> tuple[int, int]:
        """What stands at a y position, as (flow, piece); flow -1 is the top, 2 what comes below the text."""
        if (
            self.open
            and self._thought_top <= y < self._thought_top + self.thought.height
            and self.thought.pieces
        ):
            return 0, self.thought.heights.find(y - self._thought_top)
        if y < self.body_top or not self.body.pieces:
            return -1, 0
        if y >= self.body_bottom:
            return 2, 0
        return 1, self.body.heights.find(y - self.body_top)

    def y_of(self, key: tuple[int, int]) -> int:
        """The y position of what `key_at` named."""
        part, index = key
        if part == 2:
            return self.body_bottom
        if part < 0 or (part == 0 and not self.open):
            return 0
        flow = self.flow(part)
        return self.flow_origin(part)[1] + flow.heights.before(min(index, len(flow.pieces)))

    def ring_rect(self) -> QRect:
        """What the focus ring surrounds: the bubble of a prompt, all of a reply."""
        left = self.width - self._bubble if self.user else 0
        return QRect(left, 0, self.width - left, self.height - GAP)

    def caret_rect(self) -> QRect | None:
        """The caret at the end of a reply that is being written."""
        if not self.view.streaming or not self.body.pieces:
            return None
        piece = self.body.pieces[-1]
        if not piece.laid:
            return None
        x, y = self.flow_origin(1)
        at = piece.end_point() + QPointF(x + 2, y + self.body.top_of(len(self.body.pieces) - 1) + 3)
        return QRect(round(at.x()), round(at.y()), 2, self._style.line - 6)

    # Places and text

    def place_at(self, x: int, y: int) -> Place:
        """The text place nearest to a point."""
        number = 0 if self.open and y < self.body_top else 1
        left, top = self.flow_origin(number)
        return number, self.flow(number).spot_at(x - left, y - top)

    def everything(self) -> Selected:
        """The whole text, without the reasoning."""
        return Selected((1, (0, 0)), (1, self.body.end()))

    def selected_text(self, selected: Selected, *, markdown: bool = False) -> str:
        """The text of a selection; as Markdown, whole blocks of the source."""
        parts = []
        for number in (0, 1):
            flow = self.flow(number)
            part = selected.within(number, flow.end())
            if part is None or not flow.pieces or (number == 0 and not self.open):
                continue
            if markdown and not self.user:
                source = self.view.text if number else self.view.reasoning
                start, end = flow.source_lines(*part)
                lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
                parts.append("\n".join(lines[start:end]).rstrip("\n"))
            else:
                parts.append(flow.text_between(*part))
        return "\n\n".join(part for part in parts if part)

    def link_at(self, x: int, y: int) -> str:
        for number in (0, 1) if self.open else (1,):
            flow = self.flow(number)
            left, top = self.flow_origin(number)
            for _, piece, at in flow.visible(y - top, y - top + 1):
                if piece.laid and at <= y - top < at + piece.height:
                    return piece.link_at(x - left, y - top - at)
        return ""

    @property
    def cited(self) -> CitedText:
        """Citations, and sentences that nothing backs."""
        if self._cited is None or self._cited.flow is not self.body:
            self._cited = CitedText(self.view, self.body, self._style)
        return self._cited

    def doubtful_at(self, x: int, y: int) -> bool:
        """Whether a point lies on a sentence that nothing seems to back."""
        left, top = self.flow_origin(1)
        return self.cited.doubtful_at(x - left, y - top)

    def code_at(self, y: int) -> tuple[CodePiece, int] | None:
        """The code block at a y position and its own top."""
        top = self.body_top
        for _, piece, at in self.body.visible(y - top, y - top + 1):
            if isinstance(piece, CodePiece) and at <= y - top < at + piece.height:
                return piece, top + at
        return None

    # Things to press

    def hot_areas(self, around: Range | None = None, *, links: bool = False) -> list[Hot]:
        """What can be pressed, in reading order: in the whole text or `around` two y positions of it.

        Links only when asked for: they take time.
        """
        areas: list[Hot] = []
        if self.folds:
            label = self.view.reasoning_label or QCoreApplication.translate("Transcript", "Thinking")
            metrics = QFontMetrics(self._style.theme.font("small"))
            wide = metrics.horizontalAdvance(label) + 40
            areas.append(Hot("fold", "", QRect(TEXT_LEFT - 6, self._fold_top, wide, _FOLD - 2), label))
        copy = QCoreApplication.translate("Transcript", "Copy")
        label_width = QFontMetrics(self._style.theme.font("small", 500)).horizontalAdvance(copy)
        left, top = self.flow_origin(1)
        first, last = (around[0] - top, around[1] - top) if around else (0, self.body.height)
        for index, piece, at in self.body.visible(first, last):
            if isinstance(piece, CodePiece) and piece.laid:
                rect = piece.copy_rect(label_width).translated(left, top + at)
                areas.append(Hot("copy", str(index), rect, copy, "copy"))
            elif links and piece.laid:
                for rect, target in piece.links():
                    areas.append(Hot("link", target, rect.translated(left, top + at), target))
            if self.view.sources and piece.laid:
                areas += [hot.moved(left, top + at) for hot in self.cited.areas(index, piece)]
        if self._sources is not None:
            areas += self._sources.hot_areas(TEXT_LEFT, self._sources_top)
        if self._card is not None:
            areas += self._card.hot_areas(self.body_left if not self.user else TEXT_LEFT, self._card_top)
        if self.user:
            areas += paint_actions(None, self._look(), self.view, self._user_actions_rect(), right=True)
        elif self.has_actions:
            areas += paint_actions(None, self._look(), self.view, self._actions_rect())
        return areas

    def _look(self) -> Look:
        return Look(self._style, self._icons)

    def _actions_rect(self) -> QRect:
        return QRect(TEXT_LEFT, self._actions_top, self.width - TEXT_LEFT, _ACTIONS)

    def _user_actions_rect(self) -> QRect:
        return QRect(0, self.body.height + 16 - 32, self.width - self._bubble - 6, _ACTIONS)

    # Painting

    def paint(
        self,
        painter: QPainter,
        look: Look,
        x: int,
        y: int,
        clip: Range,
        selected: Selected | None,
        words: Sequence[str],
    ) -> None:
        """Draw what lies between the painter's y positions `clip`; (x, y) is the turn's top left corner."""
        painter.translate(x, 0)
        view = self.view
        if self.user:
            bubble = QRect(self.width - self._bubble, y, self._bubble, self.body.height + 16)
            paint_bubble(painter, look, bubble)
            if look.hovered or view.siblings[1] > 1:
                paint_actions(painter, look, view, self._user_actions_rect().translated(0, y), right=True)
        else:
            if clip[0] < y + _HEADER:
                paint_header(painter, look, view, QRect(0, y, self.width, _HEADER))
            if self.folds:
                paint_fold(
                    painter, look, view, QRect(TEXT_LEFT, y + self._fold_top, 0, _FOLD - 2), opened=self.open
                )
                if self.open:
                    self._paint_thought(painter, y, clip, selected, words)
            if self.has_actions and clip[1] > y + self._actions_top:
                paint_actions(painter, look, view, self._actions_rect().translated(0, y))
        part = selected.within(1, self.body.end()) if selected is not None else None
        self.body.paint(painter, self.body_left, y + self.body_top, clip, part, words)
        self.cited.paint(painter, look, self.body_left, y + self.body_top, clip)
        if self._sources is not None and clip[1] > y + self._sources_top:
            self._sources.paint(painter, look, TEXT_LEFT, y + self._sources_top)
        self._paint_copies(painter, look, y, clip)
        if self._card is not None:
            left = self.body_left if not self.user else TEXT_LEFT
            self._card.paint(painter, look, left, y + self._card_top)
        caret = self.caret_rect()
        if caret is not None:
            painter.fillRect(caret.translated(0, y), self._style.color("accent.solid"))
        painter.translate(-x, 0)

    def _paint_thought(
        self, painter: QPainter, y: int, clip: Range, selected: Selected | None, words: Sequence[str]
    ) -> None:
        top = y + self._thought_top
        line = QRect(TEXT_LEFT + 2, top, 2, self.thought.height)
        painter.fillRect(line, self._style.color("border.default"))
        part = selected.within(0, self.thought.end()) if selected is not None else None
        self.thought.paint(painter, TEXT_LEFT + 16, top, clip, part, words)

    def _paint_copies(self, painter: QPainter, look: Look, y: int, clip: Range) -> None:
        copy = QCoreApplication.translate("Transcript", "Copy")
        wide = QFontMetrics(self._style.theme.font("small", 500)).horizontalAdvance(copy)
        top = y + self.body_top
        for index, piece, at in self.body.visible(clip[0] - top, clip[1] - top):
            if isinstance(piece, CodePiece) and piece.laid and top + at + CODE_HEADER > clip[0]:
                rect = piece.copy_rect(wide).translated(self.body_left, top + at)
                paint_copy(painter, look, rect, str(index), copy)
