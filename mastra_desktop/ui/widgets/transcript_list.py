"""All turns of a transcript: their heights, and layouts of the few that were seen lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mastra_desktop.ui.highlight import Highlighter
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import Theme
from mastra_desktop.ui.widgets.transcript_chrome import estimate_height
from mastra_desktop.ui.widgets.transcript_heights import Heights
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_turn import Turn
from mastra_desktop.ui.widgets.transcript_view import TurnView

KEEP_LAID_OUT = 96
PAD_TOP = 16
"""Pixels above the first turn."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A piece of a turn (`key` as of `Turn.key_at`) and where it stands below the top edge of the view."""

    turn_id: str
    key: tuple[int, int]
    y: int


class TurnList:
    """Turns from top to bottom in one column. y positions count from the top of everything."""

    def __init__(self, theme: Theme, icons: Icons) -> None:
        self._icons = icons
        self._highlighter = Highlighter()
        self._laid: OrderedDict[str, Turn] = OrderedDict()
        self._opened: set[str] = set()
        self._with_sources: set[str] = set()
        self.views: list[TurnView] = []
        self.index: dict[str, int] = {}
        self.heights = Heights()
        self.width = 600
        self.set_theme(theme)

    def __len__(self) -> int:
        return len(self.views)

    def set_theme(self, theme: Theme) -> None:
        """Use another theme: every layout is made again when it is seen."""
        self.style = Style(theme)
        self.quiet = Style(theme, quiet=True)
        self._laid.clear()

    def set_width(self, width: int) -> None:
        """Use another column width. Heights of turns not laid out are scaled, others measured when seen."""
        if width == self.width:
            return
        share = self.width / width
        self.width = width
        values = [
            round(74 + (height - 74) * share) if height > 74 else height for height in self.heights.values()
        ]
        for turn_id, turn in self._laid.items():
            turn.set_width(width)
            values[self.index[turn_id]] = turn.height
        self.heights.reset(values)

    def set_views(self, views: Sequence[TurnView]) -> None:
        """Replace everything."""
        self._laid.clear()
        self.views = list(views)
        self.index = {view.id: number for number, view in enumerate(self.views)}
        self.heights.reset(estimate_height(view, self.style, self.width) for view in self.views)

    def prepend(self, views: Sequence[TurnView]) -> None:
        """Add older turns at the top."""
        self.views[:0] = views
        self.index = {view.id: number for number, view in enumerate(self.views)}
        older = [estimate_height(view, self.style, self.width) for view in views]
        self.heights.reset(older + self.heights.values())

    def add(self, view: TurnView) -> None:
        """Add a turn at the end."""
        self.index[view.id] = len(self.views)
        self.views.append(view)
        self.heights.append(estimate_height(view, self.style, self.width))

    def remove(self, turn_id: str) -> None:
        """Take a turn out. KeyError for an unknown one."""
        number = self.index[turn_id]
        values = self.heights.values()
        del values[number], self.views[number]
        self._laid.pop(turn_id, None)
        self.index = {view.id: at for at, view in enumerate(self.views)}
        self.heights.reset(values)

    def update(self, view: TurnView) -> None:
        """Show another state of a turn. KeyError for an unknown one."""
        number = self.index[view.id]
        self.views[number] = view
        turn = self._laid.get(view.id)
        if turn is None:
            self.heights[number] = estimate_height(view, self.style, self.width)
        else:
            turn.update(view)
            self.heights[number] = turn.height

    def append(self, turn_id: str, delta: str, *, reasoning: bool = False) -> int | None:
        """Add text to a turn. Returns the y position from which on it changed; None if it is not laid out."""
        number = self.index[turn_id]
        turn = self._laid.get(turn_id)
        if turn is None:
            view = self.views[number]
            self.views[number] = (
                replace(view, reasoning=view.reasoning + delta)
                if reasoning
                else replace(view, text=view.text + delta)
            )
            self.heights[number] = estimate_height(self.views[number], self.style, self.width)
            return None
        changed = turn.append_reasoning(delta) if reasoning else turn.append(delta)
        self.views[number] = turn.view
        self.heights[number] = turn.height
        return self.top_of(number) + changed

    def toggle(self, turn_id: str) -> None:
        """Open or close the reasoning of a turn."""
        self._opened ^= {turn_id}
        turn = self.turn(self.index[turn_id])
        turn.open = turn_id in self._opened
        self.heights[self.index[turn_id]] = turn.height

    def toggle_sources(self, turn_id: str) -> None:
        """Open or fold the sources of a turn."""
        self._with_sources ^= {turn_id}
        turn = self.turn(self.index[turn_id])
        turn.show_sources(turn_id in self._with_sources)
        self.heights[self.index[turn_id]] = turn.height

    def turn(self, number: int) -> Turn:
        """The layout of a turn, made if needed."""
        view = self.views[number]
        found = self._laid.get(view.id)
        if found is None:
            found = Turn(view, self.style, self.quiet, self._icons, self._highlighter, self.width)
            found.open = view.id in self._opened
            if view.id in self._with_sources:
                found.show_sources(True)
            self._laid[view.id] = found
            self.heights[number] = found.height
        else:
            self._laid.move_to_end(view.id)
        return found

    def trim(self, keep: set[str]) -> None:
        """Drop the layouts unused for longest."""
        while len(self._laid) > KEEP_LAID_OUT:
            turn_id = next((turn_id for turn_id in self._laid if turn_id not in keep), None)
            if turn_id is None:
                return
            del self._laid[turn_id]

    @property
    def total(self) -> int:
        """Pixels of everything."""
        return PAD_TOP + self.heights.total

    def top_of(self, number: int) -> int:
        return PAD_TOP + self.heights.before(number)

    def at(self, y: int) -> int:
        """The number of the turn at a y position, or the nearest."""
        return self.heights.find(max(0, y - PAD_TOP))

    def visible(self, top: int, bottom: int) -> Iterator[tuple[int, int]]:
        """(number, top) of the turns between two y positions."""
        if not self.views:
            return
        number = self.at(top)
        y = self.top_of(number)
        while number < len(self.views) and y < bottom:
            yield number, y
            y += self.heights[number]
            number += 1

    def measure(self, top: int, bottom: int) -> bool:
        """Lay out what shows between two y positions. True when heights were not as expected."""
        changed = False
        for number, y in self.visible(top, bottom):
            expected = self.heights[number]
            turn = self.turn(number)
            turn.measure(top - y, bottom - y)
            self.heights[number] = turn.height
            changed |= turn.height != expected
        return changed

    def anchor_at(self, y: int, screen_y: int) -> Anchor | None:
        """What stands at a y position that shows at `screen_y` of the view."""
        if not self.views:
            return None
        number = self.at(y)
        turn = self.turn(number)
        top = self.top_of(number)
        key = turn.key_at(y - top)
        return Anchor(turn.view.id, key, screen_y + top + turn.y_of(key) - y)

    def y_of(self, anchor: Anchor) -> int:
        """The y position that belongs at the top edge, for an anchor to stand where it should."""
        number = self.index.get(anchor.turn_id)
        if number is None:
            return 0
        turn = self.turn(number)
        return self.top_of(number) + turn.y_of(anchor.key) - anchor.y
