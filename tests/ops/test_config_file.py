"""Edits of config.toml: what the person wrote stays, and a broken file is never touched."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import ConfigError, NotFound, StorageError
from mastra_desktop.ops.config import load
from mastra_desktop.ops.config_file import put_provider, remove_provider, set_value
from mastra_desktop.paths import Paths

WRITTEN = """\
# mine

[http]
max_retries = 3   # patience

[[providers]]
id = "work"      # the office
kind = "openai"
models = ["a"]

# the other one
[[providers]]
id = "lab"
kind = "groq"
"""
SERVER = {"id": "box", "kind": "openai-compatible", "base_url": "http://box:8080/v1", "models": ["m"]}


def test_a_new_file(home: Paths) -> None:
    """Without a file, one is made that holds just what was set."""
    put_provider(home.config, SERVER)
    set_value(home.config, "local", "model_path", "/m/ü.gguf")
    config = load(home, {}).config
    assert config.providers[0].base_url == "http://box:8080/v1"
    assert config.local.model_path == "/m/ü.gguf"
    assert home.config.read_text("utf-8").startswith("[[providers]]\n")


def test_comments_and_layout_stay(home: Paths) -> None:
    """Every line the edit does not concern is as it was."""
    home.config.write_text(WRITTEN)
    put_provider(home.config, SERVER)
    put_provider(home.config, {"id": "work", "kind": "openai", "models": ["b", "c"]})
    set_value(home.config, "http", "max_retries", 5)
    set_value(home.config, "logging", "level", "DEBUG")
    text = home.config.read_text()
    for line in WRITTEN.replace('["a"]', '["b", "c"]').replace("= 3", "= 5").splitlines():
        assert line in text.splitlines()
    config = load(home, {}).config
    assert [p.id for p in config.providers] == ["work", "lab", "box"]
    assert config.providers[0].models == ("b", "c")
    assert (config.http.max_retries, config.logging.level) == (5, "DEBUG")


def test_removing(home: Paths) -> None:
    """A provider goes with its lines, the others stay; the last one leaves no empty list; none is NotFound."""
    home.config.write_text(WRITTEN)
    remove_provider(home.config, "work")
    assert [p.id for p in load(home, {}).config.providers] == ["lab"]
    assert "max_retries = 3   # patience" in home.config.read_text()
    remove_provider(home.config, "lab")
    assert load(home, {}).sources["providers"] == "default"
    with pytest.raises(NotFound):
        remove_provider(home.config, "lab")
    put_provider(home.config, SERVER)
    assert [p.id for p in load(home, {}).config.providers] == ["box"]


def test_providers_written_in_one_line(home: Paths) -> None:
    """`providers = [{...}]` can be added to and removed from as well."""
    home.config.write_text('providers = [{id = "a", kind = "groq"}]\n[http]\nmax_retries = 1\n')
    put_provider(home.config, SERVER)
    assert [p.id for p in load(home, {}).config.providers] == ["a", "box"]
    remove_provider(home.config, "a")
    config = load(home, {}).config
    assert [p.id for p in config.providers] == ["box"]
    assert config.http.max_retries == 1


@pytest.mark.parametrize("broken", [b"[http\n", b"\xff\xfe", b"[http]\nretries = 1\n"])
def test_a_broken_file_is_left_alone(home: Paths, broken: bytes) -> None:
    """What cannot be read or is refused stays byte for byte, and the error says where."""
    home.config.write_bytes(broken)
    for edit in (
        partial(put_provider, home.config, SERVER),
        partial(remove_provider, home.config, "x"),
        partial(set_value, home.config, "http", "max_retries", 1),
    ):
        with pytest.raises(ConfigError):
            edit()
    assert home.config.read_bytes() == broken
    assert [file.name for file in home.home.iterdir() if file.is_file()] == ["config.toml"]


def test_an_invalid_result_is_not_written(home: Paths) -> None:
    """An edit that would make the configuration invalid is refused whole."""
    home.config.write_text(WRITTEN)
    for edit in (
        partial(put_provider, home.config, {"id": "Box", "kind": "openai"}),
        partial(put_provider, home.config, {"id": "box", "kind": "openai-compatible"}),
        partial(put_provider, home.config, {"id": "box", "kind": "openai", "api_key": "x"}),
        partial(set_value, home.config, "http", "max_retries", "many"),
        partial(set_value, home.config, "nope", "x", 1),
    ):
        with pytest.raises(ConfigError):
            edit()
    assert home.config.read_text() == WRITTEN


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Trouble with the disk is a storage error."""
    with pytest.raises(StorageError, match="cannot be written"):
        put_provider(tmp_path / "missing" / "config.toml", SERVER)


def test_links_and_permissions_stay(home: Paths, tmp_path: Path) -> None:
    """A link into one's dotfiles stays a link, and the file keeps its permissions."""
    real = tmp_path / "dotfiles.toml"
    real.write_text(WRITTEN)
    real.chmod(0o640)
    home.config.symlink_to(real)
    set_value(home.config, "http", "max_retries", 9)
    assert home.config.is_symlink()
    assert "max_retries = 9" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
