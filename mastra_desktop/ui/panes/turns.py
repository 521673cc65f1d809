"""Messages and running replies as the transcript shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.chat import Message, MessageState, Role
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.domain.replies import (
    FallbackTaken,
    ModelLoading,
    ReasoningDelta,
    ReplyEvent,
    ReplyFailed,
    ReplyFinished,
    RetryScheduled,
    Searching,
    SourcesFound,
    TextDelta,
    Waiting,
)
from mastra_desktop.services.price_book import PriceBook
from mastra_desktop.ui.errors import title_of, ways_forward
from mastra_desktop.ui.panes.money import cost_note
from mastra_desktop.ui.panes.sources import source_views
from mastra_desktop.ui.widgets.transcript_sources import sources_label
from mastra_desktop.ui.widgets.transcript_view import SourceView, TurnAction, TurnCard, TurnView


def tr(text: str) -> str:
    return QCoreApplication.translate("Turns", text)


def turn_of(
    message: Message,
    model_names: dict[str, str],
    prices: PriceBook,
    *,
    question: str = "",
    notice: str = "",
) -> TurnView:
    """A settled message as a turn. `model_names` maps model ids to the names people know.

    `question` is what was asked, `notice` what its search had to do without.
    """
    siblings = (
        (message.sibling_ids.index(message.id) + 1, len(message.sibling_ids))
        if message.sibling_ids
        else (1, 1)
    )
    if message.role is Role.USER:
        return TurnView(
            id=message.id,
            kind="user",
            text=message.text,
            siblings=siblings,
            actions=(TurnAction("copy", tr("Copy"), "copy"), TurnAction("edit", tr("Edit"), "pencil")),
        )
    status, tone = _STATES.get(message.state, ("", "muted"))
    return TurnView(
        id=message.id,
        kind="assistant",
        text=message.text,
        author=model_names.get(message.model_id, split_model_id(message.model_id)[1]),
        author_note=provider_note(message.model_id),
        status=tr(status) if status else "",
        status_tone=tone,
        busy=False,
        footer=footer(message, cost_note(message, prices)) if message.text else "",
        reasoning=message.reasoning,
        reasoning_label=tr("Thoughts") if message.reasoning else "",
        siblings=siblings,
        actions=answer_actions(message),
        card=card_of(message.error, bool(message.text)) if message.error else None,
        sources=source_views(message.sources, question),
        unsupported=message.unsupported,
        notice=notice,
    )


_STATES: dict[MessageState, tuple[str, Literal["muted", "warn", "danger"]]] = {
    MessageState.STOPPED: ("Stopped", "muted"),
    MessageState.INTERRUPTED: ("Interrupted", "warn"),
    MessageState.FAILED: ("Failed", "danger"),
}


def answer_actions(message: Message) -> tuple[TurnAction, ...]:
    """The row below a settled answer; what its error card offers is not offered twice."""
    cut = (
        message.state in (MessageState.STOPPED, MessageState.INTERRUPTED) or message.finish_reason == "length"
    )
    actions = []
    if message.text:
        actions.append(TurnAction("copy", tr("Copy"), "copy"))
    if not message.error:
        actions.append(TurnAction("retry", tr("Try again"), "refresh-cw", primary=cut))
        if cut and message.text:
            actions.append(TurnAction("continue", tr("Continue"), "play", primary=True))
    return tuple(actions)


def card_of(error: ErrorInfo, has_text: bool) -> TurnCard:
    ways = ways_forward(error, has_text=has_text)
    return TurnCard(
        tone="warn" if has_text else "danger",
        title=tr("The answer broke off") if has_text else title_of(error),
        text=" ".join(sentence(part) for part in (error.message, error.hint) if part),
        actions=tuple(TurnAction(w.id, w.label, w.icon, w.primary) for w in ways),
    )


def sentence(text: str) -> str:
    return text if text[-1:] in ".!?…" else f"{text}."


def provider_note(model_id: str) -> str:
    provider_id, _ = split_model_id(model_id)
    return tr("on this computer") if provider_id == "local" else provider_id


def footer(message: Message, cost: str) -> str:
    """`412 tokens · 10.9 s · 38 tokens/s · $0.0031 · 2 sources`; what is not known is left out."""
    usage, first_token_ms, total_ms = message.usage, message.first_token_ms, message.total_ms
    parts = []
    if usage.output_tokens is not None:
        parts.append(tr("{n} tokens").format(n=f"{usage.output_tokens:,}"))
    if total_ms:
        parts.append(tr("{s} s").format(s=f"{total_ms / 1000:.1f}"))
        writing_ms = total_ms - (first_token_ms or 0.0)
        if usage.output_tokens and writing_ms > 50:
            parts.append(tr("{n} tokens/s").format(n=f"{usage.output_tokens / writing_ms * 1000:.0f}"))
    if cost:
        parts.append(cost)
    if cited := sum(source.cited for source in message.sources):
        parts.append(sources_label(cited))
    return " · ".join(parts)


@dataclass(slots=True)
class RunningTurn:
    """An answer while it is being written: fed with reply events, shown as a turn."""

    message_id: str
    conversation_id: str
    model_id: str
    name: str
    text: str = ""
    reasoning: str = ""
    siblings: tuple[int, int] = (1, 1)
    question: str = ""
    sources: tuple[Source, ...] = ()
    notice: str = ""
    pieces: int = 0
    status: str = ""
    started: float = field(default_factory=time.perf_counter)
    first_piece: float | None = None
    thought_s: float | None = None  # seconds from the first thought to the first word
    error: ErrorInfo | None = None
    finished: ReplyFinished | None = None
    _views: tuple[tuple[Source, ...], str, tuple[SourceView, ...]] = ((), "", ())

    def feed(self, batch: list[ReplyEvent]) -> tuple[str, str]:
        """Takes a batch in; what it added to the text and to the reasoning."""
        texts, thoughts = [], []
        for event in batch:
            match event:
                case TextDelta(text):
                    texts.append(text)
                case ReasoningDelta(text):
                    thoughts.append(text)
                case ModelLoading(name):
                    self.name = name
                    self.status = tr("Loading the model")
                case Searching():
                    self.status = tr("Searching knowledge")
                case SourcesFound(sources, notice):
                    self.sources = sources
                    self.notice = notice or (
                        "" if sources else tr("Nothing relevant was found in the knowledge.")
                    )
                    self.status = ""
                case RetryScheduled(attempt, of, wait_s, _):
                    self.status = tr("Trying again in {s} s ({n} of {of})").format(
                        s=f"{wait_s:.0f}", n=attempt, of=of
                    )
                case Waiting(wait_s, reason):
                    words = tr("Waiting {s} s: {reason}") if wait_s else tr("Waiting: {reason}")
                    self.status = words.format(s=f"{wait_s:.0f}", reason=reason)
                case FallbackTaken(_, to_id, reason):
                    self.model_id, self.name = to_id, split_model_id(to_id)[1]
                    self.status = tr("Switched to {name}: {reason}").format(name=to_id, reason=reason)
                case ReplyFailed(error):
                    self.error = error
                case ReplyFinished():
                    self.finished = event
        text, thought = "".join(texts), "".join(thoughts)
        if (text or thought) and self.first_piece is None:
            self.first_piece = time.perf_counter()
        self.pieces += len(texts)
        self.text += text
        self.reasoning += thought
        if text:
            if self.reasoning and self.thought_s is None and self.first_piece is not None:
                self.thought_s = time.perf_counter() - self.first_piece
            self.status = tr("Writing")
        elif thought:
            self.status = tr("Thinking")
        return text, thought

    def view(self) -> TurnView:
        """The turn now. Tokens are counted by pieces until the provider says how many there were."""
        note = ""
        if self.first_piece is not None and self.pieces > 1:
            seconds = time.perf_counter() - self.first_piece
            if seconds > 0.2:
                speed = tr("{n} tokens/s").format(n=f"{self.pieces / seconds:.0f}")
                note = f"{speed} · " + tr("{n} tokens").format(n=f"{self.pieces:,}")
        return TurnView(
            id=self.message_id,
            kind="assistant",
            text=self.text,
            author=self.name,
            author_note=provider_note(self.model_id),
            status=self.status or tr("Waiting for the model"),
            status_tone="accent",
            busy=True,
            note=note,
            reasoning=self.reasoning,
            reasoning_label=self._thinking() if self.reasoning else "",
            siblings=self.siblings,
            streaming=True,
            sources=self._source_views(),
            notice=self.notice,
        )

    def _source_views(self) -> tuple[SourceView, ...]:
        """Made once: a turn is shown anew with every batch."""
        if self._views[:2] != (self.sources, self.question):
            self._views = self.sources, self.question, source_views(self.sources, self.question)
        return self._views[2]

    def _thinking(self) -> str:
        if self.thought_s is None:
            return tr("Thinking")
        return tr("Thought for {s} s").format(s=f"{max(self.thought_s, 1):.0f}")
