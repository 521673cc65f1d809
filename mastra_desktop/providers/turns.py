"""A prompt's messages in an order that every vendor takes, and pieces that several wire formats share."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.replies import Image, Prompt, PromptMessage, ToolCall

CONTINUE = "Continue exactly where your last answer stopped. Do not repeat any of it and do not comment."


def turns(prompt: Prompt, *, continues: bool = False) -> list[PromptMessage]:
    """The messages as vendors want them.

    A call without a result, or a result without its call, is left out (each is a 400 at most vendors);
    results follow their calls at once and in their order; messages of one role in a row become one.
    A continuation is asked for in words, unless the server `continues` by itself.
    """
    tidy: list[PromptMessage] = []
    messages = list(prompt.messages)
    if prompt.continue_last and not continues:
        messages.append(PromptMessage(Role.USER, CONTINUE))
    position = 0
    while position < len(messages):
        message = messages[position]
        position += 1
        if message.role is Role.TOOL:
            continue
        results: dict[str, PromptMessage] = {}
        while message.tool_calls and position < len(messages) and messages[position].role is Role.TOOL:
            results.setdefault(messages[position].call_id, messages[position])
            position += 1
        calls = tuple(call for call in message.tool_calls if call.id in results)
        if len(calls) < len(message.tool_calls):
            message = replace(message, tool_calls=calls, carry="")
        if not (message.text or message.images or calls):
            continue
        last = tidy[-1] if tidy else None
        if last and last.role is message.role and not (calls or last.tool_calls):
            both = "\n\n".join(part for part in (last.text, message.text) if part)
            tidy[-1] = replace(last, text=both, images=last.images + message.images)
        else:
            tidy.append(message)
        tidy += [results[call.id] for call in calls]
    return tidy


def given_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of an earlier call, as vendors insist: an object even when the model wrote none."""
    return {"unparsable_arguments": call.raw} if call.arguments is None else call.arguments


def without_arguments(prompt: Prompt) -> frozenset[str]:
    """The names of the tools that take no arguments."""
    return frozenset(tool.name for tool in prompt.tools if not tool.parameters.get("properties"))


def image_base64(image: Image) -> str:
    return base64.b64encode(image.data).decode("ascii")


def image_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{image_base64(image)}"


def is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes the schema: every object closed, every property required."""
    if isinstance(schema, Mapping):
        if "properties" in schema and (
            schema.get("additionalProperties") is not False
            or set(schema["properties"]) != set(schema.get("required", ()))
        ):
            return False
        return all(is_strict(part) for part in schema.values())
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return all(is_strict(part) for part in schema)
    return True


def pack(wire: str, carried: Any) -> str:
    """What goes into `AnswerEnd.carry`: vendor JSON under the wire format's name. "" for nothing."""
    return orjson.dumps({"wire": wire, "data": carried}).decode() if carried else ""


def unpack(wire: str, carry: str) -> Any:
    """What `pack` kept for this wire format; None when another vendor's, or nothing."""
    held = orjson.loads(carry) if carry else {}
    return held.get("data") if held.get("wire") == wire else None
