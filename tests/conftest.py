"""What every test gets: no display, no keyring, no proxy, nobody's data home, and a check for leftovers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt

from mastra_desktop.paths import Paths, prepare_home
from tests.leftovers import belongings, left_over

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


@pytest.fixture(autouse=True, scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the person's own machine gets into a test, and nothing of a test gets out."""
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.lower().endswith("_proxy") or name.endswith("_API_KEY") or name.startswith("MASTRA_"):
                patch.delenv(name)
        patch.setenv("MASTRA_HOME", str(tmp_path_factory.mktemp("unasked-home")))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield


@pytest.fixture(autouse=True)
def nothing_left_over() -> Iterator[None]:
    """Fails a test that leaves a thread, task, child process, window or socket behind."""
    before = belongings()
    yield
    found = left_over(before)
    assert not found, "left behind: " + "; ".join(found)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A prepared, empty data home, also in `$MASTRA_HOME`; the cache is empty as well."""
    paths = Paths(home=tmp_path / "home", cache=tmp_path / "cache", resources=RESOURCES)
    prepare_home(paths)
    monkeypatch.setenv("MASTRA_HOME", str(paths.home))
    return paths
