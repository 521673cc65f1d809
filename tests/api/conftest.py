"""A server for each test, over a scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import Serving
from tests.cores import make_home
from tests.fakes import ScriptedProvider


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture
def serving(provider: ScriptedProvider, tmp_path: Path) -> Iterator[Serving]:
    with Serving(make_home(tmp_path, provider.base_url)) as running:
        yield running
