"""What a transcript shows: plain data, filled by the pane that owns it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TurnAction:
    """Something a person can do with a turn. `id` comes back in `Transcript.action_triggered`.

    `primary` fills a card's button, and shows the label beside the icon in the row below a turn.
    """

    id: str
    label: str
    icon: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class TurnCard:
    """A notice inside a turn: what happened, what still works, one way forward."""

    tone: Literal["danger", "warn", "info"]
    title: str
    text: str
    actions: tuple[TurnAction, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceView:
    """A passage that an answer was given. `marks` are the (start, end) of the question's words in `text`.

    `note` is its place and how well it matches; `label` names it for who does not see it.
    """

    n: int
    document: str
    note: str
    text: str
    label: str
    marks: tuple[tuple[int, int], ...] = ()
    cited: bool = False


@dataclass(frozen=True, slots=True)
class TurnView:
    """One message. `siblings` is (index, count) of this try or edit, counted from 1.

    `sources` (cited ones first) make `[n]` in the text a chip; `unsupported` are the (start, end) in `text`
    of sentences that none of them seems to back. `notice` says what the search had to do without.
    """

    id: str
    kind: Literal["user", "assistant"]
    text: str
    author: str = ""
    author_note: str = ""
    status: str = ""
    status_tone: Literal["accent", "warn", "danger", "muted"] = "accent"
    busy: bool = False
    note: str = ""
    footer: str = ""
    reasoning: str = ""
    reasoning_label: str = ""
    siblings: tuple[int, int] = (1, 1)
    actions: tuple[TurnAction, ...] = ()
    card: TurnCard | None = None
    streaming: bool = False
    sources: tuple[SourceView, ...] = ()
    unsupported: tuple[tuple[int, int], ...] = ()
    notice: str = ""
