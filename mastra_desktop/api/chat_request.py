"""What a client may ask for in OpenAI's words, and the prompt that it makes.

What would change the answer and cannot be passed on is refused, so that nobody relies on it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import BadRequest
from mastra_desktop.domain.replies import Image, Prompt, PromptMessage, ToolCall, ToolSpec

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,", re.IGNORECASE)
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {  # and the values that ask for nothing
    "audio": (None,),
    "frequency_penalty": (None, 0),
    "function_call": (None,),
    "functions": (None, []),
    "logit_bias": (None, {}),
    "logprobs": (None, False),
    "modalities": (None, ["text"]),
    "n": (None, 1),
    "prediction": (None,),
    "presence_penalty": (None, 0),
    "stop": (None, [], ""),
    "top_logprobs": (None, 0),
    "top_p": (None, 1),
    "web_search_options": (None,),
}


def _whole(given: Any) -> Any:
    """JSON has one kind of number: 5.0 is a whole one."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


WHOLE = BeforeValidator(_whole)


class Body(BaseModel):
    """Fields it does not know are passed over, as OpenAI's own clients send some that ask for nothing."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class TextPart(Body):
    type: Literal["text"]
    text: str


class ImageUrl(Body):
    url: Annotated[str, Field(description="a data: URL with a PNG, JPEG, GIF or WebP; nothing is fetched")]


class ImagePart(Body):
    type: Literal["image_url"]
    image_url: ImageUrl


TextParts = str | list[TextPart]


class SystemMessage(Body):
    role: Literal["system", "developer"]
    content: TextParts


class UserMessage(Body):
    role: Literal["user"]
    content: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]


class CalledFunction(Body):
    name: str
    arguments: str


class Called(Body):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Body):
    role: Literal["assistant"]
    content: TextParts | None = None
    tool_calls: list[Called] | None = None


class ToolMessage(Body):
    role: Literal["tool"]
    content: TextParts
    tool_call_id: str


Message = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class FunctionSpec(Body):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Body):
    type: Literal["function"]
    function: FunctionSpec


class ChosenFunction(Body):
    name: str


class ChosenTool(Body):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Body):
    name: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class TextFormat(Body):
    type: Literal["text"]


class ObjectFormat(Body):
    type: Literal["json_object"]


class SchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class StreamOptions(Body):
    include_usage: bool | None = None


class ChatRequest(Body):
    """Beside OpenAI's fields: `cache` (whether a kept answer will do), and for a turn that is kept in a
    conversation `store`, `conversation_id` and `knowledge`."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    response_format: (
        Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")] | None
    ) = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    cache: bool | None = None
    store: bool | None = None
    conversation_id: str | None = None
    knowledge: Annotated[list[str] | None, Field(description="names or ids of collections")] = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_unsupported(cls, given: Any) -> Any:
        for name in _UNSUPPORTED.keys() & given.keys() if isinstance(given, dict) else ():
            if given[name] not in _UNSUPPORTED[name]:
                raise PydanticCustomError(
                    "unsupported", "{name} is not supported here: leave it out.", {"name": name}
                )
        return given

    @property
    def kept(self) -> bool:
        """Whether the turn goes into a conversation."""
        return bool(self.store or self.conversation_id or self.knowledge)

    def prompt(self) -> Prompt:
        """Raises BadRequest for an image that is none, or a prompt without a message to answer."""
        system = [_text(m.content) for m in self.messages if isinstance(m, SystemMessage)]
        messages = tuple(_prompt_message(m) for m in self.messages if not isinstance(m, SystemMessage))
        if not messages:
            raise BadRequest("There is nothing to answer.", hint="Add a message with the role user.")
        choice = self.tool_choice or "auto"
        form = self.response_format
        schema: dict[str, Any] | None = None
        if isinstance(form, SchemaFormat):
            schema = form.json_schema.schema_ or {"type": "object"}
        elif isinstance(form, ObjectFormat):
            schema = {"type": "object"}
        effort = self.reasoning_effort or ""
        return Prompt(
            "",
            messages,
            system="\n\n".join(system),
            temperature=self.temperature,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            tools=tuple(
                ToolSpec(
                    t.function.name,
                    t.function.description or "",
                    t.function.parameters or {"type": "object", "properties": {}},
                )
                for t in self.tools or ()
            ),
            tool_choice=choice.function.name if isinstance(choice, ChosenTool) else choice,
            response_schema=schema,
            reasoning_effort={"none": "", "minimal": "low"}.get(effort, effort),
        )

    def question(self) -> str:
        """The one message of a turn that is kept. Raises BadRequest for more than that."""
        first = self.messages[0]
        text = _text(first.content) if isinstance(first, UserMessage) else ""
        if len(self.messages) > 1 or not text.strip() or self.tools or self.response_format:
            raise BadRequest(
                "A turn that is kept in a conversation is one message of text with the role user.",
                hint="The conversation has what came before it. Send conversation_id to go on with one.",
            )
        if self.max_tokens or self.max_completion_tokens or self.reasoning_effort:
            raise BadRequest("A turn that is kept in a conversation takes only a temperature.")
        return text


def _prompt_message(message: UserMessage | AssistantMessage | ToolMessage) -> PromptMessage:
    text = _text(message.content)
    if isinstance(message, ToolMessage):
        return PromptMessage(Role.TOOL, text, call_id=message.tool_call_id)
    if isinstance(message, AssistantMessage):
        return PromptMessage(
            Role.ASSISTANT, text, tool_calls=tuple(_call(c) for c in message.tool_calls or ())
        )
    if isinstance(message.content, str):
        return PromptMessage(Role.USER, text)
    images = tuple(_image(part.image_url.url) for part in message.content if isinstance(part, ImagePart))
    return PromptMessage(Role.USER, text, images)


def _text(content: str | list[TextPart] | list[TextPart | ImagePart] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content or () if isinstance(part, TextPart))


def _call(called: Called) -> ToolCall:
    try:
        arguments = orjson.loads(called.function.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    found = arguments if isinstance(arguments, dict) else None
    return ToolCall(called.id, called.function.name, found, called.function.arguments)


def _image(url: str) -> Image:
    found = _DATA_URL.match(url)
    if found is None:
        raise BadRequest(
            "A picture comes as a data: URL with a PNG, JPEG, GIF or WebP in base64.",
            hint="Addresses are not fetched.",
        )
    try:
        return Image(base64.b64decode(url[found.end() :], validate=True), found[1].lower())
    except binascii.Error:
        raise BadRequest("A picture is not valid base64.") from None
