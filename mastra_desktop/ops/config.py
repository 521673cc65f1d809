"""The configuration: what `config.toml` and the environment may say.

Each key is also `MASTRA_<SECTION>__<KEY>` in the environment, which wins. Everything is checked at once,
and a refused configuration changes nothing. `config_problems` words the refusals.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from mastra_desktop.ops.config_problems import (
    Places,
    refused,
    secret_problems,
    syntax_problem,
    validation_problems,
)
from mastra_desktop.ops.toml_lines import KeyPath
from mastra_desktop.paths import Paths

Source = Literal["default", "file", "environment"]
ProviderKind = Literal[
    "openai",
    "anthropic",
    "google",
    "groq",
    "mistral",
    "deepseek",
    "xai",
    "openrouter",
    "ollama",
    "openai-compatible",
    "local",
]


def _address(*schemes: str, plain: bool = False) -> AfterValidator:
    """Refuses what is no address of these schemes; empty is fine. `plain`: only host, port and path."""
    return AfterValidator(lambda url: _checked(url, schemes, plain) if url else url)


def _proxy(value: str) -> str:
    """Without user and password: those belong to the system's setting, not into this file."""
    if value in ("system", "none"):
        return value
    return _checked(value, ("http", "https", "socks", "socks5", "socks5h"), plain=True)


def _checked(url: str, schemes: tuple[str, ...], plain: bool) -> str:
    parts = urlsplit(url)  # raises ValueError for a broken host
    hosted = parts.hostname and parts.port != 0  # raises ValueError for a port that is no number
    extras = parts.username or parts.password or parts.query or parts.fragment
    without_host = parts.scheme in ("sqlite", "unix") and parts.path
    if parts.scheme not in schemes or not (hosted or without_host) or (plain and extras):
        raise ValueError("not an address")
    if re.search(r"\s", url):
        raise ValueError("an address has no spaces")
    return url


def _zero_or_256(tokens: int) -> int:
    if 0 < tokens < 256:
        raise ValueError("too few")
    return tokens


HttpAddress = Annotated[
    str,
    _address("http", "https", plain=True),
    Field(description="empty, or an address like http://host:8000/v1, without user, password, ? and #"),
]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DatabaseConfig(Section):
    url: Annotated[
        str,
        _address("sqlite", "postgresql", "postgresql+psycopg"),
        Field(description="empty, or an address that begins with sqlite:/// or postgresql://"),
    ] = ""


class VectorsConfig(Section):
    url: HttpAddress = ""


class CacheConfig(Section):
    max_entries: int = Field(4096, ge=0, le=10_000_000)
    ttl_s: float = Field(3600, ge=0, le=31_536_000)
    redis_url: Annotated[
        str,
        _address("redis", "rediss", "unix"),
        Field(description="empty, or an address that begins with redis://, rediss:// or unix://"),
    ] = ""


class HttpConfig(Section):
    connect_timeout_s: float = Field(10, ge=0.1, le=600)
    read_idle_timeout_s: float = Field(120, ge=0.1, le=3600)
    max_retries: int = Field(2, ge=0, le=10)
    max_connections: int = Field(100, ge=1, le=10_000)
    proxy: Annotated[
        str,
        AfterValidator(_proxy),
        Field(description="system, none, or an address like http://host:3128 or socks5://host:1080"),
    ] = "system"
    ca_file: str = ""  # certificates in PEM form that are trusted beside the usual ones


class ServerConfig(Section):
    enabled: bool = False
    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)  # 0: any free one


class LoggingConfig(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824)
    backups: int = Field(5, ge=0, le=100)


class LocalConfig(Section):
    """The built-in model. `model_path`: a GGUF file of the person's own; empty: the one that came along.

    `context_tokens`: how much it reads and writes at most, in place of what its file says.
    """

    model_path: str = ""
    context_tokens: Annotated[
        int, AfterValidator(_zero_or_256), Field(ge=0, le=1_048_576, description="0, or 256 to 1048576")
    ] = 0
    threads: int = Field(0, ge=0, le=256)  # 0: chosen by the number of cores
    idle_stop_s: float = Field(600, ge=1, le=86_400)


class ProviderConfig(Section):
    id: str = Field(pattern=r"^[a-z0-9_-]{1,64}$", description="1 to 64 lower-case letters, digits, - and _")
    kind: ProviderKind
    enabled: bool = True  # off: it stays here, but is neither offered nor asked
    base_url: HttpAddress = ""  # empty: the kind's own
    models: tuple[Annotated[str, Field(min_length=1, description="a model's name")], ...] = Field(
        (), strict=False
    )
    requests_per_minute: int = Field(0, ge=0)  # 0: unlimited
    tokens_per_minute: int = Field(0, ge=0)
    max_concurrent: int = Field(0, ge=0)  # requests at the same time; 0: unlimited
    fallbacks: tuple[
        Annotated[
            str, Field(pattern=r"^[a-z0-9_-]{1,64}/\S+$", description="text of the form provider/model")
        ],
        ...,
    ] = Field((), max_length=5, strict=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind == "openai-compatible" and not self.base_url:
            raise _together(("base_url",), "an address like http://host:8000/v1, as this kind has no own")
        if self.id == "local" and self.kind != "local":
            raise _together(("id",), 'any name but "local", which is the built-in model')
        return self


def _unlike_ids(providers: tuple[ProviderConfig, ...]) -> tuple[ProviderConfig, ...]:
    seen: set[str] = set()
    for index, provider in enumerate(providers):
        if provider.id in seen:
            raise _together((index, "id"), "a name that no other provider has")
        seen.add(provider.id)
    return providers


def _together(key: KeyPath, allowed: str) -> PydanticCustomError:
    return PydanticCustomError("together", "allowed is {allowed}", {"key": key, "allowed": allowed})


class Config(Section):
    database: DatabaseConfig = DatabaseConfig()
    vectors: VectorsConfig = VectorsConfig()
    cache: CacheConfig = CacheConfig()
    http: HttpConfig = HttpConfig()
    server: ServerConfig = ServerConfig()
    logging: LoggingConfig = LoggingConfig()
    local: LocalConfig = LocalConfig()
    providers: Annotated[tuple[ProviderConfig, ...], AfterValidator(_unlike_ids)] = Field((), strict=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and where each key came from: `http.max_retries` -> `environment`."""

    config: Config
    sources: Mapping[str, Source]


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
    return Loaded(config, sources)


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
    keys = [f"MASTRA_{s}__{k}".upper() for s, k in _types_by_key() if s == section]
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
