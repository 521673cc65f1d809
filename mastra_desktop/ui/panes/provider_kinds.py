"""How each kind of provider is shown: its name and tile. Plain data, no widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication

from mastra_desktop.providers.kinds import BASE_URLS, KINDS
from mastra_desktop.services.providers import OWN_SERVER


@dataclass(frozen=True, slots=True)
class KindLook:
    """A vendor's name stays as it is in every language. Without an `icon` the tile has a letter."""

    title: str
    color: str
    icon: str = ""
    needs_key: bool = True


_LOOKS = {
    "openai": KindLook("OpenAI", "slate"),
    "anthropic": KindLook("Anthropic", "amber"),
    "google": KindLook("Google", "sky"),
    "groq": KindLook("Groq", "rose"),
    "mistral": KindLook("Mistral", "plum"),
    "deepseek": KindLook("DeepSeek", "iris"),
    "xai": KindLook("xAI", "slate"),
    "openrouter": KindLook("OpenRouter", "moss"),
    "ollama": KindLook("Ollama", "slate", "server", needs_key=False),
    OWN_SERVER: KindLook("", "iris", "server", needs_key=False),
}
FIRST_RUN_KINDS = ("openai", "anthropic", "google", OWN_SERVER)
ALL_KINDS = tuple(KINDS)


def look_of(kind: str) -> KindLook:
    look = _LOOKS.get(kind, KindLook(kind, "slate"))
    if kind == OWN_SERVER:
        return replace(look, title=QCoreApplication.translate("ProviderKinds", "Own server"))
    return look


def usual_address(kind: str) -> str:
    """Where this kind is unless another address is given; "" when the person has to give one."""
    return BASE_URLS.get(kind, "")
