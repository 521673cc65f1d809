"""Pages from the web: what may be reached, and how much of it."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.web import all_public, fetch_page, page_suffix


class Site(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/page":
            self._answer(200, b"<p>words</p>", {"Content-Type": "text/html; charset=utf-8"})
        elif path == "/packed":
            self._answer(200, gzip.compress(b"packed words"), {"Content-Encoding": "gzip"})
        elif path == "/bomb":
            self._answer(200, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"})
        elif path == "/large":
            self._answer(200, bytes(3_000_000), {})
        elif path.startswith("/hop/"):
            left = int(path.rpartition("/")[2])
            self._answer(302, b"", {"Location": f"/hop/{left - 1}" if left else "/page"})
        elif path == "/to-file":
            self._answer(302, b"", {"Location": "file:///etc/passwd"})
        elif path == "/to-nonsense":
            self._answer(302, b"", {"Location": "http://[::1/"})
        elif path == "/odd":
            self._answer(200, b"words", {"Content-Encoding": "br"})
        elif path == "/slow":
            self.server.going.wait(5)  # type: ignore[attr-defined]
        elif path == "/host":
            self._answer(200, self.headers["Host"].encode(), {})
        else:
            self._answer(404, b"", {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.going = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.going.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(url: str, **limits: float) -> tuple[bytes, str, str]:
    return asyncio.run(fetch_page(url, allow_private=True, **limits))  # type: ignore[arg-type]


def refusal(url: str, **limits: float) -> KnowledgeError:
    with pytest.raises(KnowledgeError) as raised:
        fetch(url, **limits)
    return raised.value


def test_a_page_comes_with_its_type_and_its_last_address(site: str) -> None:
    """Redirects are followed five times, packed pages unpacked, the host is asked for by its name."""
    assert fetch(f"{site}/page?x=1#part") == (
        b"<p>words</p>",
        "text/html; charset=utf-8",
        f"{site}/page?x=1#part",
    )
    assert fetch(f"{site}/hop/4")[2] == f"{site}/page"
    assert fetch(f"{site}/packed")[0] == b"packed words"
    assert fetch(f"{site}/host")[0].decode() == site.removeprefix("http://")
    assert "redirects" in refusal(f"{site}/hop/5").message


def test_limits_on_size_and_time_hold(site: str) -> None:
    """For what arrives and for what it unpacks to."""
    assert "larger than" in refusal(f"{site}/large", largest=2 * 1024**2).message
    assert "larger than 10 MB" in refusal(f"{site}/bomb").message
    assert "did not arrive" in refusal(f"{site}/slow", wall_s=0.3).message


def test_what_is_no_page_is_refused(site: str) -> None:
    """Other schemes, also by redirect; missing pages and hosts."""
    assert "http and https" in refusal(f"{site}/to-file").message
    assert refusal(f"{site}/to-nonsense").hint
    assert "packed" in refusal(f"{site}/odd").message
    assert "no such page" in refusal(f"{site}/missing").message
    for url in (
        "file:///etc/passwd",
        "ftp://example.org/",
        "javascript:1",
        "words",
        "http://",
        "http://[::1",
        "http://a:x/",
    ):
        assert refusal(url).hint
    assert refusal("http://127.0.0.1:1/").retryable


def test_the_persons_own_network_is_out_of_reach(site: str) -> None:
    """However its address is written."""
    port = site.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
        with pytest.raises(KnowledgeError) as raised:
            asyncio.run(fetch_page(f"http://{host}:{port}/page"))
        assert "own network" in raised.value.message or "no server" in raised.value.message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    """One such address among public ones is enough to refuse."""
    assert not all_public([address])
    assert not all_public(["93.184.215.14", address])


def test_public_addresses() -> None:
    """Both kinds, and an IPv4 one wrapped into IPv6."""
    assert all_public(["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
    assert not all_public([])


def test_a_page_is_stored_under_a_fitting_suffix() -> None:
    """By its type first, then by its address."""
    assert page_suffix("text/html; charset=gbk", "https://a/b.php") == ".html"
    assert page_suffix("application/pdf", "https://a/b") == ".pdf"
    assert page_suffix("text/plain", "https://a/notes.md?x=1") == ".md"
    assert page_suffix("", "https://a/") == ".html"
    assert page_suffix("text/plain", "https://a/LICENSE") == ".txt"
