"""Where things are, and the data home's folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.paths import Paths, find_paths, prepare_home


def paths_at(home: Path) -> Paths:
    return find_paths({"MASTRA_HOME": str(home)})


def test_home_is_chosen_or_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$MASTRA_HOME counts, with ~ and relative to here; without it, the user's data folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert paths_at(Path("~/x")).home == tmp_path / "x"
    assert paths_at(Path("here")).home == tmp_path / "here"
    if sys.platform == "linux":
        assert find_paths({}).home == tmp_path / ".local/share/mastra-desktop"
    found = paths_at(tmp_path / "a b 数据")
    assert found.config == tmp_path / "a b 数据" / "config.toml"
    assert (found.resources / "fonts").is_dir()


def test_frozen_app_brings_its_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the frozen app, resources are where it was unpacked."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert find_paths({"MASTRA_HOME": "/x"}).resources == tmp_path / "resources"


def test_folders_are_private(tmp_path: Path) -> None:
    """The data home and its folders are made for this user only; again is fine."""
    paths = paths_at(tmp_path / "new" / "home")
    prepare_home(paths)
    prepare_home(paths)
    assert sorted(p.name for p in paths.home.iterdir()) == ["backups", "logs", "models"]
    if os.name == "posix":
        assert all(p.stat().st_mode & 0o777 == 0o700 for p in (paths.home, paths.logs))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file where the data home should be is named, with a way out."""
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="is a file") as refused:
        prepare_home(paths_at(tmp_path / "home"))
    assert "MASTRA_HOME" in refused.value.hint
    with pytest.raises(StorageError):
        prepare_home(paths_at(tmp_path / "home" / "below"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses root as well")
def test_a_home_that_cannot_be_written() -> None:
    """An unwritable place gives one sentence with the system's reason, and a hint."""
    with pytest.raises(StorageError, match="cannot be written to") as refused:
        prepare_home(paths_at(Path("/proc/self/home")))
    assert refused.value.hint
