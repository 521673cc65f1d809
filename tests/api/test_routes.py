"""Models, embeddings, knowledge, health, and what the description says of them."""

from __future__ import annotations

import base64
import time
from array import array
from pathlib import Path

import httpx
import openai
import pytest

from mastra_desktop.core import Core
from mastra_desktop.services import health
from tests.api.serving import Serving


def test_models(serving: Serving) -> None:
    """Those of every provider and the built-in embedders, as OpenAI's client reads them."""
    with openai.OpenAI(
        base_url=f"{serving.url}/v1", api_key=serving.token(), http_client=httpx.Client(trust_env=False)
    ) as client:
        found = {model.id: model.owned_by for model in client.models.list()}
    assert found["work/normal"] == "work"
    assert "builtin/multilingual" in found or "builtin/english" in found


@pytest.mark.slow
def test_embeddings(serving: Serving) -> None:
    """One vector for each text, alike as floats and as base64; near for what means the same."""
    with openai.OpenAI(
        base_url=f"{serving.url}/v1",
        api_key=serving.token(),
        max_retries=0,
        http_client=httpx.Client(trust_env=False, timeout=30),
    ) as client:
        texts = ["A cat sleeps.", "A kitten is asleep.", "Interest rates rose."]
        packed = client.embeddings.create(model="builtin/english", input=texts)  # base64 on the wire
        plain = client.embeddings.create(model="builtin/english", input=texts, encoding_format="float")
        assert [row.index for row in plain.data] == [0, 1, 2]
        for one, other in zip(packed.data, plain.data, strict=True):
            assert len(one.embedding) == 384
            assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        cat, kitten, rates = (row.embedding for row in plain.data)
        assert _dot(cat, kitten) > _dot(cat, rates) + 0.2
        assert plain.usage.prompt_tokens > 9
        default = client.embeddings.create(model="local/default", input="one", dimensions=384)
        assert default.model.startswith("builtin/")
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="builtin/english", input="one", dimensions=100)
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="text-embedding-3-small", input="one")
    with serving.client() as http:
        asked = {"model": "builtin/english", "input": texts[0], "encoding_format": "base64"}
        row = http.post("/v1/embeddings", json=asked).json()["data"][0]
    assert array("f", base64.b64decode(row["embedding"])).tolist() == pytest.approx(cat, abs=1e-6)


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_knowledge(serving: Serving, tmp_path: Path) -> None:
    """Collections are listed and searched by name or id, as on the command line."""
    collection = serving.run(lambda core: core.knowledge.create_collection("My notes"))
    with serving.client() as http:
        [row] = http.get("/api/knowledge").json()["collections"]
        assert (row["id"], row["name"], row["documents"]) == (collection.id, "My notes", 0)
        for place in (collection.id, "My%20notes"):
            answer = http.post(f"/api/knowledge/{place}/search", json={"query": "what", "mode": "words"})
            assert answer.status_code == 200
            assert answer.json()["results"] == []
        assert http.post("/api/knowledge/none/search", json={"query": "what"}).status_code == 404
        assert http.post(f"/api/knowledge/{collection.id}/search", json={"query": " "}).status_code == 400


def test_health(serving: Serving) -> None:
    """Live for everybody; ready and the whole report for who may read."""
    assert httpx.get(f"{serving.url}/health/live", trust_env=False).json() == {"status": "alive"}
    with serving.client() as http:
        assert http.get("/health/ready").json()["status"] == "ready"
        report = http.get("/health").json()
    names = {check["name"] for check in report["checks"]}
    assert {"config", "database", "cache", "keyring", "disk", "work"} <= names


def test_description(serving: Serving) -> None:
    """An OpenAPI 3.1 document with every route, its errors and its role."""
    with serving.client() as http:
        found = http.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    assert set(found["paths"]) >= {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/embeddings",
        "/api/conversations/{id}",
        "/api/knowledge/{collection}/search",
        "/health/live",
    }
    assert found["paths"]["/v1/chat/completions"]["post"]["x-role"] == "operator"
    assert found["paths"]["/health/live"]["get"]["security"] == []


def test_metrics_and_audit(serving: Serving) -> None:
    """What was asked is in the figures and in the stored requests, and who called what in the audit log."""
    with serving.client() as http:
        asked = {"model": "work/normal", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
        for _ in range(3):
            http.post("/v1/chat/completions", json=asked)
        answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'mastra_requests_total{model="normal",outcome="done",provider="work"} 3.0' in answer.text
    until = time.monotonic() + 5
    while time.monotonic() < until:
        rows = serving.run(lambda core: core.telemetry.requests(0, time.time() + 1))
        if len(rows) == 3:
            break
        time.sleep(0.05)
    assert [row.cached for row in rows] == [True, True, False]
    assert all(row.trace_id and row.output_tokens for row in rows)
    httpx.get(f"{serving.url}/v1/models", trust_env=False)
    entries = serving.run(lambda core: core.audit.entries())
    called = {(entry.actor.split()[0], entry.action, entry.target, entry.outcome) for entry in entries}
    assert ("token", "api.post", "/v1/chat/completions", "done") in called
    assert ("unknown", "api.get", "/v1/models", "refused") in called
    assert any(entry.action == "token.create" for entry in entries)


def test_health_is_the_services(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three routes say what the service found: with a full disk it lives, is not ready and not healthy."""
    monkeypatch.setattr(health, "LOW_DISK_BYTES", 1 << 60)
    with serving.client() as http:
        assert http.get("/health/live").status_code == 200
        ready, full = http.get("/health/ready"), http.get("/health")
    found = serving.run(lambda core: core.health.ready())
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert [c["name"] for c in ready.json()["checks"]] == [c.name for c in found.checks]
    assert (full.status_code, full.json()["status"]) == (503, "unhealthy")
    disk = next(c for c in full.json()["checks"] if c["name"] == "disk")
    assert disk["status"] == "unhealthy"
    assert "nearly full" in disk["detail"]
    broken = serving.run(_full_names)
    assert [c["name"] for c in full.json()["checks"]] == broken


async def _full_names(core: Core) -> list[str]:
    return [check.name for check in (await core.health.full()).checks]
