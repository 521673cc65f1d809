"""What the schema says about each key, and how addresses with passwords are shown and taken back."""

from __future__ import annotations

import pytest

from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.ops.config_keys import (
    HIDDEN,
    all_keys,
    check_value,
    hide_password,
    keep_password,
    sections,
)


def test_each_key_has_words() -> None:
    """A name people read, a sentence on what it does with its unit where it has one, and a heading."""
    keys = {info.name: info for info in all_keys()}
    for section, kind in sections():
        assert kind.model_config.get("title"), f"[{section}] has no title"
        for name, field in kind.model_fields.items():
            info = keys.pop(f"{section}.{name}")
            assert field.title, f"{info.name} has no title"
            assert info.description.endswith("."), f"{info.name} has no sentence that describes it"
            assert name not in info.title, f"{info.name} is called by its key"
            if name.endswith("_s"):
                assert (info.unit, "second" in info.description) == ("s", True), info.name
            if name.endswith("_bytes"):
                assert (info.unit, "bytes" in info.description) == ("bytes", True), info.name
    assert not keys


def test_kinds_and_limits() -> None:
    """Type, limits, choices and default are those that the check uses."""
    keys = {info.name: info for info in all_keys()}
    retries = keys["http.max_retries"]
    assert (retries.kind, retries.least, retries.most, retries.default) == ("whole", 0, 10, 2)
    assert keys["http.connect_timeout_s"].kind == "number"
    assert keys["server.enabled"].kind == "switch"
    assert keys["logging.level"].choices == ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    assert keys["database.url"].kind == "text"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:p@ss:w@host:1/db", f"postgresql://me:{HIDDEN}@host:1/db"),
        ("redis://:pw@host", f"redis://:{HIDDEN}@host"),
        (
            "postgresql://host/db?user=x&password=abc&ssl=a",
            f"postgresql://host/db?user=x&password={HIDDEN}&ssl=a",
        ),
        ("redis://u:a@h?password=b", f"redis://u:{HIDDEN}@h?password={HIDDEN}"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:////x/y.db", "sqlite:////x/y.db"),
        ("/m/a:b@c.gguf", "/m/a:b@c.gguf"),
        ("", ""),
    ],
)
def test_passwords_are_hidden_and_come_back(address: str, shown: str) -> None:
    """Only the password is replaced by dots, and what is shown comes back as it was."""
    assert hide_password(address) == shown
    assert keep_password(shown, address) == address


def test_editing_an_address_with_dots() -> None:
    """Another host keeps the password; a password that is written replaces it; dots without one are refused."""
    before = "postgresql://me:secret@old/db"
    assert keep_password(f"postgresql://me:{HIDDEN}@new/db", before) == "postgresql://me:secret@new/db"
    assert keep_password("postgresql://me:other@old/db", before) == "postgresql://me:other@old/db"
    assert keep_password("/m/a•b.gguf", "") == "/m/a•b.gguf"
    for dots, old in ((f"redis://:{HIDDEN}@h", ""), (f"postgresql://me:{HIDDEN}•@new/db", before)):
        with pytest.raises(ConfigError, match="write the password itself"):
            keep_password(dots, old)


def test_an_impossible_value_says_what_is_allowed() -> None:
    """In one sentence, without a password that was typed."""
    with pytest.raises(
        ConfigError, match=r"^99 cannot be used here; allowed is a whole number from 0 to 10\.$"
    ):
        check_value("http", "max_retries", 99)
    with pytest.raises(ConfigError) as refused:
        check_value("database", "url", "mysql://me:hunter22@host/db")
    assert "hunter22" not in refused.value.message
    assert "postgresql://" in refused.value.message
    check_value("http", "connect_timeout_s", 7)
