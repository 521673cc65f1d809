"""Keeps the figures of each answer: a row, the metrics, a trace. None of it can make an answer fail.

Rows wait until `TelemetryService` stores them together, a quarter of a second later: in the transaction of
each answer they would cost a tenth of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.errors import describe
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.domain.replies import (
    AnswerEnd,
    FallbackTaken,
    Prompt,
    ProviderEvent,
    ReasoningDelta,
    RetryScheduled,
    TextDelta,
    ToolCall,
)
from mastra_desktop.domain.telemetry import Outcome, RequestRecord
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import telemetry
from mastra_desktop.store.engines import is_lost, raw

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.domain.knowledge import Source
    from mastra_desktop.ops.metrics import Metrics
    from mastra_desktop.ops.traces import OpenSpan, Traces

MOST_WAITING = 10_000  # rows that wait to be kept; beyond that they are only counted

log = get_logger(__name__)

Cost = Callable[[Usage, str], Decimal | None]


class Recorder:
    """`cost` is asked on the database's thread."""

    def __init__(self, metrics: Metrics, traces: Traces, cost: Cost) -> None:
        self.metrics = metrics
        self.traces = traces
        self._cost = cost
        self._waiting: list[RequestRecord] = []
        self.on_waiting: Callable[[], None] = _nobody_keeps
        """Called when a row begins to wait."""

    def watch(self) -> Watch:
        """For an answer that begins now."""
        return Watch(self)

    def later(self, record: RequestRecord) -> None:
        """Its row goes into the database together with others."""
        if not self._waiting:
            self.on_waiting()
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(record)

    def take(self) -> list[RequestRecord]:
        """What `later` gathered since the last time."""
        taken, self._waiting = self._waiting, []
        return taken

    def give_back(self, records: Sequence[RequestRecord]) -> None:
        """They could not be stored now: they wait again."""
        self._waiting = [*records, *self._waiting][:MOST_WAITING]

    def store(self, conn: Connection, records: Sequence[RequestRecord]) -> None:
        """Adds the rows to the transaction of `conn`. Rows that it does not take are logged and given up;
        raises only when the whole transaction is lost."""
        rows = [replace(record, cost_usd=self._cost_of(record)) for record in records]
        try:
            with conn.begin_nested():
                telemetry.record_requests(conn, rows)
        except Exception:
            if is_lost(raw(conn)):
                raise
            log.exception("request not recorded", count=len(rows))

    def _cost_of(self, record: RequestRecord) -> float | None:
        if record.cached:
            return 0.0
        cost: Decimal | None = None
        with _quietly("cost not known"):
            cost = self._cost(_usage(record), f"{record.provider}/{record.model}")
        return None if cost is None else float(cost)


class Watch:
    """One answer under way: its trace, and once it ended its figures. Belongs to the core's loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ended = False
        asked: dict[str, str | int | float] = {"gen_ai.operation.name": "chat"}
        self._span: OpenSpan = recorder.traces.begin("request", None, **asked)
        self._step: OpenSpan | None = None
        self.retries = 0

    @property
    def id(self) -> str:
        return self._span.id

    @property
    def trace_id(self) -> str:
        return self._span.trace_id

    def step(self, name: str, model_id: str = "") -> None:
        """The next step begins; the one before is done."""
        self._end_step(Outcome.DONE)
        facts = _named(model_id) if model_id else {}
        self._step = self._recorder.traces.begin(name, self._span, **facts)

    @property
    def exporting(self) -> bool:
        """Whether somebody wants `tell`, `asked` and `found`, which cost something."""
        return self._recorder.traces.on_end is not None

    def asked(self, prompt: Prompt) -> None:
        """The model is sent this; noted only where an export wants contents."""
        if self._recorder.traces.contents and self._step is not None:
            self._step.more().prompt = prompt

    def found(self, query: str, sources: tuple[Source, ...]) -> None:
        """Knowledge was searched; noted as `asked` is."""
        if self._recorder.traces.contents and self._step is not None:
            extra = self._step.more()
            extra.query, extra.sources = query, sources

    def tell(
        self, reason: str, text: Sequence[str], reasoning: Sequence[str], calls: tuple[ToolCall, ...] = ()
    ) -> None:
        """How the answer ended, and what it says, before `ended`."""
        if self._step is None:
            return
        extra = self._step.more()
        extra.finish_reason = reason
        if self._recorder.traces.contents:
            extra.text, extra.reasoning, extra.calls = "".join(text), "".join(reasoning), calls

    def retried(self, model_id: str) -> None:
        self.retries += 1
        self._event("retry", **{"mastra.attempt": self.retries})
        self._recorder.metrics.retried(split_model_id(model_id)[0])

    def fell_back(self, from_id: str, to_id: str) -> None:
        self._event("fallback", **_named(to_id))
        self._end_step(Outcome.FAILED)
        self._recorder.metrics.fell_back(split_model_id(from_id)[0])
        self.step("model", to_id)

    def drop(self) -> None:
        """There was nothing to watch: the answer never began."""
        self._ended = True
        self._recorder.traces.forget(self._span)

    def ended(self, record: RequestRecord) -> None:
        """The answer is settled. Only the first time counts."""
        if self._ended:
            return
        self._ended = True
        with _quietly("answer not counted"):
            self._recorder.later(record)
            if self.exporting:
                self._span.more().record = record
                if self._step is not None:
                    self._step.more().record = record
            self._end_step(record.outcome)
            first_s = None if record.first_token_ms is None else record.first_token_ms / 1000
            self._recorder.metrics.answered(
                record.provider,
                record.model,
                record.outcome,
                record.duration_ms / 1000,
                first_s,
                _usage(record),
                record.error_code,
            )
            figures = {
                "gen_ai.provider.name": record.provider,
                "gen_ai.request.model": record.model,
                "message_id": record.message_id,
                "gen_ai.usage.input_tokens": record.input_tokens,
                "gen_ai.usage.output_tokens": record.output_tokens,
                "first_token_ms": record.first_token_ms,
                "error.type": record.error_code,
                "retries": record.retries,
            }
            self._span.end(record.outcome, **{name: value for name, value in figures.items() if value})

    def _event(self, name: str, **facts: str | float) -> None:
        if self.exporting and self._step is not None:
            self._step.more().events.append((time.time(), name, dict(facts)))

    def _end_step(self, outcome: Outcome) -> None:
        if self._step is not None:
            self._step.end(outcome)


class Passing:
    """Counts an answer that only passes through and is kept nowhere, from the events of its stream."""

    def __init__(self, recorder: Recorder, model_id: str) -> None:
        self._recorder = recorder
        self._watch = recorder.watch()
        self._watch.step("model", model_id)
        self._model_id = model_id
        self._began = time.perf_counter()
        self._first_ms: float | None = None
        self._end: AnswerEnd | None = None
        self._code = ""
        self._pieces: list[TextDelta | ReasoningDelta | ToolCall] = []  # where an export wants contents
        self._keeping = recorder.traces.contents
        self.asked = self._watch.asked

    def saw(self, event: ProviderEvent | FallbackTaken) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | ToolCall):
            if self._first_ms is None:
                self._first_ms = (time.perf_counter() - self._began) * 1000
            if self._keeping:
                self._pieces.append(event)
        elif isinstance(event, AnswerEnd):
            self._end = event
        elif isinstance(event, RetryScheduled):
            self._watch.retried(self._model_id)
        elif isinstance(event, FallbackTaken):
            self._watch.fell_back(self._model_id, event.to_id)
            self._model_id = event.to_id

    def failed(self, error: Exception) -> None:
        self._code = describe(error).code
        self._recorder.metrics.errors.mark(error)  # it goes on to whoever asked

    def ended(self) -> None:
        """Nothing more comes, for whatever reason: without an end and an error it was stopped."""
        with _quietly("answer not counted"):
            outcome = Outcome.DONE if self._end else Outcome.STOPPED
            if self._code:
                outcome = Outcome.FAILED if self._first_ms is None else Outcome.INTERRUPTED
            usage = self._end.usage if self._end else Usage()
            if self._watch.exporting:
                pieces = self._pieces
                self._watch.tell(
                    self._end.reason if self._end else outcome.value,
                    [piece.text for piece in pieces if isinstance(piece, TextDelta)],
                    [piece.text for piece in pieces if isinstance(piece, ReasoningDelta)],
                    tuple(piece for piece in pieces if isinstance(piece, ToolCall)),
                )
            provider, model = split_model_id(self._model_id)
            record = RequestRecord(
                self._watch.id,
                time.time(),
                provider,
                model,
                outcome,
                self._code,
                (time.perf_counter() - self._began) * 1000,
                self._first_ms,
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_input_tokens,
                usage.reasoning_tokens,
                None,
                self._watch.retries,
                self._end.cached if self._end else False,
                self._watch.trace_id,
            )
            self._watch.ended(record)


def _nobody_keeps() -> None:
    """Without a TelemetryService rows only wait."""


def _usage(record: RequestRecord) -> Usage:
    return Usage(
        record.input_tokens, record.output_tokens, record.cached_input_tokens, record.reasoning_tokens
    )


def _named(model_id: str) -> dict[str, str | int | float]:
    provider, model = split_model_id(model_id)
    return {"gen_ai.provider.name": provider, "gen_ai.request.model": model}


@contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Figures are worth less than the answer they are about."""
    try:
        yield
    except Exception:
        log.exception(what)
