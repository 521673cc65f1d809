"""Traces: what one click set in motion, step by step, and how long each step took.

    with traces.span("knowledge.search"):
        ...

A trace has the id of the operation in the log, so that a click, its lines and its row are found by one id.
Finished spans wait here until whoever keeps them takes them. What people and models write is never in them;
only while an export asks for contents is it noted beside a span, in `Extra`, which is kept nowhere.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import getrandbits

from mastra_desktop.domain.knowledge import Source
from mastra_desktop.domain.replies import Prompt, ToolCall
from mastra_desktop.domain.telemetry import Outcome, RequestRecord, Span
from mastra_desktop.ops.logging import current_operation
from mastra_desktop.ops.redaction import redact

MOST_WAITING = 1000  # finished spans; beyond that the rest is counted, not kept
MOST_FACT = 200  # characters
SLOW_S = 0.01  # what a database takes longer for is a span of its own

Fact = str | int | float

_current: ContextVar[tuple[str, str]] = ContextVar("span", default=("", ""))  # (trace, span)


@dataclass(slots=True)
class Extra:
    """What only an export tells of a span. From `prompt` on: contents, noted only where they are wanted."""

    events: list[tuple[float, str, dict[str, Fact]]] = field(default_factory=list)
    record: RequestRecord | None = None
    finish_reason: str = ""
    prompt: Prompt | None = None
    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    query: str = ""
    sources: tuple[Source, ...] = ()


class OpenSpan:
    """A step that is under way. `end` it once; later calls do nothing."""

    __slots__ = (
        "_at",
        "_began",
        "_keep",
        "_outcome",
        "_took_s",
        "extra",
        "facts",
        "id",
        "name",
        "parent_id",
        "trace_id",
    )

    def __init__(
        self,
        keep: Callable[[OpenSpan], None],
        trace_id: str,
        parent_id: str,
        name: str,
        facts: dict[str, Fact],
    ) -> None:
        self._keep: Callable[[OpenSpan], None] | None = keep
        self.trace_id = trace_id
        self.id = _new_id(16)
        self.parent_id = parent_id
        self.name = name
        self.facts = facts
        self.extra: Extra | None = None
        self._outcome = Outcome.DONE
        self._took_s = 0.0
        self._at = time.time()
        self._began = time.perf_counter()

    def add(self, **facts: Fact) -> None:
        self.facts.update(facts)

    def more(self) -> Extra:
        """What an export is to tell beside the facts."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def end(self, outcome: Outcome = Outcome.DONE, **facts: Fact) -> None:
        keep, self._keep = self._keep, None
        if keep is None:
            return
        self._took_s = time.perf_counter() - self._began
        self._outcome = outcome
        self.facts.update(facts)
        keep(self)

    def took(self, seconds: float) -> None:
        """It is over already, and began so long ago."""
        self._began -= seconds
        self._at -= seconds
        self.end()

    def finished(self) -> Span:
        """As it is kept."""
        return Span(
            self.trace_id,
            self.id,
            self.parent_id,
            self.name,
            self._at,
            self._took_s * 1000,
            self._outcome,
            self.facts,
        )


class Traces:
    """Gives out spans and holds those that are finished. Belongs to the core's loop.

    `on_end` hears each finished span while there is an export; `contents`: whether that wants them.
    """

    def __init__(self, clean: Callable[[str], str] = redact) -> None:
        self._clean = clean
        self._finished: deque[OpenSpan] = deque()
        self._roots: dict[str, str] = {}  # open first spans, by trace
        self.dropped = 0
        self.on_end: Callable[[OpenSpan], None] | None = None
        self.contents = False

    def begin(self, name: str, parent: OpenSpan | None = None, **facts: Fact) -> OpenSpan:
        """A span that somebody ends: for what is not one block, such as a generator.

        Without `parent` it goes below the span this code runs in, or the open first span of this
        operation; where there is none it is the first one itself.
        """
        if parent is not None:
            return OpenSpan(self._keep, parent.trace_id, parent.id, name, facts)
        trace_id, parent_id = self._place()
        opened = OpenSpan(self._keep, trace_id or _new_id(32), parent_id, name, facts)
        if not parent_id:
            self._roots[opened.trace_id] = opened.id
        return opened

    @contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[OpenSpan]:
        """A span around a block, never around a `yield` of a generator; spans begun inside go below it."""
        opened = self.begin(name, None, **facts)
        token = _current.set((opened.trace_id, opened.id))
        try:
            yield opened
        except Exception:
            opened.end(Outcome.FAILED)
            raise
        except BaseException:  # cancelled
            opened.end(Outcome.STOPPED)
            raise
        finally:
            _current.reset(token)
            opened.end()

    def slow(self, name: str, duration_s: float, **facts: Fact) -> None:
        """Something just ended that took `duration_s`: a span when it belongs to a trace and was slow."""
        if duration_s < SLOW_S:
            return
        trace_id, parent_id = self._place()
        if parent_id:
            OpenSpan(self._keep, trace_id, parent_id, name, facts).took(duration_s)

    def forget(self, span: OpenSpan) -> None:
        """It will never end: what it was about did not happen."""
        if self._roots.get(span.trace_id) == span.id:
            del self._roots[span.trace_id]

    def take(self) -> list[Span]:
        """The spans that ended since the last time, cleaned of secrets."""
        taken, self._finished = self._finished, deque()
        seen: dict[str, str] = {}  # a few names come again and again

        def clean(text: str) -> str:
            if (cleaned := seen.get(text)) is None:
                cleaned = seen[text] = self._clean(text)[:MOST_FACT]
            return cleaned

        for span in taken:
            span.facts = {n: clean(v) if isinstance(v, str) else v for n, v in span.facts.items()}
        return [span.finished() for span in taken]

    def _place(self) -> tuple[str, str]:
        trace_id, parent_id = _current.get()
        operation_id = current_operation()
        if trace_id and (not operation_id or operation_id == trace_id):
            return trace_id, parent_id
        return operation_id, self._roots.get(operation_id, "")

    def _keep(self, span: OpenSpan) -> None:
        if self._roots.get(span.trace_id) == span.id:
            del self._roots[span.trace_id]
        if len(self._finished) >= MOST_WAITING:
            self.dropped += 1
        else:
            self._finished.append(span)
        if self.on_end is not None:
            self.on_end(span)


def _new_id(digits: int) -> str:
    """Not to be guessed is no aim here: the system's random numbers cost ten times as much."""
    return f"{getrandbits(4 * digits):0{digits}x}"
