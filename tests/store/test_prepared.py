"""Prepared statements on a real database."""

import sqlite3

import psycopg
import pytest
from sqlalchemy import Connection, bindparam, insert, literal, select, text, update

from mastra_desktop.store import schema
from mastra_desktop.store.prepared import Prepared

_d = schema.drafts.c


def test_does_what_core_does(conn: Connection) -> None:
    """Inserts and updates the columns that the values name, different ones in each run, and reads them."""
    put = Prepared(insert(schema.drafts))
    change = Prepared(
        update(schema.drafts).where(_d.conversation_id == bindparam("id_"), _d.text != literal("b"))
    )
    read = Prepared(select(_d.text).where(_d.conversation_id == bindparam("id_")))
    move = Prepared(text("UPDATE drafts SET text = :text WHERE conversation_id = :id"))

    assert put.run(conn, {"conversation_id": "c", "text": "a:b ? %s"}).rowcount == 1
    assert read.run(conn, {"id_": "c"}).fetchone() == ("a:b ? %s",)
    assert change.run(conn, {"id_": "c", "text": "b"}).rowcount == 1
    assert change.run(conn, {"id_": "c", "text": "never"}).rowcount == 0
    assert move.run(conn, {"text": "数据", "id": "c"}).rowcount == 1
    assert change.run(conn, {"id_": "c", "conversation_id": "d"}).rowcount == 1
    assert read.run(conn, {"id_": "d"}).fetchone() == ("数据",)
    assert read.run(conn, {"id_": "c"}).fetchone() is None


def test_belongs_to_the_transaction(conn: Connection) -> None:
    """A failing statement raises the driver's error, and going back undoes the ones before it."""
    put = Prepared(insert(schema.drafts))
    savepoint = conn.begin_nested()
    put.run(conn, {"conversation_id": "c", "text": "a"})
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        put.run(conn, {"conversation_id": "c", "text": "twice"})
    savepoint.rollback()
    assert conn.execute(select(_d.text)).all() == []
