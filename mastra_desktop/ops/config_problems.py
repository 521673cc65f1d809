"""Says what is wrong with a configuration: where, which key, what was found and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.ops.redaction import is_secret_name, redact
from mastra_desktop.ops.toml_lines import KeyPath, line_numbers

_LONGEST_FOUND = 60


class Places:
    """Where each key was written: a line of the file, or a variable of the environment."""

    def __init__(self, file: Path, text: str, variables: Mapping[KeyPath, str]) -> None:
        self._file = file
        self._text = text
        self._variables = variables
        self._lines: dict[KeyPath, int] | None = None

    def name(self, path: KeyPath) -> str:
        """`/home/…/config.toml, line 7: http.max_retries`, or the variable's name."""
        if path in self._variables:
            return f"{self._variables[path]} in the environment"
        if self._lines is None:
            self._lines = line_numbers(self._text)
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        line = f", line {self._lines[known]}" if known else ""
        return f"{self._file}{line}: {dotted(path)}"


def refused(problems: list[str]) -> ConfigError:
    """One error for all problems; the first is its message."""
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return ConfigError(
        problems[0] + more,
        hint="Correct it and try again; nothing was changed.",
        detail="\n".join(problems),
    )


def syntax_problem(error: tomllib.TOMLDecodeError, file: Path, text: str) -> str:
    """Python says `… (at line 3, column 5)` or `… (at end of document)`."""
    said, _, place = str(error).partition(" (at ")
    number = re.match(r"line (\d+)", place)
    line = int(number[1]) if number else text.rstrip().count("\n") + 1
    found = shown(text.splitlines()[line - 1].strip()) if text.strip() else '""'
    return (
        f"{file}, line {line}: {found} is not TOML ({redact(said)}); "
        "allowed is key = value under a [section], with text in quotes."
    )


def secret_problems(written: Mapping[str, Any], places: Places) -> list[str]:
    """Keys have no place in the file. The value is not repeated."""
    return [
        f"{places.name(path)} looks like a secret, which is never kept in this file; "
        "allowed is the system's keyring: add the key in Settings."
        for path in _paths(written)
        if isinstance(path[-1], str) and is_secret_name(path[-1])
    ]


def validation_problems(
    error: ValidationError, shape: type[BaseModel], places: Places, told: list[str]
) -> list[str]:
    """A sentence for each error of pydantic, but for places that `told` has already."""
    schema = shape.model_json_schema()
    found = []
    for each in error.errors(include_url=False):
        path: KeyPath = each["loc"]
        context = each.get("ctx", {})
        if "key" in context:  # raised by a check of several keys together
            path = (*path, *context["key"])
        place = places.name(path)
        if any(problem.startswith(place) for problem in told):
            continue
        if each["type"] == "extra_forbidden":
            parent = _node(schema, path[:-1])
            keys = ", ".join(parent["properties"])
            where = f"[{dotted(path[:-1])}]" if len(path) > 1 else "the file"
            found.append(
                f"{place} is no key that exists (found {shown(each['input'])}); allowed in {where}: {keys}."
            )
        else:
            value = _value_at(each["input"], context.get("key", ()))
            state = "is missing" if each["type"] == "missing" else f"is {shown(value)}"
            allowed = context.get("allowed") or _allowed(schema, _node(schema, path))
            found.append(f"{place} {state}; allowed is {allowed}.")
    return found


def allowed_for(shape: type[BaseModel], path: KeyPath) -> str:
    """What a key of `shape` may be, in words: "a whole number from 0 to 10"."""
    schema = shape.model_json_schema()
    return _allowed(schema, _node(schema, path))


def dotted(path: KeyPath) -> str:
    """`providers[0].id`"""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def shown(value: object) -> str:
    """A value as one would write it in TOML, shortened, without what looks like a key."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        value = redact(value)
        short = value if len(value) <= _LONGEST_FOUND else value[:_LONGEST_FOUND] + "…"
        return f'"{short}"'
    return str(value)


def _paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


def _value_at(value: Any, keys: KeyPath) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, Mapping) else value[key]
    return value


def _node(schema: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
    """The part of a JSON schema that describes `path`."""
    node = schema
    for part in path:
        node = _followed(schema, node)
        node = node["items"] if isinstance(part, int) else node["properties"][part]
    return _followed(schema, node)


def _followed(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in node:
        target: Mapping[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return target
    return node


def _allowed(schema: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    node = _followed(schema, node)
    kind = node.get("type")
    if kind == "object":
        return f"a table with the keys {', '.join(node['properties'])}"
    if kind == "array":
        limit = f", at most {node['maxItems']}," if "maxItems" in node else ""
        return f"a list{limit} of which each is {_allowed(schema, node['items'])}"
    if "allowed" in node:
        return str(node["allowed"])
    if "enum" in node:
        return "one of " + ", ".join(f'"{choice}"' for choice in node["enum"])
    if kind == "boolean":
        return "true or false"
    if kind in ("integer", "number"):
        least = node.get("minimum")
        most = node.get("maximum")
        span = f" from {least:g} to {most:.15g}" if most is not None else f" from {least:g} up"
        return ("a whole number" if kind == "integer" else "a number") + span
    return "text in quotes"
