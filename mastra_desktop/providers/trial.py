"""The connection test of a provider over HTTP: its models, one piece of an answer, one call of a tool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import MastraError, ProviderError, ProviderTimeout
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, ToolCall, ToolSpec
from mastra_desktop.providers.answer import AnswerReader

TIMEOUT_S = 60
TOOLS_TIMEOUT_S = 20  # a model that thinks for longer has not shown that it cannot
_TOOL = ToolSpec(
    "current_time",
    "Tells the time in a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
_HELLO = (PromptMessage(Role.USER, "Say hello."),)
_TIME = (PromptMessage(Role.USER, "What time is it in Paris? Call the tool current_time."),)

Ask = Callable[[Prompt], tuple[AnswerReader, AsyncGenerator[list[ProviderEvent]]]]


async def try_out(
    host: str, models: Callable[[], Awaitable[list[ModelInfo]]], ask: Ask, *, tools: bool
) -> ProviderTest:
    """Lists the models and asks the first. Trouble is told, not raised.

    With `tools` it is asked a second time, to call a tool: that it cannot is no failure.
    """
    names: tuple[str, ...] = ()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            names = tuple(model.name for model in await models())
            if not names:
                raise ProviderError(f"{host} offers no model.", hint="Load a model there first.")
            reader, batches = ask(Prompt(names[0], _HELLO))
            began = time.perf_counter()
            latency_ms = None
            async with aclosing(batches):
                async for _ in batches:
                    latency_ms = (time.perf_counter() - began) * 1000
                    break
            streams = reader.streamed
    except TimeoutError:
        error: MastraError = ProviderTimeout(f"{host} did not answer within {TIMEOUT_S} s.")
    except MastraError as caught:
        error = caught
    else:
        calls = await _calls_tool(names[0], ask) if tools else None
        return ProviderTest(names, streams, latency_ms, tools=calls, asked=names[0])
    asked = names[0] if names else ""
    return ProviderTest(names, False, None, error.code, error.message, error.hint, asked=asked)


async def _calls_tool(model_name: str, ask: Ask) -> bool | None:
    """Whether a well-formed call comes back; None when that could not be found out.

    Some models take tools and refuse only to be forced: those are asked once more.
    """
    for choice in ("required", "auto"):
        try:
            async with asyncio.timeout(TOOLS_TIMEOUT_S):
                return await _one_call(Prompt(model_name, _TIME, tools=(_TOOL,), tool_choice=choice), ask)
        except TimeoutError:
            return None
        except MastraError as error:
            about_tools = "tool" in f"{error.message} {error.detail}".casefold()  # 404 or 500 at some servers
            if error.code != "bad_request" and not about_tools:
                return None
    return False


async def _one_call(prompt: Prompt, ask: Ask) -> bool:
    _, batches = ask(prompt)
    good = False
    async with aclosing(batches):
        async for batch in batches:
            for event in batch:
                if isinstance(event, ToolCall):
                    good = good or (event.name == _TOOL.name and event.arguments is not None)
    return good
