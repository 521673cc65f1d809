"""Keeps the figures of each answer: a row, the metrics, a trace. None of it can make an answer fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.domain.telemetry import Outcome, RequestRecord
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import telemetry

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.metrics import Metrics
    from mastra_desktop.ops.traces import OpenSpan, Traces

log = get_logger(__name__)

Cost = Callable[[Usage, str], Decimal | None]


class Recorder:
    """`cost` is asked on the database's thread."""

    def __init__(self, metrics: Metrics, traces: Traces, cost: Cost) -> None:
        self.metrics = metrics
        self.traces = traces
        self._cost = cost

    def watch(self) -> Watch:
        """For an answer that begins now."""
        return Watch(self)

    def store(self, conn: Connection, record: RequestRecord) -> None:
        """Adds the row to the transaction of `conn`. A failure is logged, and leaves the rest of it."""
        with _quietly("request not recorded"):
            if record.cached:
                cost: Decimal | None = Decimal(0)
            else:
                usage = Usage(
                    record.input_tokens,
                    record.output_tokens,
                    record.cached_input_tokens,
                    record.reasoning_tokens,
                )
                cost = self._cost(usage, f"{record.provider}/{record.model}")
            row = replace(record, cost_usd=None if cost is None else float(cost))
            if conn.dialect.name == "sqlite":  # where a failed statement does not end the transaction
                telemetry.record_request(conn, row)
                return
            with conn.begin_nested():
                telemetry.record_request(conn, row)


class Watch:
    """One answer under way: its trace, and once it ended its figures. Belongs to the core's loop."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ended = False
        asked: dict[str, str | int | float] = {"gen_ai.operation.name": "chat"}
        self._span: OpenSpan = recorder.traces.begin("request", None, **asked)
        self._step: OpenSpan | None = None
        self.retries = 0
        self.store = recorder.store

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

    def retried(self, model_id: str) -> None:
        self.retries += 1
        self._recorder.metrics.retried(split_model_id(model_id)[0])

    def fell_back(self, from_id: str, to_id: str) -> None:
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
            self._end_step(record.outcome)
            usage = Usage(
                record.input_tokens,
                record.output_tokens,
                record.cached_input_tokens,
                record.reasoning_tokens,
            )
            first_s = None if record.first_token_ms is None else record.first_token_ms / 1000
            self._recorder.metrics.answered(
                record.provider,
                record.model,
                record.outcome,
                record.duration_ms / 1000,
                first_s,
                usage,
                record.error_code,
            )
            facts: dict[str, str | int | float] = _named(f"{record.provider}/{record.model}")
            facts["message_id"] = record.message_id
            figures = {
                "gen_ai.usage.input_tokens": record.input_tokens,
                "gen_ai.usage.output_tokens": record.output_tokens,
                "first_token_ms": record.first_token_ms,
                "error.type": record.error_code,
                "retries": record.retries,
            }
            facts.update((name, value) for name, value in figures.items() if value)
            self._span.end(record.outcome, **facts)

    def _end_step(self, outcome: Outcome) -> None:
        if self._step is not None:
            self._step.end(outcome)


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
