"""The keys of the configuration: type, default, limits, and the words that Settings shows for each.

`title` is the name people read, `description` a sentence on what it does, a section's title its heading.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mastra_desktop.ops.toml_lines import KeyPath

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


def _said(*, allowed: str = "", unit: str = "", files: str = "") -> dict[str, Any]:
    """More about a key: what is allowed, where type and limits don't say it, the unit of its number, and the
    patterns of the files that a path names ("*.gguf")."""
    return {k: words for k, words in (("allowed", allowed), ("unit", unit), ("files", files)) if words}


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


PLAIN_ADDRESS = _said(
    allowed="empty, or an address like http://host:8000/v1, without user, password, ? and #"
)
HttpAddress = Annotated[str, _address("http", "https", plain=True)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DatabaseConfig(Section):
    model_config = ConfigDict(title="Database")

    url: Annotated[str, _address("sqlite", "postgresql", "postgresql+psycopg")] = Field(
        "",
        title="Database server",
        description="Where chats, documents and figures are kept: the address of a PostgreSQL server that "
        "several computers share, or empty for a file in the data folder.",
        json_schema_extra=_said(
            allowed="empty, or an address that begins with sqlite:/// or postgresql://",
        ),
    )


class VectorsConfig(Section):
    model_config = ConfigDict(title="Index of meanings")

    url: HttpAddress = Field(
        "",
        title="Chroma server",
        description="Where the index for searching by meaning is kept: the address of a Chroma server, "
        "or empty for the data folder.",
        json_schema_extra=PLAIN_ADDRESS,
    )


class CacheConfig(Section):
    model_config = ConfigDict(title="Cache")

    max_entries: int = Field(
        4096,
        ge=0,
        le=10_000_000,
        title="Kept in memory",
        description="How many answers and embeddings are kept in memory; the least recently used go first, "
        "0 keeps none there.",
        json_schema_extra=_said(unit="entries"),
    )
    ttl_s: float = Field(
        3600,
        ge=0,
        le=31_536_000,
        title="Kept for",
        description="How many seconds a kept answer may be given again; 0 switches the cache off.",
        json_schema_extra=_said(unit="s"),
    )
    redis_url: Annotated[str, _address("redis", "rediss", "unix")] = Field(
        "",
        title="Redis server",
        description="A second cache behind the memory that several computers share; empty: none.",
        json_schema_extra=_said(
            allowed="empty, or an address that begins with redis://, rediss:// or unix://",
        ),
    )


class HttpConfig(Section):
    model_config = ConfigDict(title="Network")

    connect_timeout_s: float = Field(
        10,
        ge=0.1,
        le=600,
        title="Time to connect",
        description="After how many seconds a provider that cannot be reached counts as failed.",
        json_schema_extra=_said(unit="s"),
    )
    read_idle_timeout_s: float = Field(
        120,
        ge=0.1,
        le=3600,
        title="Longest silence",
        description="After how many seconds without a further piece an answer counts as interrupted.",
        json_schema_extra=_said(unit="s"),
    )
    max_retries: int = Field(
        2,
        ge=0,
        le=10,
        title="Retries",
        description="How often a request that failed is tried again, after the first try.",
        json_schema_extra=_said(unit="tries"),
    )
    max_connections: int = Field(
        100,
        ge=1,
        le=10_000,
        title="Open connections",
        description="How many connections may be open at the same time; further requests wait.",
        json_schema_extra=_said(unit="connections"),
    )
    proxy: Annotated[str, AfterValidator(_proxy)] = Field(
        "system",
        title="Proxy",
        description="What requests go through: “system” for what the desktop says, “none”, or an address.",
        json_schema_extra=_said(
            allowed="system, none, or an address like http://host:3128 or socks5://host:1080",
        ),
    )
    ca_file: str = Field(
        "",
        title="Certificates",
        description="A file of certificates in PEM form that are trusted beside the usual ones; empty: none.",
        json_schema_extra=_said(files="*.pem *.crt *.cer"),
    )


class ServerConfig(Section):
    model_config = ConfigDict(title="Local API")

    enabled: bool = Field(
        False,
        title="Answer programs",
        description="Whether programs on this computer may ask through the HTTP API.",
    )
    host: Literal["127.0.0.1", "::1", "localhost"] = Field(
        "127.0.0.1",
        title="Listen on",
        description="The address of this computer at which the API listens; other computers never get in.",
    )
    port: int = Field(
        0,
        ge=0,
        le=65535,
        title="Port",
        description="The port at which the API listens; 0 takes any free one, another one each time.",
    )


class LoggingConfig(Section):
    model_config = ConfigDict(title="Log")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO",
        title="Level",
        description="What is written into the log: this and everything graver.",
    )
    max_bytes: int = Field(
        10_485_760,
        ge=1024,
        le=1_073_741_824,
        title="Size of a file",
        description="At how many bytes the log goes on in a new file.",
        json_schema_extra=_said(unit="bytes"),
    )
    backups: int = Field(
        5,
        ge=0,
        le=100,
        title="Older files",
        description="How many full log files are kept beside the one that is written.",
        json_schema_extra=_said(unit="files"),
    )


class TelemetryConfig(Section):
    model_config = ConfigDict(title="Telemetry")

    otlp_url: HttpAddress = Field(
        "",
        title="OTLP collector",
        description="Where traces of the app's own work go: the address of an OpenTelemetry collector that "
        "takes OTLP over HTTP, or empty for nowhere.",
        json_schema_extra=_said(
            allowed="empty, or an address like http://127.0.0.1:4318, without user, password, ? and #"
        ),
    )
    otlp_contents: bool = Field(
        False,
        title="Contents in traces",
        description="Whether prompts, answers and what was found in documents go to the collector as well.",
    )


class LocalConfig(Section):
    model_config = ConfigDict(title="Built-in model")

    model_path: str = Field(
        "",
        title="Model file",
        description="A GGUF file of your own that answers instead; empty: the one that came along.",
        json_schema_extra=_said(files="*.gguf"),
    )
    context_tokens: Annotated[int, AfterValidator(_zero_or_256)] = Field(
        0,
        ge=0,
        le=1_048_576,
        title="Context",
        description="How many tokens it reads and writes at most; 0: what its file says.",
        json_schema_extra=_said(allowed="0, or 256 to 1048576", unit="tokens"),
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        title="Threads",
        description="How many processor cores it computes on; 0: chosen by how many there are.",
        json_schema_extra=_said(unit="threads"),
    )
    idle_stop_s: float = Field(
        600,
        ge=1,
        le=86_400,
        title="Unload after",
        description="After how many seconds without a question it leaves the memory.",
        json_schema_extra=_said(unit="s"),
    )


class ProviderConfig(Section):
    id: str = Field(
        pattern=r"^[a-z0-9_-]{1,64}$",
        json_schema_extra=_said(allowed="1 to 64 lower-case letters, digits, - and _"),
    )
    kind: ProviderKind
    enabled: bool = True  # off: it stays here, but is neither offered nor asked
    base_url: HttpAddress = Field("", json_schema_extra=PLAIN_ADDRESS)  # empty: the kind's own
    models: tuple[
        Annotated[str, Field(min_length=1, json_schema_extra=_said(allowed="a model's name"))], ...
    ] = Field((), strict=False)
    requests_per_minute: int = Field(0, ge=0)  # 0: unlimited
    tokens_per_minute: int = Field(0, ge=0)
    max_concurrent: int = Field(0, ge=0)  # requests at the same time; 0: unlimited
    fallbacks: tuple[
        Annotated[
            str,
            Field(
                pattern=r"^[a-z0-9_-]{1,64}/\S+$",
                json_schema_extra=_said(allowed="text of the form provider/model"),
            ),
        ],
        ...,
    ] = Field((), max_length=5, strict=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind == "openai-compatible" and not self.base_url:
            raise _together(("base_url",), "an address like http://host:8000/v1, as this kind has no own")
        if self.id == "local" and self.kind != "local":
            raise _together(("id",), 'any name but "local", which is the built-in model')
        if self.id == "otlp":  # the key of that name goes to the collector
            raise _together(("id",), 'any name but "otlp", which is the collector of traces')
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
    telemetry: TelemetryConfig = TelemetryConfig()
    local: LocalConfig = LocalConfig()
    providers: Annotated[tuple[ProviderConfig, ...], AfterValidator(_unlike_ids)] = Field((), strict=False)
