"""Who gets in, and what is too much."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from mastra_desktop.api import endpoint as endpoints
from mastra_desktop.api import server as servers
from mastra_desktop.api.app import build_endpoints
from mastra_desktop.api.call_log import CallLog
from mastra_desktop.api.endpoint import Load
from mastra_desktop.domain.tokens import TokenRole
from tests.api.serving import Serving

JSON = {"Content-Type": "application/json"}
QUESTION = {"model": "work/normal", "messages": [{"role": "user", "content": "Hello"}]}


def error_of(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["error"]
    assert {"code", "message"} <= set(found)
    assert "Traceback" not in response.text
    return found


def test_roles_and_routes(serving: Serving) -> None:
    """Every route lets in whose role covers it: without a token 401, with too small a role 403."""
    routes = build_endpoints(serving.core.api._parts, Load(), CallLog(serving.core.audit))
    assert {r.path for r in routes if r.role is None} == {"/health/live"}
    for route in routes:
        path = route.path.format(id="none", collection="none") if "{" in route.path else route.path
        for shown in (None, *TokenRole):
            headers = {} if shown is None else {"Authorization": f"Bearer {serving.token(shown)}"}
            with httpx.Client(base_url=serving.url, headers=headers, trust_env=False) as client:
                response = client.request(route.method, path, json={} if route.body else None)
            if route.role is None:
                assert response.status_code == 200
            elif shown is None:
                assert (response.status_code, error_of(response)["code"]) == (401, "auth")
                assert response.headers["www-authenticate"] == "Bearer"
            elif not shown.covers(route.role):
                assert (response.status_code, error_of(response)["code"]) == (403, "auth")
            else:  # in: an empty body and an unknown id are found only there
                assert response.status_code in ((400, 404) if route.body else (200, 404, 503))


def test_what_is_no_token(serving: Serving) -> None:
    """Nothing, another scheme and unknown tokens are 401."""
    with httpx.Client(base_url=serving.url, trust_env=False) as client:
        for given in ("", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 5000):
            for path in ("/v1/models", "/nothing"):
                assert client.get(path, headers={"Authorization": given}).status_code == 401


def test_host(serving: Serving) -> None:
    """Only this computer's own names and addresses are answered, with a token and without one."""
    good = ("127.0.0.1", "localhost:1", "[::1]:80", "127.1.2.3")
    bad = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "192.168.0.7", "[::1", "")
    with serving.client() as client:
        for host in (*good, *bad):
            status = 200 if host in good else 421
            assert client.get("/health/live", headers={"Host": host}).status_code == status
            assert client.get("/v1/models", headers={"Host": host}).status_code == status


def test_web_pages_are_refused(serving: Serving) -> None:
    """Any foreign Origin is 403, also in the question that a browser asks first; nothing says CORS."""
    with serving.client() as client:
        for origin in ("https://evil.example", "null", "http://localhost:1", "file://", "http://127.0.0.1"):
            for method, path in (("GET", "/v1/models"), ("OPTIONS", "/v1/models"), ("GET", "/health/live")):
                response = client.request(method, path, headers={"Origin": origin})
                assert response.status_code == 403
                assert not [name for name in response.headers if name.startswith("access-control")]
        assert client.get("/v1/models", headers={"Origin": serving.url}).status_code == 200


def test_method_path_and_kind(serving: Serving) -> None:
    """Another method is 405 and says which one, an unknown path 404, what is not JSON 415."""
    with serving.client() as client:
        response = client.delete("/v1/models")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
        assert client.get("/v1/chat/completions").headers["allow"] == "POST"
        assert client.head("/v1/models").status_code == 200
        assert client.get("/v1/nothing").status_code == 404
        assert client.post("/v1/embeddings", data={"model": "x"}).status_code == 415


def test_broken_bodies(serving: Serving) -> None:
    """What is no fitting JSON is 400, in OpenAI's shape."""
    raws = (b"", b"{", b"[]", b"null", b'{"model": 1}', b"\xff", b"[" * 100_000)
    with serving.client(TokenRole.OPERATOR, **JSON) as client:
        for raw in raws:
            response = client.post("/v1/chat/completions", content=raw)
            assert (response.status_code, error_of(response)["code"]) == (400, "bad_request")


def test_large_body(serving: Serving) -> None:
    """Over 4 MiB is 413, whether the length was said or not."""
    with serving.client(TokenRole.OPERATOR, **JSON) as client:
        big = b" " * (4 * 1024**2 + 1)
        assert client.post("/v1/embeddings", content=big).status_code == 413

        def pieces() -> Any:
            for _ in range(5):
                yield b" " * 1024**2

        assert client.post("/v1/embeddings", content=pieces()).status_code == 413
        assert client.post("/v1/embeddings", content=b" " * 4 * 1024**2).status_code == 400


def test_slow_requests(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that does not get whole ends the connection, a body that does not is 408."""
    monkeypatch.setattr(servers, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(endpoints.read_body, "__defaults__", (0.2,))
    with _connected(serving) as raw:
        raw.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        assert raw.recv(1000) == b""
    with _connected(serving) as raw:
        raw.sendall(
            b"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\nAuthorization: Bearer " + serving.token().encode() + b"\r\n\r\n{"
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 408")
    with _connected(serving) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")


def _connected(serving: Serving) -> socket.socket:
    host, port = serving.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.slow
def test_too_many_at_once(serving: Serving) -> None:
    """More requests than the limit get 429 with Retry-After; health still answers, and later ones do too."""
    load = serving.core.api._server._load  # type: ignore[union-attr]
    load.most = 2
    asked = QUESTION | {"model": "work/slow"}
    threads = [threading.Thread(target=lambda: _ask(serving, asked)) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        until = time.monotonic() + 5
        while len(load.tasks) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        response = _ask(serving, QUESTION)
        assert (response.status_code, error_of(response)["code"]) == (429, "rate_limit")
        assert int(response.headers["retry-after"]) >= 1
        assert httpx.get(f"{serving.url}/health/live", trust_env=False).status_code == 200
        for thread in threads:
            thread.join(10)
        assert _ask(serving, QUESTION).status_code == 200
    finally:
        load.most = endpoints.MOST_AT_ONCE


def _ask(serving: Serving, body: dict[str, Any]) -> httpx.Response:
    with serving.client() as client:
        return client.post("/v1/chat/completions", json=body)


def test_expired_and_revoked_tokens(serving: Serving) -> None:
    """A token ends with its time, and at once when it is revoked; when it was used is known."""

    def status(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.get(f"{serving.url}/v1/models", headers=headers, trust_env=False).status_code

    short = serving.run(lambda core: core.tokens.create(TokenRole.VIEWER, "short", days=0.5 / 86_400))
    assert status(short.secret) == 200
    time.sleep(0.6)
    assert status(short.secret) == 401
    long = serving.run(lambda core: core.tokens.create(TokenRole.VIEWER, "long"))
    assert status(long.secret) == 200
    serving.run(lambda core: core.db.write(lambda _: None))  # what was to be written before is
    rows = {t.id: t for t in serving.run(lambda core: core.tokens.all())}
    assert rows[long.token.id].last_used_at is not None
    serving.run(lambda core: core.tokens.revoke(long.token.id))
    assert status(long.secret) == 401


def test_a_token_is_nowhere(serving: Serving) -> None:
    """Database and log hold no token, only hashes."""
    secrets = [serving.token(role) for role in TokenRole]
    serving.run(lambda core: asyncio.sleep(0.3))
    home = serving.core.paths.home
    for file in (*home.glob("mastra.db*"), *home.glob("logs/*")):
        found = file.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in found]


def test_a_database_that_is_away_is_told(serving: Serving) -> None:
    """When tokens cannot be looked up, the answer is a 503 with its reason in the API's own shape."""
    with serving.client() as client:
        assert client.get("/v1/models").status_code == 200
        serving.run(lambda core: core.db.close())
        deadline = time.monotonic() + 5
        while (answer := client.get("/v1/models")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)  # a token that was just looked up is trusted for a second
        assert answer.status_code == 503
        assert error_of(answer)["code"] == "storage"
