"""A real database in a folder with a space and Chinese characters in its name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "data home 数据 100%"
    folder.mkdir()
    return folder


@pytest.fixture
def url(home: Path) -> str:
    return f"sqlite:///{home}/mastra.db"


async def make_empty(url: str) -> None:
    await (await Database.open(url)).close()


@pytest.fixture
def conn(url: str) -> Iterator[Connection]:
    """A writing connection inside a transaction."""
    asyncio.run(make_empty(url))
    engines = make_engines(url, read_only=False)
    with engines.writer.connect() as connection, connection.begin():
        yield connection
    engines.dispose()
