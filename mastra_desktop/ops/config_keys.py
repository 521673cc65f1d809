"""What keys the configuration has, read from its schema, and how their values are shown and checked.

Addresses may hold a password. It is shown as dots; an address that comes back with dots gets it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import ValidationError

from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.ops.config_problems import allowed_for, shown
from mastra_desktop.ops.config_schema import Config, Section

Kind = Literal["switch", "choice", "whole", "number", "text", "other"]

HIDDEN = "••••••"
_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*://)([^/?#]*)(.*)", re.DOTALL)
_IN_QUERY = re.compile(r"([?&]\w*(?:password|secret|token|auth)=)([^&#]*)", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"boolean": "switch", "integer": "whole", "number": "number", "string": "text"}


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key: `http.max_retries`. `kind` says how it is edited; "other" only in the file.

    `title` is the name people read, `description` a sentence on what it does. `least` and `most` are the
    limits of a number in `unit` ("s", "bytes", "" where it has none), `choices` the values of a choice,
    `files` the patterns of what a path may name.
    """

    section: str
    key: str
    section_title: str
    title: str
    description: str
    kind: Kind
    default: bool | float | str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    unit: str = ""
    files: str = ""

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


@cache
def all_keys() -> tuple[KeyInfo, ...]:
    """Each key of each section, in the schema's order. The list of providers is none."""
    schema = Config.model_json_schema()
    return tuple(
        _key(section, name, schema["$defs"][kind.__name__]["title"], node)
        for section, kind in sections()
        for name, node in schema["$defs"][kind.__name__]["properties"].items()
    )


def sections() -> Iterator[tuple[str, type[Section]]]:
    """The sections that are tables of keys: all but the list of providers."""
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield name, field.annotation


def _key(section: str, key: str, section_title: str, node: dict[str, Any]) -> KeyInfo:
    choices = tuple(node.get("enum", ()))
    return KeyInfo(
        section,
        key,
        section_title,
        node["title"],
        node.get("description", ""),
        "choice" if choices else _KINDS.get(node.get("type", ""), "other"),
        node.get("default", ""),
        choices,
        node.get("minimum"),
        node.get("maximum"),
        node.get("unit", ""),
        node.get("files", ""),
    )


def check_value(section: str, key: str, value: object) -> None:
    """Raises ConfigError, whose message says what is allowed, when the key cannot have this value."""
    try:
        Config.model_validate({section: {key: value}})
    except ValidationError as error:
        allowed = allowed_for(Config, (section, key))
        raise ConfigError(f"{shown(value)} cannot be used here; allowed is {allowed}.") from error


def hide_password(value: str) -> str:
    """`value` with dots for the password, where it is an address that holds one."""
    return _each_password(value, lambda _place, _password: HIDDEN)


def keep_password(value: str, before: str) -> str:
    """`value` with the passwords of `before` where it has dots for them.

    Raises ConfigError when dots are left, as those would become the password.
    """
    kept: dict[str, str] = {}

    def remember(place: str, password: str) -> str:
        kept[place] = password
        return password

    def put_back(place: str, password: str) -> str:
        if password == HIDDEN and place in kept:
            return kept[place]
        if HIDDEN[0] in password:
            raise ConfigError(
                "The dots stand for a password that is not known here; write the password itself."
            )
        return password

    _each_password(before, remember)
    return _each_password(value, put_back)


def _each_password(value: str, swap: Callable[[str, str], str]) -> str:
    """`value` with each password replaced by `swap(place, password)`; `place` is "user" or its parameter."""
    match = _ADDRESS.fullmatch(value)
    if match is None:
        return value
    scheme, host, rest = match.groups()
    user, at, server = host.rpartition("@")
    name, colon, password = user.partition(":")
    if at and password:
        host = f"{name}{colon}{swap('user', password)}{at}{server}"
    rest = _IN_QUERY.sub(lambda found: found[1] + swap(found[1].strip("?&="), found[2]), rest)
    return f"{scheme}{host}{rest}"
