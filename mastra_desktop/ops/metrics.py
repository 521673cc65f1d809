"""Counts and measures what the app does; shown by the Metrics pane and, in Prometheus' format, at /metrics.

Recording is a few changes of dicts, on the core's loop. prometheus_client takes 50 ms to import and more than
twice as long for each record; so it is used where the figures go out, as a collector over these dicts.
Label values come from bounded lists: what is new beyond the bound is counted as "other".
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.events import ProviderState
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID
from mastra_desktop.domain.telemetry import Outcome
from mastra_desktop.ops.errors_met import ErrorsMet
from mastra_desktop.ops.redaction import redact

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OTHER = "other"
MOST_PROVIDERS = 50
MOST_MODELS = 200
MOST_TOOLS = 200
SECONDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 30, 45, 60, 90, 120)  # of answers
SHORT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)  # of searches, stalls
_STATES = {state: number for number, state in enumerate(ProviderState)}

Tally = dict[tuple[str, str], list[float]]  # (name, label) -> [count, total], since it was last taken


class Labels:
    """A bounded list of values for one label, without secrets."""

    def __init__(self, most: int, clean: Callable[[str], str]) -> None:
        self._most = most
        self._clean = clean
        self._known: dict[str, str] = {}

    def of(self, value: str) -> str:
        """The label for `value`: itself, or "other" when there are too many."""
        if (known := self._known.get(value)) is not None:
            return known
        if len(self._known) >= self._most:
            return OTHER
        label = self._known[value] = self._clean(value)[:120] or OTHER
        return label


class Histogram:
    """Counts per bound; the last is for what is above all of them."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: (upper bound, how many up to it)."""
        found, below = [], 0
        for bound, count in zip((*self._bounds, math.inf), self.counts, strict=True):
            below += count
            found.append(("+Inf" if bound == math.inf else str(float(bound)), float(below)))
        return found


class Metrics:
    """All figures of this process since its start. Belongs to the core's loop; `text` may run in a thread.

    Times in seconds. Nothing here raises for a strange value.
    """

    def __init__(self, clean: Callable[[str], str] = redact) -> None:
        self._providers = Labels(MOST_PROVIDERS, clean)
        self._models = Labels(MOST_MODELS, clean)
        self._tools = Labels(MOST_TOOLS, clean)
        self._requests: dict[tuple[str, str, str], int] = defaultdict(int)
        self._tokens: dict[tuple[str, str, str], int] = defaultdict(int)
        self._retries: dict[str, int] = defaultdict(int)
        self._fallbacks: dict[str, int] = defaultdict(int)
        self._errors: dict[str, int] = defaultdict(int)
        self._cache: dict[tuple[str, str], int] = defaultdict(int)
        self._tool_calls: dict[tuple[str, str], int] = defaultdict(int)
        self._exported: dict[str, int] = defaultdict(int)
        self._circuits: dict[str, int] = {}
        self._duration: dict[str, Histogram] = {}
        self._first_token: dict[str, Histogram] = {}
        self._search = Histogram(SHORT_SECONDS)
        self._stalls = Histogram(SHORT_SECONDS)
        self._memory: dict[str, int] = {}
        self._gauges: dict[str, float] = {}
        self._tally: Tally = {}
        self._registry: CollectorRegistry | None = None
        self.errors = ErrorsMet(self._error)

    # -- recording -----------------------------------------------------------------------------------

    def answered(
        self,
        provider: str,
        model: str,
        outcome: Outcome,
        duration_s: float,
        first_token_s: float | None,
        usage: Usage,
        error_code: str = "",
    ) -> None:
        """One answer ended, in whatever way."""
        here = "local" if provider == LOCAL_PROVIDER_ID else "provider"
        provider, model = self._providers.of(provider), self._models.of(model)
        self._requests[provider, model, outcome.value] += 1
        self._tally_add("requests", "", 1, 1)
        if (durations := self._duration.get(provider)) is None:
            durations = self._duration[provider] = Histogram(SECONDS)
        durations.add(duration_s)
        self._tally_add("duration", _two_digits(duration_s), 1, duration_s)
        if first_token_s is not None:
            if (first := self._first_token.get(provider)) is None:
                first = self._first_token[provider] = Histogram(SECONDS)
            first.add(first_token_s)
            self._tally_add(f"first_token.{here}", _two_digits(first_token_s), 1, first_token_s)
        for direction, tokens in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cached_input", usage.cached_input_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if tokens is not None:
                self._tokens[provider, model, direction] += tokens
                self._tally_add("tokens", direction, 1, tokens)
        if error_code:
            self.errors.told(error_code)

    def _error(self, code: str) -> None:
        self._errors[code] += 1
        self._tally_add("errors", code, 1, 1)

    def retried(self, provider: str) -> None:
        self._retries[self._providers.of(provider)] += 1

    def fell_back(self, provider: str) -> None:
        """Another model answers instead of this provider's."""
        self._fallbacks[self._providers.of(provider)] += 1

    def circuit(self, provider: str, state: ProviderState) -> None:
        """0 closed, 1 open, 2 half-open, 3 cooling."""
        self._circuits[self._providers.of(provider)] = _STATES[state]

    def cache(self, level: str, result: str, n: int = 1) -> None:
        """`level`: memory or redis; `result`: hit, miss or put."""
        if not n:
            return
        self._cache[level, result] += n
        self._tally_add(f"cache.{level}", result, n, n)

    def tool(self, tool: str, outcome: str, duration_s: float) -> None:
        """A tool of an agent was called; `outcome`: ok, failed, declined or stopped."""
        self._tool_calls[self._tools.of(tool), outcome] += 1
        self._tally_add("tools", outcome, 1, duration_s)

    def exported(self, result: str, spans: int) -> None:
        """Spans for an OTLP collector; `result`: sent, refused or dropped."""
        self._exported[result] += spans

    def searched(self, duration_s: float) -> None:
        """Knowledge was searched."""
        self._search.add(duration_s)
        self._tally_add("search", _two_digits(duration_s), 1, duration_s)

    def stalled(self, duration_s: float) -> None:
        """The window did not answer for this long."""
        self._stalls.add(duration_s)
        self._tally_add("stalls", "", 1, duration_s)

    def memory(self, process: str, size_bytes: int | None) -> None:
        """Of one process of ours: window, model, embedder, vectors, reader; None when it does not run."""
        if size_bytes is None:
            self._memory.pop(process, None)
        else:
            self._memory[process] = size_bytes
            self._tally_add("memory", process, 1, size_bytes)

    def gauge(self, name: str, value: float, series: tuple[str, str] | None = None) -> None:
        """One of the figures of GAUGES; `series`: (name, label) under which it is also kept over time."""
        self._gauges[name] = value
        if series is not None:
            self._tally_add(*series, 1, value)

    def covered(self, seconds: float) -> None:
        """So much time was watched: what did not happen in it is 0, and not unknown."""
        self._tally_add("up", "", 1, seconds)

    def _tally_add(self, name: str, label: str, count: float, total: float) -> None:
        if (entry := self._tally.get((name, label))) is None:
            self._tally[name, label] = [count, total]
        else:
            entry[0] += count
            entry[1] += total

    # -- reading -------------------------------------------------------------------------------------

    @property
    def tally(self) -> Tally:
        """What was recorded since `take`; to be read, not kept."""
        return self._tally

    def take(self) -> Tally:
        """What was recorded since the last `take`."""
        taken, self._tally = self._tally, {}
        return taken

    @property
    def memory_bytes(self) -> dict[str, int]:
        return dict(self._memory)

    def value(self, gauge: str) -> float | None:
        """A gauge's last value, None before the first."""
        return self._gauges.get(gauge)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry()
            self._registry.register(_Collector(self))
        return generate_latest(self._registry)

    def families(self) -> Iterator[Any]:
        """prometheus_client's metric families of this moment."""
        from prometheus_client.core import (
            CounterMetricFamily as Counter,
        )
        from prometheus_client.core import (
            GaugeMetricFamily as Gauge,
        )
        from prometheus_client.core import (
            HistogramMetricFamily as HistogramFamily,
        )

        def counter(name: str, says: str, labels: tuple[str, ...], values: dict[Any, int]) -> Any:
            family = Counter(name, says, labels=labels)
            for key, value in tuple(values.items()):
                family.add_metric(key if isinstance(key, tuple) else (key,), value)
            return family

        def histogram(name: str, says: str, values: Iterable[tuple[tuple[str, ...], Histogram]]) -> Any:
            found = tuple(values)
            family = HistogramFamily(name, says, labels=("provider",) if found and found[0][0] else ())
            for labels, value in found:
                family.add_metric(labels, value.buckets(), value.total)
            return family

        asked, tokens = ("provider", "model", "outcome"), ("provider", "model", "direction")
        yield counter("mastra_requests", "Answers asked for, by how they ended.", asked, self._requests)
        yield counter("mastra_tokens", "Tokens as providers counted them.", tokens, self._tokens)
        yield counter("mastra_retries", "Tries of an answer made again.", ("provider",), self._retries)
        yield counter("mastra_fallbacks", "Answers handed to another model.", ("provider",), self._fallbacks)
        yield counter(
            "mastra_errors", "Errors that a person or a client met, by code.", ("code",), self._errors
        )
        yield counter(
            "mastra_cache_operations", "Looked up and put, by level.", ("level", "result"), self._cache
        )
        yield counter("mastra_tool_calls", "Calls of agents' tools.", ("tool", "outcome"), self._tool_calls)
        yield counter("mastra_otlp_spans", "Spans for a collector, by result.", ("result",), self._exported)
        yield histogram(
            "mastra_request_duration_seconds",
            "From asking to the end of the answer.",
            (((name,), values) for name, values in tuple(self._duration.items())),
        )
        yield histogram(
            "mastra_first_token_seconds",
            "From asking to the first piece.",
            (((name,), values) for name, values in tuple(self._first_token.items())),
        )
        yield histogram("mastra_knowledge_search_seconds", "Searches of knowledge.", [((), self._search)])
        yield histogram("mastra_frame_stall_seconds", "The window did not answer.", [((), self._stalls)])
        circuit = Gauge(
            "mastra_circuit_state",
            "Whether a provider is asked: 0 closed, 1 open, 2 half-open, 3 cooling.",
            labels=("provider",),
        )
        for provider, state in tuple(self._circuits.items()):
            circuit.add_metric((provider,), state)
        yield circuit
        memory = Gauge("mastra_memory_bytes", "Resident memory of our processes.", labels=("process",))
        for process, size in tuple(self._memory.items()):
            memory.add_metric((process,), size)
        yield memory
        for name, says in GAUGES.items():
            if (value := self._gauges.get(name)) is not None:
                yield Gauge(f"mastra_{name}", says, value=value)


GAUGES = {
    "event_loop_lag_seconds": "How late the core's loop was when it last looked.",
    "knowledge_passages": "Passages of documents that can be searched.",
    "chats_in_progress": "Answers being written.",
    "documents_in_progress": "Documents that wait, are read or embedded.",
    "http_requests_in_progress": "Requests to providers that are not over.",
    "database_writes_waiting": "Changes that wait for the database's writer.",
    "cache_entries": "Entries in memory.",
    "cache_bytes": "Size of the entries in memory.",
    "otlp_spans_waiting": "Spans that wait to be sent to the collector.",
    "log_lines_lost": "Lines of the log that could not be written since the start.",
}


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        return self._metrics.families()


def _two_digits(seconds: float) -> str:
    """Milliseconds to two significant digits: at most 5 % off, and some 90 values a decade."""
    return f"{max(seconds, 0.0) * 1000:.2g}"
