"""Every kind of provider, as a table: where it is, whose key it wants, and how it speaks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.providers import efforts
from mastra_desktop.providers.anthropic import AnthropicWire
from mastra_desktop.providers.google import GoogleWire
from mastra_desktop.providers.http import HttpPool
from mastra_desktop.providers.ollama import OllamaWire
from mastra_desktop.providers.openai_chat import ChatWire, Dialect
from mastra_desktop.providers.openai_responses import OpenAIWire, ResponsesWire
from mastra_desktop.providers.streaming import HttpProvider, WireFormat


@dataclass(frozen=True, slots=True)
class Kind:
    """A row. `speaks`: chat, openai (chat and responses), anthropic, google or ollama. Without a
    `base_url` the person gives one.

    The last two say how the vendor counts tokens: figures are passed on as they come, and what they cost
    depends on whether reasoning or cached tokens are counted beside the others or among them.
    """

    speaks: str
    base_url: str = ""
    key_variables: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    reasoning_beside_output: bool = False
    cached_beside_input: bool = False


_NONE_OF_ITS_OWN = Dialect(think_tags=True)

KINDS: dict[str, Kind] = {
    "openai": Kind(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        Dialect(max_tokens="max_completion_tokens", effort=efforts.openai, lists_only_chat=False),
    ),
    "anthropic": Kind(
        "anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), cached_beside_input=True
    ),
    "google": Kind(
        "google",
        "https://generativelanguage.googleapis.com/v1beta",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        reasoning_beside_output=True,
    ),
    "groq": Kind(
        "chat",
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        Dialect(
            max_tokens="max_completion_tokens",
            asks_usage=False,
            embeddings=False,
            effort=efforts.groq,
            think_tags=True,  # what Qwen thinks there stands in the text unless asked otherwise
            lists_only_chat=False,
        ),
    ),
    "mistral": Kind(
        "chat",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        Dialect(
            asks_usage=False,
            required="any",
            call_ids=re.compile(r"[A-Za-z0-9]{9}"),
            effort=efforts.never,
            lists_only_chat=False,
        ),
    ),
    "deepseek": Kind(
        "chat",
        "https://api.deepseek.com/v1",
        ("DEEPSEEK_API_KEY",),
        Dialect(json_schema=False, images=False, embeddings=False, effort=efforts.never, reasoning_back=True),
    ),
    "xai": Kind(
        "chat",
        "https://api.x.ai/v1",
        ("XAI_API_KEY",),
        Dialect(
            max_tokens="max_completion_tokens", embeddings=False, effort=efforts.xai, lists_only_chat=False
        ),
        reasoning_beside_output=True,
    ),
    "openrouter": Kind(
        "chat",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        Dialect(effort=efforts.openrouter, details_back=True),
    ),
    "ollama": Kind("ollama", "http://127.0.0.1:11434", ("OLLAMA_API_KEY",), _NONE_OF_ITS_OWN),
    # LM Studio, llama.cpp, vLLM and whatever else speaks chat completions
    "openai-compatible": Kind("chat", dialect=_NONE_OF_ITS_OWN),
}
BASE_URLS = {name: kind.base_url for name, kind in KINDS.items() if kind.base_url}
KEY_VARIABLES = {name: kind.key_variables for name, kind in KINDS.items() if kind.key_variables}


def build_provider(
    kind_name: str,
    id: str,
    base_url: str = "",
    *,
    http: HttpPool,
    key: Callable[[], Awaitable[str | None]] | None = None,
    models: tuple[str, ...] = (),
) -> HttpProvider:
    """A provider of this kind, at the kind's own address unless one is given.

    An address that ends in /responses makes OpenAI's kinds speak responses, one that ends in /v1 makes
    Ollama speak chat completions. Raises ConfigError for a kind or an address that is none.
    """
    kind = KINDS.get(kind_name)
    if kind is None or not (base_url or kind.base_url):
        raise ConfigError(f"A provider of kind {kind_name} needs an address.", hint="Give its base_url.")
    address = base_url or kind.base_url
    return HttpProvider(id, address, _wire(kind, address.rstrip("/ ")), http=http, key=key, models=models)


def _wire(kind: Kind, address: str) -> WireFormat:
    if kind.speaks == "anthropic":
        return AnthropicWire()
    if kind.speaks == "google":
        return GoogleWire()
    if kind.speaks == "ollama" and not address.endswith(("/v1", "/v1/chat/completions")):
        return OllamaWire()
    if address.endswith("/responses"):
        return ResponsesWire(kind.dialect)
    return OpenAIWire(kind.dialect) if kind.speaks == "openai" else ChatWire(kind.dialect)
