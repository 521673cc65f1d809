"""Chat completions as OpenAI's own client sees them, and as raw HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import openai
import pytest

from tests.api.serving import Serving
from tests.fakes import ScriptedProvider, words

WHOLE = "".join(words(20))
ASKED: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


@pytest.fixture
def client(serving: Serving) -> Any:
    with openai.OpenAI(
        base_url=f"{serving.url}/v1",
        api_key=serving.token(),
        max_retries=0,
        http_client=httpx.Client(trust_env=False, timeout=20),
    ) as made:
        yield made


def post(serving: Serving, **body: Any) -> httpx.Response:
    with serving.client() as http:
        return http.post("/v1/chat/completions", json={"model": "work/normal", "messages": ASKED} | body)


def test_whole(client: openai.OpenAI, provider: ScriptedProvider) -> None:
    """A whole answer with its figures; the prompt reaches the provider as it was given."""
    answer = client.chat.completions.create(
        model="work/normal", messages=ASKED, temperature=0.5, max_completion_tokens=50
    )
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", WHOLE, "stop")
    assert answer.model == "work/normal"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    sent = provider.chats[-1].body
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"] == "Be brief."
    assert sent["temperature"] == 0.5


def test_streamed(client: openai.OpenAI) -> None:
    """The same in pieces, and the figures last where they were asked for."""
    stream = client.chat.completions.create(
        model="work/normal", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    pieces = list(stream)
    assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == WHOLE
    assert len({p.id for p in pieces}) == 1
    assert pieces[-2].choices[0].finish_reason == "stop"
    assert pieces[-1].choices == []
    assert pieces[-1].usage is not None
    without = list(client.chat.completions.create(model="work/normal", messages=ASKED, stream=True))
    assert all(p.usage is None for p in without)


def test_tools(client: openai.OpenAI, provider: ScriptedProvider) -> None:
    """Tools go to the model, its calls come back whole and in a stream, and results go to it again."""
    tool: Any = {
        "type": "function",
        "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
    }
    answer = client.chat.completions.create(model="work/normal", messages=ASKED, tools=[tool])
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls is not None
    [call] = answer.choices[0].message.tool_calls
    assert call.type == "function"
    assert call.function.name == "look_up"
    json.loads(call.function.arguments)
    streamed = list(
        client.chat.completions.create(model="work/normal", messages=ASKED, tools=[tool], stream=True)
    )
    assert [c.function.name for p in streamed for c in p.choices[0].delta.tool_calls or () if c.function]
    told: Any = [
        *ASKED,
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "42"},
    ]
    client.chat.completions.create(model="work/normal", messages=told)
    assert [m["role"] for m in provider.chats[-1].body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


def test_reasoning(serving: Serving) -> None:
    """What the model thought comes apart from what it says."""
    message = post(serving, model="work/reasoning").json()["choices"][0]["message"]
    assert message["reasoning_content"]
    assert message["content"] == WHOLE


def test_nothing_is_kept(client: openai.OpenAI, serving: Serving) -> None:
    """No conversation is made unless that is asked for; then the turn is there, and can be gone on with."""
    with serving.client() as http:
        before = http.get("/api/conversations").json()["conversations"]
        client.chat.completions.create(model="work/normal", messages=ASKED)
        assert http.get("/api/conversations").json()["conversations"] == before
        asked: Any = [{"role": "user", "content": "Keep this"}]
        answer = client.chat.completions.create(model="work/normal", messages=asked, store=True)
        id = answer.model_dump()["conversation_id"]
        more = client.chat.completions.create(
            model="work/normal", messages=asked, stream=True, extra_body={"conversation_id": id}
        )
        assert list(more)[-1].model_dump()["conversation_id"] == id
        shown = http.get(f"/api/conversations/{id}").json()
        assert [m["text"] for m in shown["messages"]] == ["Keep this", WHOLE, "Keep this", WHOLE]
        assert http.get("/api/conversations?limit=1").json()["conversations"][0]["id"] == id
        assert http.get("/api/conversations/nothing").status_code == 404
        assert http.get("/api/conversations?limit=x").status_code == 400
    assert post(serving, store=True).status_code == 400  # more than one message
    assert post(serving, messages=asked, conversation_id="nothing").status_code == 404


def test_cache(serving: Serving, provider: ScriptedProvider) -> None:
    """At temperature 0 the same question is asked once; otherwise, or when told so, each time."""
    asked: list[Any] = [{"role": "user", "content": f"Again {time.time()}"}]
    found = [post(serving, messages=asked, temperature=0).json() for _ in range(2)]
    assert [answer["cached"] for answer in found] == [False, True]
    assert found[0]["choices"] == found[1]["choices"]
    streamed = post(serving, messages=asked, temperature=0, stream=True).text
    assert WHOLE[:30] in streamed
    count = len(provider.chats)
    post(serving, messages=asked, temperature=0, cache=False)
    post(serving, messages=asked)
    post(serving, messages=asked)
    assert len(provider.chats) == count + 3


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("gpt-4o", 404, "bad_request"),
        ("nobody/normal", 404, "bad_request"),
        ("work/status-401", 502, "auth"),
        ("work/quota", 429, "quota"),
        ("work/too-long", 400, "context_length"),
        ("work/status-400", 400, "bad_request"),
        ("work/status-500", 502, "provider"),
        ("work/html", 502, "provider"),
    ],
)
def test_errors(client: openai.OpenAI, model: str, status: int, code: str) -> None:
    """Trouble before the first piece is a status, with our code and OpenAI's shape; streaming too."""
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=model, messages=ASKED, stream=stream)
        assert caught.value.status_code == status
        assert caught.value.code == code
        assert caught.value.type


def test_an_error_in_mid_stream(client: openai.OpenAI) -> None:
    """What came before it is kept by the client, and the stream never seems to be whole."""
    stream = client.chat.completions.create(model="work/error-late", messages=ASKED, stream=True)
    pieces = []
    failed = False
    try:
        for piece in stream:
            pieces.append(piece.choices[0].delta.content)
    except openai.APIError:
        failed = True
    assert failed
    assert any(pieces)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, None),
        ({"stop": ["x"]}, None),
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.user.content"),
        ({"messages": [{"role": "system", "content": "x"}]}, None),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}}],
                    }
                ]
            },
            None,
        ),
    ],
)
def test_what_cannot_be_asked(serving: Serving, more: dict[str, Any], param: str | None) -> None:
    """A request that is broken, or asks for what cannot be done, is 400 and says where; nothing is asked."""
    error = post(serving, **more)
    assert error.status_code == 400
    assert error.json()["error"]["param"] == param


@pytest.mark.parametrize("model", ["silent", "pause-3"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves(serving: Serving, provider: ScriptedProvider, model: str, stream: bool) -> None:
    """The provider's request ends within a second, before and after the first piece, streamed or not."""
    count = len(provider.chats)
    with serving.client() as http, pytest.raises(httpx.TimeoutException):
        http.post(
            "/v1/chat/completions",
            json={"model": f"work/{model}", "messages": ASKED, "stream": stream},
            timeout=0.5,
        )
    left = time.monotonic()
    assert len(provider.chats) == count + 1
    while not provider.chats[-1].disconnected:
        assert time.monotonic() - left < 1
        time.sleep(0.01)
    assert not serving.core.api._server._load.tasks  # type: ignore[union-attr]
