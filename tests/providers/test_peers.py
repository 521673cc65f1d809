"""The vendors' own Python packages read the recorded streams as our adapters do, from the same server.

The packages know nothing of ours: other decoders, other event readers, over another HTTP transport. They are
imported inside the tests, since that takes seconds. Gemini's recordings have no peer here.
"""

from __future__ import annotations

import json

import httpx
import pytest

from mastra_desktop.domain.replies import Answer
from mastra_desktop.providers.http import HttpSettings
from tests.fakes import Script, ScriptedProvider
from tests.providers.asking import KEY, ask, prompt, whole
from tests.providers.test_recordings import NAMES, Said, framed

pytestmark = pytest.mark.slow  # every case is a process or a wait of its own

KIND = {  # by the beginning of a recording's name
    "openai-chat": "openai",
    "openai-responses": "responses",
    "groq": "groq",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "xai": "xai",
    "anthropic": "anthropic",
}
PATIENT = HttpSettings(connect_timeout_s=5, read_idle_timeout_s=5, max_retries=0)


def kind_of(name: str) -> str:
    return next(kind for start, kind in KIND.items() if name.startswith(start))


def openai_chat(server: ScriptedProvider, http: httpx.Client) -> Said:
    """The pieces as the package hands them out; its own sum refuses an answer cut at its length."""
    from openai import OpenAI

    said = Said()
    client = OpenAI(api_key=KEY, base_url=server.base_url, max_retries=0, http_client=http)
    with client.chat.completions.create(
        model="normal", messages=[{"role": "user", "content": "Hello"}], stream=True
    ) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                said.text += choice.delta.content or ""
                said.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or ():
                    function = call.function
                    assert function is not None
                    # Mistral leaves the index out, which the package passes on.
                    place = getattr(call, "index", 0)
                    said.call(place, function.name or "", function.arguments or "")
    return said


def openai_responses(server: ScriptedProvider, http: httpx.Client) -> Said:
    """The events as the package hands them out; its own sum wants every output, and the recording leaves one out."""
    from openai import OpenAI

    said = Said()
    client = OpenAI(api_key=KEY, base_url=server.base_url, max_retries=0, http_client=http)
    with client.responses.create(model="normal", input="Hello", stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                said.text += event.delta
            elif event.type == "response.output_item.done" and event.item.type == "function_call":
                said.call(event.output_index, event.item.name, event.item.arguments)
    return said


def anthropic_messages(server: ScriptedProvider, http: httpx.Client) -> Said:
    """The package's own sum of the events."""
    from anthropic import Anthropic

    said = Said()
    client = Anthropic(api_key=KEY, base_url=f"http://{server.host}", max_retries=0, http_client=http)
    with client.messages.stream(
        model="normal", max_tokens=1000, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        for block in stream.get_final_message().content:
            if block.type == "text":
                said.text += block.text
            elif block.type == "thinking":
                said.reasoning += block.thinking
            elif block.type == "tool_use":
                said.call(block.id, block.name, json.dumps(block.input))
    return said


PEERS = {"responses": openai_responses, "anthropic": anthropic_messages}


def ours(server: ScriptedProvider, kind: str) -> Answer:
    events, error = ask(server, kind, prompt(), PATIENT)
    assert error is None
    return whole(events)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(tuple(KIND))])
def test_a_peer_reads_the_same(name: str) -> None:
    """Text, reasoning, and the calls' names and arguments are those the vendor's package finds."""
    script = Script(body=b"".join(framed(name)))
    kind = kind_of(name)
    with ScriptedProvider(script) as server, httpx.Client(trust_env=False) as http:
        answer = ours(server, kind)
        said = PEERS.get(kind, openai_chat)(server, http)
        mine, theirs = server.chats
    assert mine.path == theirs.path
    assert mine.body["stream"] is theirs.body["stream"] is True
    assert (answer.text, answer.reasoning) == (said.text, said.reasoning)
    assert answer.text or answer.tool_calls
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        (tool, json.loads(arguments)) for tool, arguments in said.calls.values()
    ]
