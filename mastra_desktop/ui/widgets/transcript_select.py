"""What is selected: two places, possibly in different turns."""

from __future__ import annotations

from PySide6.QtCore import QTextBoundaryFinder

from mastra_desktop.ui.widgets.transcript_list import TurnList
from mastra_desktop.ui.widgets.transcript_turn import Place, Selected

_END: Place = (2, (1 << 30, 1 << 30))

End = tuple[int, Place]
"""(turn number, place)."""


class Selection:
    """The selection of a transcript, from where it began (anchor) to where it is drawn to (head)."""

    def __init__(self, turns: TurnList) -> None:
        self._turns = turns
        self._anchor: End | None = None
        self._head: End | None = None

    @property
    def empty(self) -> bool:
        return self._anchor is None or self._anchor == self._head

    def clear(self) -> None:
        self._anchor = self._head = None

    def begin(self, end: End) -> None:
        """Start a selection at a place."""
        self._anchor = self._head = end

    def extend(self, end: End) -> bool:
        """Draw the selection to a place. True when that changed it."""
        if self._anchor is None:
            self._anchor = end
        changed = self._head != end
        self._head = end
        return changed

    def select_turn(self, number: int) -> None:
        """Select the text of a turn."""
        whole = self._turns.turn(number).everything()
        self._anchor, self._head = (number, whole.start), (number, whole.end)

    def select_word(self, end: End) -> None:
        """Select the word at a place."""
        number, (flow, (index, position)) = end
        piece = self._turns.turn(number).flow(flow).pieces[index]
        finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Word, piece.text)
        finder.setPosition(position)
        start = position
        if not finder.isAtBoundary() or position >= piece.length():
            start = max(0, finder.toPreviousBoundary())
        finder.setPosition(start)
        stop = finder.toNextBoundary()
        self._anchor = number, (flow, (index, start))
        self._head = number, (flow, (index, stop if stop >= 0 else piece.length()))

    def select_piece(self, end: End) -> None:
        """Select the paragraph, row or code block at a place."""
        number, (flow, (index, _)) = end
        length = self._turns.turn(number).flow(flow).pieces[index].length()
        self._anchor, self._head = (number, (flow, (index, 0))), (number, (flow, (index, length)))

    def _ordered(self) -> tuple[End, End] | None:
        if self._anchor is None or self._head is None or self._anchor == self._head:
            return None
        return min(self._anchor, self._head), max(self._anchor, self._head)

    def of_turn(self, number: int) -> Selected | None:
        """The part of the selection in one turn."""
        ends = self._ordered()
        if ends is None or not ends[0][0] <= number <= ends[1][0]:
            return None
        start = ends[0][1] if ends[0][0] == number else (0, (0, 0))
        stop = ends[1][1] if ends[1][0] == number else _END
        return Selected(start, stop)

    def text(self, *, markdown: bool = False) -> str:
        """The selected text of all turns."""
        ends = self._ordered()
        if ends is None:
            return ""
        parts = []
        for number in range(ends[0][0], ends[1][0] + 1):
            selected = self.of_turn(number)
            if selected is not None:
                parts.append(self._turns.turn(number).selected_text(selected, markdown=markdown))
        return "\n\n".join(part for part in parts if part)
