"""Statements of every turn, made once.

Core takes about 40 µs to run a statement that it has compiled before, SQLite itself about 10. What runs in
every turn is therefore compiled here and given to the driver, sqlite3 or psycopg.

    _TOUCH = Prepared(update(table).where(table.c.id == bindparam("id_")))
    _TOUCH.run(conn, {"id_": id, "updated_at": now}).rowcount
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.expression import Delete, Insert, Select, TextClause, Update

from mastra_desktop.store.engines import raw


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
        self._made_for_server: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}

    def run(self, conn: Connection, values: Mapping[str, Any]) -> Result:
        """Runs it in the transaction of `conn`. A failure is the driver's own error."""
        sql, own = self._of(conn, tuple(values))
        done: Result = raw(conn).execute(sql, {**own, **values})
        return done

    def run_each(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for several rows of values with the same names."""
        if rows:
            sql, own = self._of(conn, tuple(rows[0]))
            raw(conn).cursor().executemany(sql, [{**own, **values} for values in rows])

    def _of(self, conn: Connection, names: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
        if conn.dialect.name == "sqlite":
            found = self._made.get(names)
            if found is None:
                found = self._made[names] = self._make(names, sqlite.dialect(paramstyle="named"))
        else:
            found = self._made_for_server.get(names)
            if found is None:
                found = self._made_for_server[names] = self._make(names, conn.dialect)
        return found

    def _make(self, names: tuple[str, ...], dialect: Dialect) -> tuple[str, dict[str, Any]]:
        made = self._statement.compile(dialect=dialect, column_keys=names)
        return made.string, {name: bind.value for name, bind in made.binds.items() if not bind.required}
