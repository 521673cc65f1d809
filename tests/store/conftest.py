"""A real database in a folder with a space and Chinese characters in its name, or on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines
from tests.postgres_server import PROGRAMS, PostgresServer

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "data home 数据 100%"
    folder.mkdir()
    return folder


@pytest.fixture
def url(home: Path) -> str:
    return f"sqlite:///{home}/mastra.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One for all tests that ask for it; its database `made` has our tables."""
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with PostgresServer() as server:
        with server.connect() as conn:
            conn.execute("CREATE DATABASE made")
        asyncio.run(make_empty(server.url("made")))
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A database of its own, with our tables."""
    url = postgres.new_database("made")
    yield url
    postgres.drop(url)


async def make_empty(url: str) -> None:
    await (await Database.open(url)).close()


@pytest.fixture(params=BOTH)
def any_url(request: pytest.FixtureRequest) -> str:
    """An empty database of ours, of each kind."""
    url: str = request.getfixturevalue("url" if request.param == "sqlite" else "postgres_url")
    if request.param == "sqlite":
        asyncio.run(make_empty(url))
    return url


@pytest.fixture
def conn(any_url: str) -> Iterator[Connection]:
    """A writing connection inside a transaction, to each kind of database."""
    engines = make_engines(any_url, read_only=False)
    with engines.writer.connect() as connection, connection.begin():
        yield connection
    engines.dispose()


@pytest.fixture
def sqlite_conn(url: str) -> Iterator[Connection]:
    """As `conn`, for what only SQLite has."""
    asyncio.run(make_empty(url))
    engines = make_engines(url, read_only=False)
    with engines.writer.connect() as connection, connection.begin():
        yield connection
    engines.dispose()
