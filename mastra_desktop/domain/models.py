"""Who can answer: providers and the models they offer."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

LOCAL_PROVIDER_ID = "local"
LOCAL_MODEL_ID = "local/default"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model one can ask. `id` is provider-id/model-name; `on_this_computer`: nothing leaves it."""

    id: str
    provider_id: str
    name: str  # shown to the person
    on_this_computer: bool = False
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What is known of a model: tokens, and US dollars per 1 million tokens. None is unknown, never 0.

    The prices hold for prompts of at most `up_to` tokens. An `output` of 0 beside an `input` above 0 is an
    embedding model's.
    """

    context_tokens: int | None = None
    input: Decimal | None = None
    cached: Decimal | None = None  # input that the vendor had seen before
    output: Decimal | None = None
    up_to: int | None = None

    @property
    def free(self) -> bool:
        return self.input == 0 and self.output == 0


@dataclass(frozen=True, slots=True)
class ProviderTest:
    """What a connection test found. `error` is empty when it worked; times in milliseconds.

    `tools`: whether a well-formed call of a tool came back, None when that was not tried or found out.
    `asked`: the model that answered.
    """

    model_names: tuple[str, ...]
    streams: bool
    latency_ms: float | None
    error_code: str = ""
    error: str = ""
    hint: str = ""
    tools: bool | None = None
    asked: str = ""


def split_model_id(model_id: str) -> tuple[str, str]:
    """`provider-id/model-name` in two; the name may hold further slashes. ("", model_id) without one."""
    provider_id, slash, name = model_id.partition("/")
    return (provider_id, name) if slash else ("", model_id)
