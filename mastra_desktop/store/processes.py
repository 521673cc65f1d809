"""Who shares a database on a server, and what each of them has in hand, so that nothing is done twice.

A process says every few seconds that it is there. What it claimed is free again `LEASE_S` after it was last
seen, by the server's clock. On SQLite the data home's lock lets one process in: there every claim is granted
and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from mastra_desktop.domain.errors import NotFound
from mastra_desktop.store.prepared import Prepared

LEASE_S = 20  # also in the statements below
BEAT_S = 4.0

_APPEAR = text(
    "INSERT INTO processes (id, place, host, seen_at)"
    " VALUES (:id, :place, :host, extract(epoch FROM clock_timestamp()))"
    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
)
_SUCCEED = text("DELETE FROM processes WHERE place = :place AND host = :host AND id <> :id")
_FORGET_LONG_GONE = text(
    "DELETE FROM processes AS p WHERE NOT p.seen_at > extract(epoch FROM clock_timestamp()) - 20"
    " AND NOT EXISTS"
    " (SELECT 1 FROM claims AS c WHERE c.process_id = p.id)"
)
_LEAVE = text("DELETE FROM processes WHERE id = :id")
_LEAVE_CLAIMS = text("DELETE FROM claims WHERE process_id = :id")
_CLAIM = Prepared(
    text(
        "INSERT INTO claims (name, process_id, subject) VALUES (:name, :id, :subject) ON CONFLICT (name)"
        " DO UPDATE SET process_id = excluded.process_id, subject = excluded.subject"
        " WHERE claims.process_id = excluded.process_id OR NOT EXISTS"
        " (SELECT 1 FROM processes AS p WHERE p.id = claims.process_id"
        " AND p.seen_at > extract(epoch FROM clock_timestamp()) - 20)"
    )
)
_RELEASE = Prepared(text("DELETE FROM claims WHERE name = :name AND process_id = :id"))
_HOLDS = text("SELECT 1 FROM claims WHERE name = :name AND process_id = :id")
_GIVE_UP = text(
    "DELETE FROM claims WHERE process_id = :id AND name LIKE :kind"
    " AND NOT subject = ANY(CAST(:keep AS text[]))"
)
_LIVING = text(
    "SELECT host FROM processes WHERE NOT (place = :place AND host = :host)"
    " AND seen_at > extract(epoch FROM clock_timestamp()) - 20 ORDER BY host"
)
_HELD = text(
    "SELECT c.subject FROM claims AS c JOIN processes AS p ON p.id = c.process_id"
    " WHERE c.name LIKE :kind AND p.id <> :besides AND p.seen_at > extract(epoch FROM clock_timestamp()) - 20"
)


@dataclass(frozen=True, slots=True)
class Me:
    """This process. `place` names its data home for good, "" on SQLite; `host` the computer."""

    id: str = ""
    place: str = ""
    host: str = ""


NOBODY = Me()


def appear(conn: Connection, me: Me) -> None:
    """At the start, and every `BEAT_S`. An earlier process of the same data home is gone: it had the lock."""
    if _is_file(conn):
        return
    conn.execute(_APPEAR, {"id": me.id, "place": me.place, "host": me.host})
    conn.execute(_SUCCEED, {"id": me.id, "place": me.place, "host": me.host})
    conn.execute(_FORGET_LONG_GONE)


def leave(conn: Connection, me: Me) -> None:
    """At the end: what it had in hand is free at once."""
    if not _is_file(conn):
        conn.execute(_LEAVE_CLAIMS, {"id": me.id})
        conn.execute(_LEAVE, {"id": me.id})


def claim(conn: Connection, me: Me, name: str, subject: str = "") -> bool:
    """Whether `name` is this process's from now on: no other that lives has it."""
    if _is_file(conn):
        return True
    return _CLAIM.run(conn, {"name": name, "id": me.id, "subject": subject}).rowcount == 1


def release(conn: Connection, me: Me, name: str) -> None:
    if not _is_file(conn):
        _RELEASE.run(conn, {"name": name, "id": me.id})


def must_hold(conn: Connection, me: Me, name: str) -> None:
    """Raises `NotFound` when another took it over: this process was held still for too long."""
    if not _is_file(conn) and conn.execute(_HOLDS, {"name": name, "id": me.id}).first() is None:
        raise NotFound("Another computer went on with this.", detail=name)


def held(conn: Connection, kind: str, besides: Me = NOBODY) -> set[str]:
    """The subjects of what living processes have claimed, of all names that begin with `kind`."""
    if _is_file(conn):
        return set()
    return set(conn.execute(_HELD, {"kind": f"{kind}%", "besides": besides.id}).scalars())


def living(conn: Connection, besides: Me) -> list[str]:
    """The computers of processes that are there, but for those of one data home, whose lock we have."""
    if _is_file(conn):
        return []
    return list(conn.execute(_LIVING, {"place": besides.place, "host": besides.host}).scalars())


def give_up(conn: Connection, me: Me, kind: str, keep: Iterable[str]) -> None:
    """Of what this process claimed only `keep` is in hand: the rest was stored, and it was told otherwise."""
    if not _is_file(conn):
        conn.execute(_GIVE_UP, {"id": me.id, "kind": f"{kind}%", "keep": list(keep)})


def _is_file(conn: Connection) -> bool:
    return conn.dialect.name == "sqlite"
