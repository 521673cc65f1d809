"""Statements of every turn, made once.

Core takes about 40 µs to run a statement that it has compiled before, SQLite itself about 10. What runs in
every turn is therefore compiled here and given to SQLite's driver. A server gets it through Core: there the
way to it costs far more.

    _TOUCH = Prepared(update(table).where(table.c.id == bindparam("id_")))
    _TOUCH.run(conn, {"id_": id, "updated_at": now}).rowcount
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.sql.expression import Delete, Insert, Select, TextClause, Update

from mastra_desktop.store.engines import driver_connection


class Result(Protocol):
    """What the driver's cursor and Core's result have in common. Rows go by position."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Sequence[Any] | None: ...


class Prepared:
    """A Core statement without types that need converting, and without `returning`."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete | TextClause) -> None:
        self._statement = statement
        # By the names of the values, which say what an insert or update sets: SQL, values of its own.
        self._made: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}

    def run(self, conn: Connection, values: Mapping[str, Any]) -> Result:
        """Runs it in the transaction of `conn`. On SQLite a failure is the driver's own error."""
        if conn.dialect.name != "sqlite":
            return conn.execute(self._statement, values)
        names = tuple(values)
        sql, own = self._made.get(names) or self._make(names)
        return driver_connection(conn).execute(sql, {**own, **values})

    def _make(self, names: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
        made = self._statement.compile(dialect=dialect(paramstyle="named"), column_keys=names)
        own = {name: bind.value for name, bind in made.binds.items() if not bind.required}
        self._made[names] = made.string, own
        return made.string, own
