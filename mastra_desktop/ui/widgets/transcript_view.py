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
class TurnView:
    """One message. `siblings` is (index, count) of this try or edit, counted from 1."""

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
