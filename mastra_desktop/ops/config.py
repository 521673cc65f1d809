"""The configuration: what `config.toml` and the environment may say.

Each key is also `MASTRA_<SECTION>__<KEY>` in the environment, which wins. Everything is checked at once,
and a refused configuration changes nothing. `config_problems` words the refusals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from mastra_desktop.ops.config_problems import (
    Places,
    refused,
    secret_problems,
    syntax_problem,
    validation_problems,
)
from mastra_desktop.ops.config_schema import (
    CacheConfig,
    Config,
    HttpConfig,
    LoggingConfig,
    ProviderConfig,
    ProviderKind,
    Section,
    ServerConfig,
)
from mastra_desktop.ops.toml_lines import KeyPath
from mastra_desktop.paths import Paths

__all__ = [
    "CacheConfig",
    "Config",
    "HttpConfig",
    "Loaded",
    "LoggingConfig",
    "ProviderConfig",
    "ProviderKind",
    "ServerConfig",
    "Source",
    "check",
    "load",
    "read_text",
    "variable_of",
]

Source = Literal["default", "file", "environment"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and where each key came from: `http.max_retries` -> `environment`.

    `text` is what the file said, "" without one.
    """

    config: Config
    sources: Mapping[str, Source]
    text: str = field(default="", repr=False)


def load(paths: Paths, environ: Mapping[str, str]) -> Loaded:
    """Reads `config.toml` of the data home, which may be missing, and the environment.

    Raises ConfigError: its message is the first problem, its detail all of them, one a line.
    """
    try:
        text = read_text(paths.config)
    except FileNotFoundError:
        text = ""
    return check(text, paths.config, environ)


def read_text(file: Path) -> str:
    """The file's text. Raises FileNotFoundError, or ConfigError when it cannot be read."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise refused([f"{file}, line {line}: this is not UTF-8 text; allowed is TOML in UTF-8."]) from error
    except OSError as error:
        raise refused([f"{file} cannot be read: {error.strerror or error}."]) from error


def check(text: str, file: Path, environ: Mapping[str, str]) -> Loaded:
    """What `text`, the content of `file`, and the environment say together. Raises ConfigError."""
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise refused([syntax_problem(error, file, text)]) from error
    sources = _sources_of_file(values)
    variables: dict[KeyPath, str] = {}
    places = Places(file, text, variables)
    problems = secret_problems(values, places)
    for variable, written in sorted(environ.items()):
        section, separator, key = variable.removeprefix("MASTRA_").lower().partition("__")
        if not variable.startswith("MASTRA_") or not separator:
            continue  # MASTRA_HOME and the like
        if (section, key) not in _types_by_key():
            problems.append(_unknown_variable(variable, section))
            continue
        table = values.setdefault(section, {})
        if isinstance(table, dict):  # if not, the file's mistake is told below
            table[key] = _parsed(written, _types_by_key()[section, key])
            variables[section, key] = variable
            sources[f"{section}.{key}"] = "environment"
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += validation_problems(error, Config, places, problems)
        raise refused(problems) from error
    if problems:
        raise refused(problems)
    return Loaded(config, sources, text)


def variable_of(section: str, key: str) -> str:
    """The environment's name for a key: `MASTRA_HTTP__MAX_RETRIES`."""
    return f"MASTRA_{section}__{key}".upper()


def _types_by_key() -> dict[tuple[str, str], Any]:
    """The type of each key that a variable can set."""
    return {
        (name, key): field.annotation
        for name, section in Config.model_fields.items()
        if isinstance(section.annotation, type) and issubclass(section.annotation, Section)
        for key, field in section.annotation.model_fields.items()
    }


def _unknown_variable(variable: str, section: str) -> str:
    if section == "providers":
        return f"{variable} in the environment sets nothing; allowed are [[providers]] in config.toml."
    keys = [variable_of(s, k) for s, k in _types_by_key() if s == section]
    sections = sorted({f"MASTRA_{s}__…".upper() for s, _ in _types_by_key()})
    return f"{variable} in the environment is no key that exists; allowed: {', '.join(keys or sections)}."


def _parsed(written: str, kind: Any) -> object:
    """`written` as the key's type, or as it is when it can't be: the check then names what was found."""
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(written.strip().lower(), written)
    if kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            return written
    return written


def _sources_of_file(values: Mapping[str, Any]) -> dict[str, Source]:
    """Each key of the configuration, as `file` where it is written there, else as `default`."""
    sources: dict[str, Source] = {"providers": "file" if "providers" in values else "default"}
    for section, key in _types_by_key():
        table = values.get(section)
        sources[f"{section}.{key}"] = "file" if isinstance(table, dict) and key in table else "default"
    return sources
