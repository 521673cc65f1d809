"""What is known of the work done: requests, points of a curve, spans of a trace, health, lines of the log.

Times are seconds since the epoch, UTC. None is "no data", never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mastra_desktop.domain.events import ProviderState


class Outcome(StrEnum):
    """How an answer or a step ended."""

    DONE = "done"
    STOPPED = "stopped"  # by the person
    INTERRUPTED = "interrupted"  # after some text
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One answer, asked for by anyone. `at` is when it ended; `trace_id` also names it in the log.

    `provider` and `model` are those that answered, or were asked last. `cost_usd` is None when the price
    or the tokens are unknown.
    """

    id: str
    at: float
    provider: str
    model: str
    outcome: Outcome
    error_code: str = ""
    duration_ms: float = 0.0
    first_token_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    retries: int = 0
    cached: bool = False
    trace_id: str = ""
    conversation_id: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests: empty matches all. `slowest_first`: else the newest come first."""

    provider: str = ""
    model: str = ""
    outcome: Outcome | None = None
    error_code: str = ""
    slowest_first: bool = False
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Point:
    """A curve's value over the time from `at` on; None where nothing is known of it."""

    at: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Amount:
    """What was counted under a name and label in the stretch of time that begins at `at`.

    A counter has its sum in `total`; of a gauge, `count` samples add up to `total`.
    """

    name: str
    label: str
    at: float
    count: float
    total: float


@dataclass(frozen=True, slots=True)
class Span:
    """A step of the work, in a trace. `parent_id` is "" for the first one. No contents in `facts`."""

    trace_id: str
    id: str
    parent_id: str
    name: str
    at: float
    duration_ms: float
    outcome: Outcome = Outcome.DONE
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace as a row of the list: its first span, and how many there are."""

    trace_id: str
    name: str
    at: float
    duration_ms: float
    outcome: Outcome
    model: str
    spans: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Requests and tokens of one provider, model (provider/model) or day (YYYY-MM-DD).

    `cost_usd` adds up what is known, None when nothing is; `unpriced` requests are not in it.
    """

    key: str
    requests: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """Whether a provider is asked, and how its last answers ended, oldest first."""

    provider: str
    state: ProviderState
    until: float | None
    recent: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. `facts` are what it says beside `event`, by name, as text."""

    at: float
    level: str  # debug, info, warning, error, critical
    logger: str
    event: str
    operation_id: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HealthSample:
    """What a health check found once. `status`: healthy, degraded or unhealthy."""

    at: float
    name: str
    status: str
    duration_ms: float
    detail: str


@dataclass(frozen=True, slots=True)
class StoredSize:
    """What a table of figures takes with its indexes, and for how many days and up to how many rows it is
    kept; None is without an end."""

    table: str
    rows: int
    size_bytes: int
    kept_days: int | None
    most_rows: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """This moment. `memory_bytes` by process, `running` by kind of work; rates are of the last minute.

    What is not measured yet is None.
    """

    at: float
    requests_per_s: float | None
    errors_last_minute: Mapping[str, int]
    tokens_in_last_minute: int | None
    tokens_out_last_minute: int | None
    running: Mapping[str, int]
    memory_bytes: Mapping[str, int]
    memory_total_bytes: int | None
    cpu_share: float | None  # of one core, by this process
    event_loop_lag_s: float | None
    writes_waiting: int
    breakers: tuple[BreakerRow, ...]
