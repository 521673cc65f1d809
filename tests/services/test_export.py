"""Traces that go to an OTLP/HTTP collector: what arrives there, and what becomes of it when it is in trouble."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.domain.replies import Prompt, PromptMessage
from mastra_desktop.domain.telemetry import Outcome, RequestRecord
from mastra_desktop.ops.bus import Bus
from mastra_desktop.ops.config import Config, Loaded
from mastra_desktop.ops.logging import operation
from mastra_desktop.ops.metrics import Metrics
from mastra_desktop.ops.otlp import Origin, encode
from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.ops.traces import Traces
from mastra_desktop.paths import find_paths
from mastra_desktop.services import export as exporting
from mastra_desktop.services.answer_cache import AnswerCache
from mastra_desktop.services.completions import CompletionService
from mastra_desktop.services.export import TraceExport
from mastra_desktop.services.health import Status
from mastra_desktop.services.recording import Recorder
from mastra_desktop.store.secrets import Secrets
from tests.collector import Collector, Says, facts
from tests.cores import collect, finished, make_home, take, text_of
from tests.fakes import ScriptedProvider

ORIGIN = Origin({"service.name": "x"}, "sqlite", {"g": "google"})
PLANTED = "sk-Zq7Xw2Lp9Rt4Vb8NPlantedInAPrompt0001"
WORD = "correct.horse.0019.battery"


async def until(there: Callable[[], bool], timeout_s: float = 8.0) -> None:
    end = time.monotonic() + timeout_s
    while not there():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)


def over_core(
    folder: Path,
    collector: Collector | None,
    check: Callable[[Core], Coroutine[Any, Any, None]],
    **environ: str,
) -> None:
    """Runs `check` over a core whose traces go to `collector`."""

    async def main(base_url: str) -> None:
        given = {"MASTRA_HOME": str(make_home(folder, base_url)), "MASTRA_HTTP__MAX_RETRIES": "1"} | environ
        if collector is not None:
            given["MASTRA_TELEMETRY__OTLP_URL"] = collector.url
        async with open_core(find_paths(given), given, purpose="test") as core:
            await check(core)

    with ScriptedProvider() as provider:
        asyncio.run(main(provider.base_url))


def test_a_streamed_chat_arrives_with_its_parents(tmp_path: Path) -> None:
    """The spans of an answer through the core, under the id of the log and the row, named as OpenTelemetry does;
    without what was asked and answered. They are sent at the end at the latest."""
    ids: dict[str, str] = {}

    async def check(core: Core) -> None:
        with operation("test") as ids["trace"]:
            events = await collect(core.chat.reply("Tell me of quokkas", model_id="work/normal"))
        ids["conversation"] = (await core.telemetry.requests(0, time.time() + 1))[0].conversation_id
        ids["text"] = text_of(events)
        assert finished(events).reason == "stop"

    with Collector() as collector:
        over_core(tmp_path, collector, check)
        spans = {span.name: span for span in collector.spans}
        request, model = spans["request"], spans["chat normal"]
        assert {span.trace_id.hex() for span in collector.spans} == {ids["trace"]}
        assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in collector.spans)
        assert (request.parent_span_id, model.parent_span_id) == (b"", request.span_id)
        assert request.start_time_unix_nano <= model.start_time_unix_nano < model.end_time_unix_nano
        assert (request.kind, model.kind) == (1, 3)  # internal, client
        assert [event.name for event in request.events] == ["first_token"]
        told = facts(model.attributes)
        assert told["gen_ai.operation.name"] == "chat"
        assert (told["gen_ai.provider.name"], told["mastra.provider.id"]) == ("openai-compatible", "work")
        assert (told["gen_ai.request.model"], told["gen_ai.usage.input_tokens"]) == ("normal", 12)
        assert told["gen_ai.response.finish_reasons"] == ["stop"]
        assert told["gen_ai.response.time_to_first_chunk"] > 0
        assert facts(request.attributes)["gen_ai.conversation.id"] == ids["conversation"]
        assert "gen_ai.usage.input_tokens" not in facts(request.attributes)
        for of in collector.resources:
            assert of["service.name"] == "mastra-desktop"
            assert of["service.version"]
            assert len(of["service.instance.id"]) == 36
        assert {got.path for got in collector.got} == {"/v1/traces"}
        everything = b"".join(got.body for got in collector.got)
        assert b"quokkas" not in everything
        assert ids["text"][:20].encode() not in everything


def test_trouble_of_an_answer_is_the_status_of_its_spans(tmp_path: Path) -> None:
    """A failed one is an error with its code, a retry an event; a stopped one is no error."""

    async def check(core: Core) -> None:
        await collect(core.chat.reply("Hello", model_id="work/status-401"))
        await collect(core.chat.reply("Hello", model_id="work/flaky-1"))
        await take(core.chat.reply("Hello", model_id="work/slow"), 1)

    with Collector() as collector:
        over_core(tmp_path, collector, check)
        of = {span.name: span for span in collector.spans if span.name.startswith("chat ")}
        failed, again, stopped = (of[f"chat {name}"] for name in ("status-401", "flaky-1", "slow"))
        assert (failed.status.code, failed.status.message) == (2, "auth")
        assert facts(failed.attributes)["error.type"] == "auth"
        [event] = failed.events
        assert (event.name, facts(event.attributes)) == ("exception", {"exception.type": "auth"})
        assert again.status.code == stopped.status.code == 0
        assert [event.name for event in again.events] == ["retry"]
        assert facts(stopped.attributes)["mastra.outcome"] == "stopped"


def test_contents_only_where_they_are_wanted_and_without_keys(tmp_path: Path) -> None:
    """With otlp_contents prompts and answers are in it; keys in them, and the key of a provider, are not."""

    async def check(core: Core) -> None:
        await core.keys.set("work", WORD)
        asked = f"Is {PLANTED} a key? And {WORD} one of quokkas?"
        await collect(core.chat.reply(asked, model_id="work/echo"))
        recorder = Recorder(core.telemetry.metrics, core.telemetry.traces, core.prices.cost_now)
        answers = AnswerCache(core.cache, core.providers.identity)
        stream = CompletionService(core.registry, answers, recorder).stream
        async for _ in stream("work/normal", Prompt("", (PromptMessage(Role.USER, asked),))):
            continue

    with Collector() as collector:
        over_core(tmp_path, collector, check, MASTRA_TELEMETRY__OTLP_CONTENTS="true")
        of = {span.name: facts(span.attributes) for span in collector.spans}
        asked = json.loads(of["chat echo"]["gen_ai.input.messages"])
        assert asked[-1]["role"] == "user"
        assert asked[-1]["parts"][0]["content"] == "Is [removed] a key? And [removed] one of quokkas?"
        [answer] = json.loads(of["chat echo"]["gen_ai.output.messages"])
        assert "quokkas" in answer["parts"][0]["content"]
        assert answer["finish_reason"] == "stop"
        assert "gen_ai.system_instructions" in of["chat echo"]
        assert json.loads(of["chat normal"]["gen_ai.output.messages"])[0]["parts"][0]["content"]
        everything = b"".join(got.body for got in collector.got)
        assert PLANTED.encode() not in everything
        assert PLANTED[3:20].encode() not in everything
        assert WORD.encode() not in everything


def test_off_nothing_is_imported_and_nothing_is_sent(tmp_path: Path) -> None:
    """Without an address there is no exporter, no check and no request."""

    async def check(core: Core) -> None:
        await collect(core.chat.reply("Hello", model_id="work/normal"))
        assert core.telemetry.traces.on_end is None
        assert "otlp" not in {c.name for c in (await core.health.quick()).checks}

    with Collector() as collector:
        over_core(tmp_path, None, check)
        assert collector.got == []


@pytest.mark.slow
def test_switched_on_and_off_while_it_runs(tmp_path: Path) -> None:
    """A change of config.toml takes effect without a restart."""

    async def check(core: Core) -> None:
        file = core.paths.config
        before = file.read_text()
        for address, number in ((first.url, 1), (second.url, 1), ("", 0)):
            file.write_text(f'{before}\n[telemetry]\notlp_url = "{address}"\n')
            assert await core.settings.reload()
            await collect(core.chat.reply("Hello", model_id="work/normal"))
            if number:
                collector = first if address == first.url else second
                await until(lambda c=collector: len([s for s in c.spans if s.name == "request"]) == 1)  # type: ignore[misc]
        await asyncio.sleep(0.1)

    with Collector() as first, Collector() as second:
        over_core(tmp_path, None, check)
        assert [len([s for s in c.spans if s.name == "request"]) for c in (first, second)] == [1, 1]


# -- the exporter by itself, with short waits -----------------------------------------------------------------


class Sender:
    """A TraceExport with its traces, and no core around it."""

    def __init__(self, url: str, *, environ: dict[str, str] | None = None, contents: bool = False) -> None:
        self.known = KnownSecrets()
        self.metrics = Metrics(self.known.clean)
        self.traces = Traces(self.known.clean)
        self.bus = Bus()
        self.secrets = Secrets(False, environ or {}, on_key=self.known.add)
        self.export = TraceExport(
            self.traces,
            self.metrics,
            self.secrets,
            self.known,
            self.bus,
            "sqlite",
            gather_s=0.01,
            first_wait_s=0.02,
        )
        self.loaded = Loaded(
            Config.model_validate({"telemetry": {"otlp_url": url, "otlp_contents": contents}}), {}
        )

    async def use(self) -> None:
        await self.export.apply(self.loaded)

    def end_spans(self, number: int) -> None:
        for _ in range(number):
            self.traces.begin("request").end()

    def counted(self, result: str) -> int:
        text = self.metrics.text().decode()
        line = next(
            (row for row in text.splitlines() if f'otlp_spans_total{{result="{result}"}}' in row), "x 0"
        )
        return int(float(line.split()[-1]))


def send(sender: Sender, during: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await sender.use()
        async with sender.export.running():
            await during()

    asyncio.run(main())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Time-outs, 429 and server errors: the same spans come again, the log tells it once."""
    trouble = Says(status)
    with Collector(trouble, trouble, trouble) as collector:
        sender = Sender(collector.url)

        async def during() -> None:
            sender.end_spans(3)
            await until(lambda: bool(collector.spans))

        send(sender, during)
        assert [got.status for got in collector.got] == [status] * 3 + [200]
        assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 3
        assert sender.counted("sent") == 3
    said = [record.getMessage() for record in caplog.records]
    assert said.count("traces not exported") == 1


@pytest.mark.slow
def test_retry_after_is_obeyed() -> None:
    """The next try comes when the collector asked for it, not before."""
    with Collector(Says(429, {"Retry-After": "1"})) as collector:
        sender = Sender(collector.url)

        async def during() -> None:
            sender.end_spans(1)
            began = time.monotonic()
            await until(lambda: bool(collector.spans))
            assert 0.9 <= time.monotonic() - began < 4

        send(sender, during)


def test_what_can_never_go_well_is_dropped_and_counted() -> None:
    """A 400 is not tried again; what ends afterwards is sent."""
    with Collector(Says(400)) as collector:
        sender = Sender(collector.url)

        async def during() -> None:
            sender.end_spans(2)
            await until(lambda: len(collector.got) == 1)
            sender.end_spans(1)
            await until(lambda: bool(collector.spans))

        send(sender, during)
        assert (sender.counted("dropped"), sender.counted("sent")) == (2, 1)


def test_what_is_too_large_is_halved() -> None:
    """413: smaller requests, until they fit; one span alone that does not fit is dropped."""
    with Collector(answer=lambda _, n: Says(413 if n > 3 else 200)) as collector:
        sender = Sender(collector.url)

        async def during() -> None:
            sender.end_spans(20)
            await until(lambda: len(collector.spans) == 20)

        send(sender, during)
        assert len({span.span_id for span in collector.spans}) == 20
        assert sender.counted("dropped") == 0
    with Collector(answer=lambda _, n: Says(413)) as collector:
        sender = Sender(collector.url)

        async def dropped() -> None:
            sender.end_spans(3)
            await until(lambda: sender.counted("dropped") == 3)

        send(sender, dropped)


def test_a_refused_token_is_told_and_a_new_one_taken() -> None:
    """401: the check says what to do; once a key is set, nothing was lost. It is sent as a token, and the
    variable of OpenTelemetry as its headers."""

    def answer(got: Any, _: int) -> Says:
        return Says(200 if got.headers.get("authorization") == "Bearer good-token-0001" else 401)

    with Collector(answer=answer) as collector:
        sender = Sender(
            collector.url,
            environ={"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20bad-token-0002, x-scope=me"},
        )

        async def during() -> None:
            sender.end_spans(2)
            await until(lambda: bool(sender.export.state.problem))
            assert "refuses the headers" in sender.export.state.problem
            assert "keys set otlp" in sender.export.state.remedy
            await sender.secrets.set("otlp", "good-token-0001")
            await until(lambda: len(collector.spans) == 2)
            await until(lambda: sender.export.state.problem == "")

        send(sender, during)
        assert collector.got[0].headers["authorization"] == "Bearer bad-token-0002"
        assert collector.got[0].headers["x-scope"] == "me"
        for token in ("good-token-0001", "bad-token-0002"):  # known as secrets from then on
            assert token not in sender.known.clean(f"it said {token}")


def test_a_part_that_was_left_out_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A 200 that took some only: those are not sent again, and it is told once."""
    part = Says(refused=2, why="attribute too long, token=sk-Zq7Xw2Lp9Rt4Vb8N0001")
    with Collector(part, part) as collector:
        sender = Sender(collector.url)

        async def during() -> None:
            sender.end_spans(3)
            await until(lambda: len(collector.got) == 1)
            assert await _settled(lambda: sender.export.state.problem)
            assert "left out 2 spans" in sender.export.state.problem
            assert "sk-Zq7" not in sender.export.state.problem
            sender.end_spans(3)
            await until(lambda: len(collector.got) == 2)

        send(sender, during)
        assert (sender.counted("sent"), sender.counted("refused")) == (2, 4)
    assert [record.getMessage() for record in caplog.records].count("traces not exported") == 1


async def _settled(value: Callable[[], str]) -> str:
    await until(lambda: bool(value()))
    return value()


def test_a_collector_that_is_away_costs_the_oldest_at_the_bound() -> None:
    """Nothing waits for it and nothing grows; when it is there, the newest arrive."""
    with Collector() as gone:
        url = gone.url
    sender = Sender(url)
    many = exporting.MOST_WAITING + exporting.BATCH + 100

    async def during() -> None:
        began = time.perf_counter()
        sender.end_spans(many)
        assert time.perf_counter() - began < 1
        last = sender.traces.begin("request")
        last.end()
        await until(lambda: bool(sender.export.state.problem))
        assert "cannot be reached" in sender.export.state.problem
        state = sender.export.state
        assert state.waiting <= exporting.MOST_WAITING + exporting.BATCH
        assert state.waiting + state.dropped == many + 1
        with Collector(port=int(url.rpartition(":")[2])) as back:
            await until(lambda: sender.export.state.waiting == 0)
            assert last.id in {span.span_id.hex() for span in back.spans}
            assert len(back.spans) == sender.export.state.sent == many + 1 - state.dropped

    send(sender, during)


@pytest.mark.slow
def test_the_end_waits_a_second_at_most() -> None:
    """For a collector that does not answer; what waits for one that does is sent at the end."""
    with Collector(answer=lambda _, n: Says(after_s=30)) as collector:
        sender = Sender(collector.url)
        began = 0.0

        async def during() -> None:
            nonlocal began
            sender.end_spans(3)
            await asyncio.sleep(0.1)
            began = time.monotonic()

        send(sender, during)
        assert time.monotonic() - began < 1.6
        assert sender.counted("dropped") == 3
    with Collector() as collector:
        sender = Sender(collector.url)

        async def nothing() -> None:
            sender.end_spans(600)

        send(sender, nothing)
        assert len(collector.spans) == 600


@pytest.mark.slow
def test_the_check_is_there_where_it_is_configured(tmp_path: Path) -> None:
    """Degraded with what to do while the collector is away, healthy with an address when it is there; the full
    check asks it even when there is nothing to send."""

    async def away(core: Core) -> None:
        found = {c.name: c for c in (await core.health.full()).checks}["otlp"]
        assert found.status is Status.DEGRADED
        assert "cannot be reached" in found.detail
        assert "telemetry.otlp_url" in found.remedy
        assert found.still_works
        quick = {c.name: c for c in (await core.health.quick()).checks}["otlp"]
        assert quick.status is Status.DEGRADED

    async def there(core: Core) -> None:
        found = {c.name: c for c in (await core.health.full()).checks}["otlp"]
        assert (found.status, found.remedy) == (Status.HEALTHY, "")
        assert "without contents" in found.detail

    with Collector() as collector:
        over_core(tmp_path, collector, there)
        assert [got.status for got in collector.got] == [200]
    over_core(tmp_path, collector, away)


def test_what_was_found_and_who_stepped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retrieval and both models are steps of the request; contents beyond their bound are left out, spans never."""
    sender = Sender("http://127.0.0.1:1", contents=True)
    recorder = Recorder(sender.metrics, sender.traces, lambda _usage, _model: None)
    asyncio.run(sender.use())

    def answer() -> None:
        watch = recorder.watch()
        watch.step("retrieval")
        watch.found(f"Which key is {PLANTED}?", (_source("A quokka smiles."),))
        watch.step("model", "g/first")
        watch.asked(Prompt("first", (PromptMessage(Role.USER, "x" * 100),)))
        watch.fell_back("g/first", "work/second")
        watch.tell("stop", ["It ", "smiles."], [])
        watch.ended(RequestRecord(watch.id, 1.0, "work", "second", Outcome.DONE, trace_id=watch.trace_id))

    answer()
    first = {span.name: span for span in _decoded(sender)}
    assert list(first) == ["retrieval", "chat first", "chat second", "request"]
    root = first["request"].span_id
    assert [span.parent_span_id for span in first.values()] == [root, root, root, b""]
    asked = facts(first["retrieval"].attributes)
    assert asked["gen_ai.retrieval.query.text"] == "Which key is [removed]?"
    [document] = json.loads(asked["gen_ai.retrieval.documents"])
    assert (document["id"], document["content"]) == ("a.md", "A quokka smiles.")
    [fallback] = first["chat first"].events
    assert (fallback.name, facts(fallback.attributes)["gen_ai.request.model"]) == ("fallback", "second")
    assert first["chat first"].status.code == 2
    assert json.loads(facts(first["chat second"].attributes)["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": "It smiles."}
    ]
    monkeypatch.setattr(exporting, "MOST_CONTENTS", 50)
    answer()
    second = {span.name: facts(span.attributes) for span in _decoded(sender)}
    assert "gen_ai.input.messages" not in second["chat first"]
    assert "gen_ai.retrieval.documents" in second["retrieval"]
    assert second["chat second"]["gen_ai.response.finish_reasons"] == ["stop"]


def _source(text: str) -> Source:
    return Source(1, "Notes", "a.md", "d1", 1, None, 0, len(text), text, 0.9)


def _decoded(sender: Sender) -> list[Any]:
    """What waits in the queue, as it would be sent."""
    waiting = sender.export._waiting
    body = encode([waiting.popleft() for _ in range(len(waiting))], ORIGIN, contents=True)
    sender.export._noted = 0
    return list(ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans)
