"""Requests, spans, amounts by the minute and the hour, and what health checks found.

Kept for a while only; `prune` takes out a piece at a time, so that no write is held up by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, case, func, insert, select, text

from mastra_desktop.domain.telemetry import (
    Amount,
    HealthSample,
    Outcome,
    RequestFilter,
    RequestRecord,
    Span,
    TraceSummary,
    UsageRow,
)
from mastra_desktop.store import schema
from mastra_desktop.store.prepared import Prepared

DAY_S = 86_400
KEPT_S = {"requests": 90 * DAY_S, "spans": 7 * DAY_S, "health_history": 90 * DAY_S}
MOST_ROWS = {"requests": 1_000_000, "spans": 200_000, "health_history": 100_000}
MINUTES_KEPT_S = 7 * DAY_S
HOURS_KEPT_S = 90 * DAY_S
PIECE = 2000  # rows that one pruning takes out of a table

_r = schema.requests.c
_s = schema.spans.c
_h = schema.health_history.c
_COLUMNS = [column.name for column in schema.requests.columns if column.name != "seq"]
_RECORD = Prepared(
    text(
        f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{c}' for c in _COLUMNS)})"  # noqa: S608 - names of columns
        " ON CONFLICT (id) DO NOTHING"
    )
)
_REQUEST = select(*(schema.requests.c[name] for name in _COLUMNS))
_KEEP_SPAN = insert(schema.spans)
_KEEP_HEALTH = insert(schema.health_history)
_ADD = (
    "INSERT INTO {table} (at, name, label, count, total) VALUES (:at, :name, :label, :count, :total)"
    " ON CONFLICT (at, name, label) DO UPDATE SET count = {table}.count + excluded.count,"
    " total = {table}.total + excluded.total"
)
_ADD_MINUTE = text(_ADD.format(table="metric_minutes"))
_ADD_HOUR = text(_ADD.format(table="metric_hours"))
_ALL = RequestFilter()


def record_requests(conn: Connection, records: Sequence[RequestRecord]) -> None:
    """Keeps the figures of answers; a second time with the same id does nothing."""
    rows = [
        {name: getattr(record, name) for name in _COLUMNS}
        | {"outcome": record.outcome.value, "cached": int(record.cached)}
        for record in records
    ]
    _RECORD.run_each(conn, rows)


def requests_between(
    conn: Connection, since: float, until: float, wanted: RequestFilter = _ALL
) -> list[RequestRecord]:
    """Those that ended from `since` to before `until`."""
    query = _REQUEST.where(_r.at >= since, _r.at < until)
    for column, value in (
        (_r.provider, wanted.provider),
        (_r.model, wanted.model),
        (_r.outcome, wanted.outcome.value if wanted.outcome else ""),
        (_r.error_code, wanted.error_code),
    ):
        if value:
            query = query.where(column == value)
    order = _r.duration_ms.desc() if wanted.slowest_first else _r.at.desc()
    return [_request(row) for row in conn.execute(query.order_by(order).limit(wanted.limit))]


def last_outcomes(conn: Connection, providers: Sequence[str], n: int = 20) -> dict[str, tuple[Outcome, ...]]:
    """How the last `n` answers of each provider ended, oldest first."""
    query = select(_r.outcome).where(_r.provider == bindparam("provider_"))
    newest = query.order_by(_r.seq.desc()).limit(n)
    found = {}
    for provider in providers:
        outcomes = [Outcome(row.outcome) for row in conn.execute(newest, {"provider_": provider})]
        found[provider] = tuple(reversed(outcomes))
    return found


def usage_by(
    conn: Connection,
    by: Literal["provider", "model", "day"],
    since: float,
    until: float,
    *,
    utc_offset_s: int = 0,
) -> list[UsageRow]:
    """Sums by provider, model or day, largest or newest first. Days begin `utc_offset_s` off UTC."""
    key: Any = {
        "provider": _r.provider,
        "model": _r.provider + "/" + _r.model,
        "day": _whole(conn, (_r.at + utc_offset_s) / DAY_S),
    }[by]
    failed = case((_r.outcome.in_((Outcome.FAILED.value, Outcome.INTERRUPTED.value)), 1), else_=0)
    sums = [func.sum(_r[f"{part}_tokens"]) for part in ("input", "output", "cached_input", "reasoning")]
    unpriced = case((sa.and_(_r.cost_usd.is_(None), _r.outcome != Outcome.FAILED.value), 1), else_=0)
    count = func.count()
    query = (
        select(key, count, func.sum(failed), *sums, func.sum(_r.cost_usd), func.sum(unpriced))
        .where(_r.at >= since, _r.at < until)
        .group_by(key)
        .order_by(key.desc() if by == "day" else count.desc())
    )
    found = []
    for first, *rest in conn.execute(query):
        named = _day(first) if by == "day" else str(first)
        asked, bad, read, written, again, thought, cost, unknown = rest
        tokens = (_count(read), _count(written), _count(again), _count(thought))
        found.append(UsageRow(named, int(asked), int(bad), *tokens, cost, int(unknown)))
    return found


def add_amounts(conn: Connection, amounts: Sequence[Amount]) -> None:
    """Adds to the minute and the hour that each belongs to."""
    if not amounts:
        return
    for statement, step in ((_ADD_MINUTE, 60), (_ADD_HOUR, 3600)):
        rows = [
            {
                "at": int(a.at // step * step),
                "name": a.name,
                "label": a.label,
                "count": a.count,
                "total": a.total,
            }
            for a in amounts
        ]
        conn.execute(statement, rows)


def amounts(
    conn: Connection, names: Iterable[str], since: float, until: float, step: int, *, hours: bool = False
) -> list[Amount]:
    """Sums over stretches of `step` seconds (whole minutes or hours), in order; `at` is where each begins."""
    table = schema.metric_hours if hours else schema.metric_minutes
    c = table.c
    slot: Any = c.at - c.at % step
    query = (
        select(c.name, c.label, slot.label("slot"), func.sum(c.count), func.sum(c.total))
        .where(c.at >= int(since), c.at < until, c.name.in_(list(names)))
        .group_by("slot", c.name, c.label)
        .order_by("slot")
    )
    return [Amount(*row) for row in conn.execute(query)]


def keep_spans(conn: Connection, spans: Sequence[Span]) -> None:
    rows = [
        {
            "trace_id": span.trace_id,
            "id": span.id,
            "parent_id": span.parent_id,
            "name": span.name,
            "at": span.at,
            "duration_ms": span.duration_ms,
            "outcome": span.outcome.value,
            "facts": json.dumps(dict(span.facts), ensure_ascii=False) if span.facts else "",
        }
        for span in spans
    ]
    if rows:
        conn.execute(_KEEP_SPAN, rows)


def trace(conn: Connection, trace_id: str) -> list[Span]:
    """The spans of a trace in the order they began; empty when it is unknown."""
    rows = conn.execute(select(schema.spans).where(_s.trace_id == trace_id).order_by(_s.at, _s.seq))
    return [_span(row) for row in rows]


def traces(
    conn: Connection, since: float, until: float, *, slowest_first: bool = True, limit: int = 50
) -> list[TraceSummary]:
    """Traces that began in that time, by their first spans."""
    order = _s.duration_ms.desc() if slowest_first else _s.at.desc()
    first = select(schema.spans).where(_s.parent_id == "", _s.at >= since, _s.at < until)
    roots = [_span(row) for row in conn.execute(first.order_by(order).limit(limit))]
    counted = select(_s.trace_id, func.count()).where(_s.trace_id.in_([root.trace_id for root in roots]))
    rows = conn.execute(counted.group_by(_s.trace_id))
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    return [
        TraceSummary(
            root.trace_id,
            root.name,
            root.at,
            root.duration_ms,
            root.outcome,
            str(root.facts.get("gen_ai.request.model", "")),
            counts[root.trace_id],
        )
        for root in roots
    ]


def keep_health(conn: Connection, samples: Sequence[HealthSample]) -> None:
    rows = [
        {
            "at": sample.at,
            "name": sample.name,
            "status": sample.status,
            "duration_ms": sample.duration_ms,
            "detail": sample.detail,
        }
        for sample in samples
    ]
    if rows:
        conn.execute(_KEEP_HEALTH, rows)


def health_history(conn: Connection, since: float, until: float, name: str = "") -> list[HealthSample]:
    """What checks found, oldest first; of one check or of all."""
    query = select(_h.at, _h.name, _h.status, _h.duration_ms, _h.detail).where(_h.at >= since, _h.at < until)
    if name:
        query = query.where(_h.name == name)
    return [HealthSample(*row) for row in conn.execute(query.order_by(_h.at, _h.seq))]


def prune(conn: Connection, now: float) -> bool:
    """Takes out one piece of what is too old or too much. Whether there is more."""
    more = False
    for name, kept_s in KEPT_S.items():
        table = schema.metadata.tables[name]
        newest = select(func.max(table.c.seq)).scalar_subquery()
        gone = sa.or_(table.c.at < now - kept_s, table.c.seq <= newest - MOST_ROWS[name])
        piece = select(table.c.seq).where(gone).order_by(table.c.seq).limit(PIECE)
        more |= conn.execute(sa.delete(table).where(table.c.seq.in_(piece))).rowcount == PIECE
    for table, kept_s in ((schema.metric_minutes, MINUTES_KEPT_S), (schema.metric_hours, HOURS_KEPT_S)):
        # By time and not by number: a stretch of one hour, or of one day, is a piece.
        oldest: float | None = conn.execute(select(func.min(table.c.at))).scalar()
        if oldest is not None and oldest < now - kept_s:
            until = min(oldest + (3600 if table is schema.metric_minutes else DAY_S), now - kept_s)
            conn.execute(sa.delete(table).where(table.c.at < until))
            more |= until < now - kept_s
    return more


def _request(row: Any) -> RequestRecord:
    values = row._asdict()
    return RequestRecord(**values | {"outcome": Outcome(row.outcome), "cached": bool(row.cached)})


def _span(row: Any) -> Span:
    facts = json.loads(row.facts) if row.facts else {}
    return Span(
        row.trace_id,
        row.id,
        row.parent_id,
        row.name,
        row.at,
        row.duration_ms,
        Outcome(row.outcome),
        facts,
    )


def _count(number: float | None) -> int | None:
    return None if number is None else int(number)


def _day(number: float) -> str:
    return datetime.fromtimestamp(number * DAY_S, UTC).date().isoformat()


def _whole(conn: Connection, number: Any) -> Any:
    """Rounded down. SQLite's floor() is left out of some builds; its cast cuts, where PostgreSQL's rounds."""
    return sa.cast(number, sa.BigInteger) if conn.dialect.name == "sqlite" else func.floor(number)
