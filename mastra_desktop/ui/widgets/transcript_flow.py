"""The column of pieces that one text makes: parsed in slices, measured where it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPen

from mastra_desktop.ui.highlight import Highlighter
from mastra_desktop.ui.markdown import Block, MarkdownStream, plain_blocks
from mastra_desktop.ui.markdown_inline import InlineReader
from mastra_desktop.ui.widgets.transcript_blocks import Piece, RulePiece, TextPiece, gap_above
from mastra_desktop.ui.widgets.transcript_code import CodePiece
from mastra_desktop.ui.widgets.transcript_heights import Heights
from mastra_desktop.ui.widgets.transcript_style import INDENT, Style
from mastra_desktop.ui.widgets.transcript_table import TABLE_SAMPLE, RowPiece, Table
from mastra_desktop.ui.widgets.transcript_text import Range

_SLICE = 4_000
_SLICE_SECONDS = 0.006
_COSTLY_SECONDS = 0.008

Spot = tuple[int, int]
"""(piece index, text position): a place between two characters."""


class Flow:
    """Pieces from top to bottom. Heights are estimates until a piece was seen. `sources` can be cited."""

    def __init__(
        self, style: Style, highlighter: Highlighter, width: int, *, plain: bool = False, sources: int = 0
    ) -> None:
        self._style = style
        self._highlighter = highlighter
        self._width = width
        self._plain = plain
        self._stream = MarkdownStream()
        self._reader = InlineReader(sources)
        self._cost = 0.0
        self._rest_until = 0.0
        self._pending = ""
        self.pieces: list[Piece] = []
        self.heights = Heights()

    @property
    def width(self) -> int:
        return self._width

    @property
    def height(self) -> int:
        """Pixels of everything, text that is not parsed yet included."""
        return self.heights.total + self._pending_height()

    @property
    def parsed(self) -> bool:
        """Whether all text has become pieces."""
        return not self._pending

    @property
    def code_is_open(self) -> bool:
        """Whether the last piece is a code block that still grows."""
        return self._stream.code_is_open

    def _pending_height(self) -> int:
        if len(self._pending) < _SLICE // 2:  # shown within the next frames
            return 0
        per_line = max(8.0, self._width / self._style.letter)
        lines = len(self._pending) / per_line + self._pending.count("\n") * 0.5
        return round(lines * self._style.line)

    def append(self, text: str) -> int:
        """Add text at the end. Returns the index of the first piece that changed."""
        if self._plain:
            self.pieces.clear()
            self._rebuild(0, plain_blocks(text))
            return 0
        rest = perf_counter() < self._rest_until
        if rest or self._pending or len(text) > 2 * _SLICE:
            self._pending += text
            return self.parse_more() if not self.pieces else len(self.pieces)
        return self._feed(text)

    def parse_more(self) -> int:
        """Parse waiting text for a few milliseconds. Returns the index of the first piece that changed."""
        first = len(self.pieces)
        if perf_counter() < self._rest_until:
            return first
        deadline = perf_counter() + _SLICE_SECONDS
        while self._pending:
            cut = self._pending.find("\n", _SLICE) + 1 or _SLICE * 2
            part, self._pending = self._pending[:cut], self._pending[cut:]
            first = min(first, self._feed(part))
            if perf_counter() > deadline:
                break
        return first

    def _feed(self, text: str) -> int:
        started = perf_counter()
        first = self._stream.feed(text)
        changed = self._rebuild(first, self._stream.blocks)
        self._spent(perf_counter() - started, anew=True)
        return changed

    def _spent(self, seconds: float, *, anew: bool = False) -> None:
        """Where reading and laying out the open block takes long, leave twice that time between."""
        self._cost = seconds if anew else self._cost + seconds
        self._rest_until = perf_counter() + 2 * self._cost if self._cost > _COSTLY_SECONDS else 0.0

    def _rebuild(self, first: int, blocks: Sequence[Block]) -> int:
        """Make `pieces` follow `blocks` from index `first` on; pieces that stay equal are kept."""
        old = self.pieces[first:]
        del self.pieces[first:]
        changed = len(blocks)
        for index in range(first, len(blocks)):
            before = self.pieces[-1] if self.pieces else None
            mine = old[index - first] if index - first < len(old) else None
            piece = self._keep(mine, blocks[index], before) or self._make(blocks[index], before)
            self.pieces.append(piece)
            if piece is not mine or not piece.laid:
                changed = min(changed, index)
        changed = self._fit_tables(changed)
        self._refresh_heights(changed)
        return changed

    def _keep(self, piece: Piece | None, block: Block, before: Piece | None) -> Piece | None:
        """The old piece, if it can show the block."""
        if piece is None or piece.gap != gap_above(block, before.block if before else None):
            return None
        if isinstance(piece, CodePiece) and block.kind == "code" and piece.block.language == block.language:
            if piece.block.inside != block.inside or piece.block.markers != block.markers:
                return None
            piece.take(block)
            return piece
        if piece.block != block:
            return None
        if isinstance(piece, RowPiece) and not block.header and piece.table is not _table_of(before):
            return None
        return piece

    def _make(self, block: Block, before: Piece | None) -> Piece:
        gap = gap_above(block, before.block if before else None)
        if block.kind == "code":
            return CodePiece(block, gap, self._style, self._highlighter)
        if block.kind == "rule":
            return RulePiece(block, gap, self._style)
        if block.kind == "row":
            table = None if block.header else _table_of(before)
            table = table or Table(len(self.pieces))
            return RowPiece(block, gap, self._style, self._reader, table)
        return TextPiece(block, gap, self._style, self._reader)

    def _fit_tables(self, changed: int) -> int:
        """Bring tables that grew up to date. Columns may move, so returns the first changed piece anew."""
        tables: dict[int, Table] = {}
        for index in range(max(0, changed - 1), len(self.pieces)):
            piece = self.pieces[index]
            if isinstance(piece, RowPiece):
                last = index + 1 == len(self.pieces) or _table_of(self.pieces[index + 1]) is not piece.table
                if last != piece.last:
                    piece.last = last
                    changed = min(changed, index)
                tables[piece.table.first] = piece.table
        for first, table in tables.items():
            sample = self.pieces[first : first + TABLE_SAMPLE]
            rows = [piece for piece in sample if isinstance(piece, RowPiece) and piece.table is table]
            if changed < first + TABLE_SAMPLE and table.fit(rows):
                for piece in self.pieces[first:]:
                    if _table_of(piece) is table:
                        piece.laid = False
                changed = min(changed, first)
        return changed

    def _refresh_heights(self, first: int) -> None:
        self.heights.truncate(first)
        for piece in self.pieces[first:]:
            self.heights.append(piece.gap + (piece.height if piece.laid else piece.estimate(self._width)))

    def set_width(self, width: int) -> None:
        """Forget all layout; O(pieces), nothing is measured."""
        if width == self._width:
            return
        self._width = width
        for piece in self.pieces:
            piece.laid = False
        self._refresh_heights(0)

    def natural_width(self, limit: int) -> int:
        """How wide the text wants to be, at most `limit`; for bubbles."""
        widest = 0
        if len(self.pieces) > 40 or any(len(piece.block.text) > 400 for piece in self.pieces):
            return limit
        for piece in self.pieces:
            if isinstance(piece, TextPiece):
                widest = max(widest, piece.natural_width())
                piece.laid = False
        return min(limit, widest)

    def measure(self, top: int, bottom: int) -> bool:
        """Lay out the pieces that show between two y positions. True when a height was not as expected."""
        if not self.pieces:
            return False
        changed = False
        index = self.heights.find(max(0, top))
        y = self.heights.before(index)
        while index < len(self.pieces) and y < bottom:
            changed |= self.measure_piece(index)
            y += self.heights[index]
            index += 1
        return changed

    def measure_piece(self, index: int) -> bool:
        """Lay out one piece. True when its height was not as expected."""
        piece = self.pieces[index]
        if piece.laid:
            return False
        expected, started = self.heights[index], perf_counter()
        self.heights[index] = piece.gap + piece.lay_out(self._width)
        if index == len(self.pieces) - 1:
            self._spent(perf_counter() - started)
        return self.heights[index] != expected

    def visible(self, top: int, bottom: int) -> Iterator[tuple[int, Piece, int]]:
        """(index, piece, y of its content) of the pieces between two y positions."""
        if not self.pieces:
            return
        index = self.heights.find(max(0, top))
        y = self.heights.before(index)
        while index < len(self.pieces) and y < bottom:
            piece = self.pieces[index]
            yield index, piece, y + piece.gap
            y += self.heights[index]
            index += 1

    def top_of(self, index: int) -> int:
        """The y position of a piece's content."""
        return self.heights.before(index) + self.pieces[index].gap

    def paint(
        self,
        painter: QPainter,
        x: int,
        y: int,
        clip: Range,
        selected: tuple[Spot, Spot] | None,
        words: Sequence[str],
    ) -> None:
        """Draw the measured pieces between the painter's y positions `clip`."""
        for index, piece, top in self.visible(clip[0] - y, clip[1] - y):
            if not piece.laid:
                continue
            if piece.block.inside:
                self._paint_containers(painter, x, y + top, index, piece)
            part = None
            if selected is not None:
                part = part_of(selected, index, piece)
            piece.paint(painter, x, y + top, clip, part, words)

    def _paint_containers(self, painter: QPainter, x: int, y: int, index: int, piece: Piece) -> None:
        style, inside = self._style, piece.block.inside
        above = self.pieces[index - 1].block.inside if index else ""
        left = x
        for depth, letter in enumerate(inside):
            if letter == "q":
                joined = above[: depth + 1] == inside[: depth + 1]
                start = y - (piece.gap if joined else 0)
                painter.fillRect(left, start, 3, y + piece.height - start, style.color("border.strong"))
            left += INDENT[letter]
        for depth, sign in piece.block.markers:
            right = x + sum(INDENT[letter] for letter in inside[: depth + 1])
            self._paint_marker(painter, right, y, sign, inside[: depth + 1].count("b"))

    def _paint_marker(self, painter: QPainter, right: int, y: int, sign: str, level: int) -> None:
        style = self._style
        middle = y + style.line / 2
        if sign == "•":
            painter.setPen(QPen(style.color("text.tertiary"), 1))
            painter.setBrush(style.color("text.tertiary") if level != 2 else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(right - 11, middle), 2, 2)
        elif sign in "☐☑":
            box = QRect(right - 18, round(middle - 6), 12, 12)
            done = sign == "☑"
            painter.setPen(style.color("accent.solid" if done else "border.control"))
            painter.setBrush(style.color("accent.solid") if done else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.toRectF().translated(0.5, 0.5), 3, 3)
            if done:
                painter.setPen(QPen(style.color("surface.content"), 1.6))
                corner = QPointF(box.topLeft())
                painter.drawPolyline([corner + QPointF(*at) for at in ((3.5, 6.8), (5.6, 9), (9.5, 4.2))])
        else:
            painter.setFont(style.font)
            painter.setPen(style.color("text.tertiary"))
            at = QRect(right - 66, y, 60, style.line)
            painter.drawText(at, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, sign)

    def spot_at(self, x: int, y: int) -> Spot:
        """The text place nearest to a point."""
        if not self.pieces:
            return 0, 0
        if y >= self.heights.total:
            last = len(self.pieces) - 1
            return last, self.pieces[last].length()
        index = self.heights.find(max(0, y))
        self.measure_piece(index)
        return index, self.pieces[index].position_at(x, y - self.top_of(index))

    def end(self) -> Spot:
        """The place after the last character."""
        if not self.pieces:
            return 0, 0
        return len(self.pieces) - 1, self.pieces[-1].length()

    def text_between(self, start: Spot, end: Spot) -> str:
        """The visible text between two places."""
        parts: list[str] = []
        for index in range(start[0], min(end[0] + 1, len(self.pieces))):
            piece = self.pieces[index]
            part = part_of((start, end), index, piece)
            if part is None:
                continue
            together = parts and (
                piece.block.kind == "line"
                or (piece.block.kind == "row" and not piece.block.header)
                or piece.gap < 4
            )
            signs = " ".join(sign for _, sign in piece.block.markers) if part[0] == 0 else ""
            text = f"{signs} {piece.selected_text(part)}" if signs else piece.selected_text(part)
            parts.append(("\n" if together else "\n\n" if parts else "") + text)
        return "".join(parts)

    def source_lines(self, start: Spot, end: Spot) -> Range:
        """The source lines of the pieces between two places."""
        return self.pieces[start[0]].block.line, self.pieces[min(end[0], len(self.pieces) - 1)].block.end


def part_of(selected: tuple[Spot, Spot], index: int, piece: Piece) -> Range | None:
    """The selected range within one piece."""
    (first, begin), (last, stop) = selected
    if not first <= index <= last:
        return None
    return (begin if index == first else 0, stop if index == last else piece.length())


def _table_of(piece: Piece | None) -> Table | None:
    return piece.table if isinstance(piece, RowPiece) else None


def renewed(flow: Flow, old: str, new: str, make: Callable[[], Flow], *, anew: bool = False) -> Flow:
    """The flow with another text: what only grew is appended, what changed is read again."""
    if old == new:
        return flow
    if anew or not new.startswith(old):
        flow, old = make(), ""
    if len(new) > len(old):
        flow.append(new[len(old) :])
    return flow
