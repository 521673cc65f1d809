"""Every kind of provider against the stand-in that speaks its wire format, and the table of kinds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import get_args

import pytest

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import BadRequest, ConfigError, StreamCut
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Answer, Prompt, PromptMessage, ToolCall
from mastra_desktop.ops.config import ProviderKind
from mastra_desktop.providers.http import HttpPool, HttpSettings
from mastra_desktop.providers.kinds import KINDS, build_provider
from mastra_desktop.providers.streaming import HttpProvider
from tests.fakes import Script, ScriptedProvider, status_script, words
from tests.providers.asking import (
    CALLS,
    KEY,
    PICTURE,
    PICTURE_BASE64,
    QUICK,
    SCHEMA,
    WEATHER,
    address,
    ask,
    generate,
    prompt,
    run,
    text_of,
    whole,
)

SPOKEN = [*KINDS, "responses"]  # "responses": OpenAI under an address that ends so
USAGE = Usage(12, 20, 4, 3)
USAGES = {"anthropic": Usage(12, 20, 4, None), "ollama": Usage(12, 20)}  # what their APIs have fields for
EMBEDDERS = ("openai", "google", "mistral", "openrouter", "ollama", "openai-compatible")


def expected_calls(answer: Answer) -> list[tuple[str, object]]:
    assert len({call.id for call in answer.tool_calls}) == len(answer.tool_calls)
    assert all(call.id and not call.error for call in answer.tool_calls)
    return [(call.name, call.arguments) for call in answer.tool_calls]


def test_every_kind_of_the_configuration_has_a_row() -> None:
    """All but the built-in model's."""
    assert set(KINDS) == set(get_args(ProviderKind)) - {"local"}


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize("model", ["normal", "reasoning"])
def test_streams(kind: str, model: str) -> None:
    """Text, reasoning apart from it, usage, reason and the model's name, in one end."""
    with ScriptedProvider() as server:
        events, error = ask(server, kind, prompt(model))
    assert error is None
    answer = whole(events)
    assert answer.text == "".join(words(20))
    assert answer.reasoning == ("Let me think. " if model == "reasoning" else "")
    assert (answer.end.reason, answer.end.usage) == ("stop", USAGES.get(kind, USAGE))
    assert answer.end.model_name == model


@pytest.mark.parametrize("kind", SPOKEN)
def test_answers_in_one_response(kind: str) -> None:
    """Without a stream the same answer comes, tool calls included."""
    script = Script(("All ", "at once."), reasoning=("Hm.",), tool_calls=CALLS)
    with ScriptedProvider(script) as server:
        answer = generate(server, kind, prompt(tools=(WEATHER,)))
        assert not server.chats[0].body.get("stream")
    assert (answer.text, answer.reasoning, answer.end.reason) == ("All at once.", "Hm.", "tool_calls")
    assert expected_calls(answer) == [("weather", {"place": "Oslo"}), ("weather", {"place": "Rome"})]
    assert answer.end.usage == USAGES.get(kind, USAGE)


@pytest.mark.parametrize("kind", SPOKEN)
def test_calls_tools_in_parallel(kind: str) -> None:
    """Fragments are joined, calls come whole, in order, and before the end."""
    with ScriptedProvider(Script(("Let me see.",), tool_calls=CALLS)) as server:
        events, error = ask(server, kind, prompt(tools=(WEATHER,)))
        asked = server.chats[0].body["tools"]
    assert error is None
    assert "weather" in str(asked)
    answer = whole(events)
    assert expected_calls(answer) == [("weather", {"place": "Oslo"}), ("weather", {"place": "Rome"})]
    assert isinstance(events[-2], ToolCall)
    assert (answer.text, answer.end.reason) == ("Let me see.", "tool_calls")


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_finish_reasons(kind: str, reason: str) -> None:
    """The vendors' words come out as ours."""
    if (kind, reason) == ("ollama", "content_filter"):
        pytest.skip("Ollama filters nothing")
    with ScriptedProvider(Script(("Text.",), finish_reason=reason)) as server:
        events, error = ask(server, kind, prompt())
    assert error is None
    assert whole(events).end.reason == reason


@pytest.mark.parametrize("kind", SPOKEN)
def test_figures_not_given_are_none(kind: str) -> None:
    """Never 0."""
    with ScriptedProvider(Script(("Text.",), usage=None)) as server:
        assert whole(ask(server, kind, prompt())[0]).end.usage == Usage()


@pytest.mark.parametrize("kind", SPOKEN)
def test_images_go_along(kind: str) -> None:
    """As the vendor writes them; a vendor without says so before anything is sent."""
    asked = Prompt("normal", (PromptMessage(Role.USER, "What is this?", images=(PICTURE,)),))
    with ScriptedProvider() as server:
        _, error = ask(server, kind, asked)
        if kind == "deepseek":
            assert isinstance(error, BadRequest)
            assert not server.chats
            return
        sent = str(server.chats[0].body)
    assert error is None
    assert PICTURE_BASE64 in sent
    assert "What is this?" in sent


@pytest.mark.parametrize("kind", SPOKEN)
def test_structure_is_asked_for(kind: str) -> None:
    """The schema goes along in the vendor's way, or in words."""
    with ScriptedProvider() as server:
        ask(server, kind, prompt(response_schema=SCHEMA))
        sent = str(server.chats[0].body)
    assert "integer" in sent


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_stream_without_its_end_marker_is_cut(kind: str) -> None:
    """What came is kept, and it is not finished."""
    with ScriptedProvider() as server:
        events, error = ask(server, kind, prompt("no-done"))
        calls, cut = ask(server, kind, prompt("cut-300"))
    assert text_of(events) == "".join(words(20))
    assert isinstance(error, StreamCut)
    assert isinstance(cut, StreamCut)
    assert not any(isinstance(event, ToolCall) for event in calls)


@pytest.mark.parametrize("kind", SPOKEN)
def test_an_error_inside_a_stream_is_a_failure(kind: str) -> None:
    """Before the first piece it is tried again, afterwards not; the vendor is quoted."""
    settings = HttpSettings(read_idle_timeout_s=1, max_retries=2, first_retry_wait_s=0.01)
    with ScriptedProvider() as server:
        events, error = ask(server, kind, prompt("error-200"), settings)
        assert len(server.chats) == 3
        late, late_error = ask(server, kind, prompt("error-late"), settings)
        assert len(server.chats) == 4
    assert text_of(events) == ""
    assert text_of(late) == "".join(words(2))
    for trouble in (error, late_error):
        assert trouble is not None
        assert trouble.code == "provider"
        assert "overloaded" in trouble.message


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize("model", ["malformed", "html", "garbage", "malformed-first"])
def test_what_is_no_answer_is_told(kind: str, model: str) -> None:
    """A broken event, a web page or noise: an error in words, and no crash."""
    with ScriptedProvider() as server:
        _, error = ask(server, kind, prompt(model))
    assert error is not None
    assert error.code == "provider"


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize(
    ("status", "code"), [(401, "auth"), (404, "bad_request"), (429, "rate_limit"), (503, "provider")]
)
def test_statuses_have_their_class(kind: str, status: int, code: str) -> None:
    """The same in every wire format, in a stream and without one."""

    async def act(provider: HttpProvider) -> None:
        await provider.generate(prompt())

    with ScriptedProvider(status_script(status)) as server:
        _, error = ask(server, kind, prompt())
        with pytest.raises(Exception, match=server.host):
            run(server, kind, act)
    assert error is not None
    assert error.code == code


@pytest.mark.parametrize("kind", SPOKEN)
def test_the_key_goes_into_its_header_only(kind: str) -> None:
    """Each vendor has its own header; without the key the vendor refuses."""
    with ScriptedProvider(keys=(KEY,)) as server:
        _, error = ask(server, kind, prompt())
        chat = server.chats[0]
    assert error is None
    holders = [name for name, value in chat.headers.items() if KEY in value]
    assert holders == [{"anthropic": "x-api-key", "google": "x-goog-api-key"}.get(kind, "authorization")]
    assert KEY not in chat.path + str(chat.body)
    assert ("anthropic-version" in chat.headers) == (kind == "anthropic")


@pytest.mark.parametrize("kind", SPOKEN)
def test_models_are_listed_and_the_test_tells(kind: str) -> None:
    """Names without the vendor's prefixes; the connection test streams, and has a tool called."""

    async def models(provider: HttpProvider) -> list[ModelInfo]:
        return await provider.models()

    async def test(provider: HttpProvider) -> ProviderTest:
        return await provider.test()

    with ScriptedProvider(models=("first", "second")) as server:
        assert [model.id for model in run(server, kind, models)] == ["work/first", "work/second"]
        told = run(server, kind, test)
    assert (told.model_names, told.streams, told.error) == (("first", "second"), True, "")
    assert (told.asked, told.tools) == ("first", True)


@pytest.mark.parametrize("kind", SPOKEN)
def test_embeddings_where_they_are_offered(kind: str) -> None:
    """One vector for each text in their order, or a refusal that says so."""

    async def act(provider: HttpProvider) -> list[list[float]]:
        assert await provider.embeddings((), "small") == []
        return await provider.embeddings(("one", "three"), "small")

    with ScriptedProvider() as server:
        if kind in (*EMBEDDERS, "responses"):
            assert run(server, kind, act) == [[3, 0], [5, 1]]
        else:
            with pytest.raises(BadRequest, match="no embeddings"):
                run(server, kind, act)


@pytest.mark.parametrize(
    ("kind", "url", "path"),
    [
        ("anthropic", "", "/v1/messages"),
        ("anthropic", "/v1/messages", "/v1/messages"),
        ("google", "/v1beta", "/v1beta/models/normal:streamGenerateContent?alt=sse"),
        ("google", "", "/v1beta/models/normal:streamGenerateContent?alt=sse"),
        ("ollama", "/api", "/api/chat"),
        ("ollama", "/v1", "/v1/chat/completions"),
        ("openai", "/v1/responses", "/v1/responses"),
        ("openai-compatible", "/v1/chat/completions", "/v1/chat/completions"),
        ("openai-compatible", "/api", "/api/chat/completions"),
    ],
)
def test_addresses_are_taken_as_people_write_them(kind: str, url: str, path: str) -> None:
    """With or without the version, and with the path of the documentation's example."""

    async def act(base_url: str) -> None:
        pool = HttpPool(QUICK)
        try:
            provider = build_provider(kind, "work", base_url, http=pool)
            async for _ in provider.stream(prompt()):
                pass
        finally:
            await pool.aclose()

    with ScriptedProvider() as server:
        asyncio.run(act(f"http://{server.host}{url}"))
        assert server.chats[0].path == path


def test_openai_models_without_chat_completions_use_responses() -> None:
    """Some models are offered over responses only; the person need not know."""
    with ScriptedProvider() as server:
        ask(server, "openai", prompt("gpt-5.3-codex"))
        ask(server, "openai", prompt("gpt-5.3"))
        assert [chat.path for chat in server.chats] == ["/v1/responses", "/v1/chat/completions"]


def test_lists_of_vendors_leave_out_what_answers_no_prompt() -> None:
    """Embedding, speech and picture models are not offered for a chat; a person's own server shows all."""
    names = ("text-embedding-3", "gpt-5", "whisper-1", "gpt-image-1", "tts-1", "mistral-7b-instruct-0.3")

    async def models(provider: HttpProvider) -> list[ModelInfo]:
        return await provider.models()

    with ScriptedProvider(models=names) as server:
        assert [m.name for m in run(server, "openai", models)] == ["gpt-5", "mistral-7b-instruct-0.3"]
        assert len(run(server, "openai-compatible", models)) == len(names)


@pytest.mark.parametrize(("kind", "url"), [("nonsense", "http://x"), ("openai-compatible", "")])
def test_a_kind_or_an_address_that_is_none_is_refused(kind: str, url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError):
        build_provider(kind, "work", url, http=HttpPool())


def test_own_addresses_are_the_vendors() -> None:
    """Without a base URL the kind's own is used."""
    for name, kind in KINDS.items():
        if kind.base_url:
            assert build_provider(name, "work", http=HttpPool()).base_url == kind.base_url


def test_the_stand_in_has_an_address_for_every_kind() -> None:
    """So that none of the tests above asks a real vendor."""
    with ScriptedProvider() as server:
        assert all(server.host in address(server, kind) for kind in SPOKEN)


def test_the_tests_that_the_documentation_names_exist() -> None:
    """Each cell of docs/providers.md is backed by a test that is there."""
    root = Path(__file__).resolve().parents[2]
    named = set(re.findall(r"`(test_[a-z_]+)`", (root / "docs" / "providers.md").read_text("utf-8")))
    written = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert len(named) > 20
    assert not {name for name in named if f"def {name}(" not in written}
