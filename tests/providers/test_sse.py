"""The event decoder against the standard: what web-platform-tests' eventsource/format-* ask, and more."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.domain.errors import ProviderError
from mastra_desktop.providers.sse import SseDecoder

Events = list[tuple[str, str, str]]


def m(*data: str, id: str = "") -> Events:
    """Plain messages with these data."""
    return [("message", text, id) for text in data]


LONG = b"x" * 2048
CASES: dict[str, tuple[bytes, Events]] = {
    "one leading BOM is dropped, a later one spoils its line": (
        b"\xef\xbb\xbfdata:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n",
        m("1", "3"),
    ),
    "of two leading BOMs only one is dropped": (b"\xef\xbb\xbf\xef\xbb\xbfdata:1\n\ndata:2\n\n", m("2")),
    "comments of every shape": (
        b"data:1\r:\0\n:\r\ndata:2\n:" + LONG + b"\rdata:3\n:data:fail\r:" + LONG + b"\ndata:4\n\n",
        m("1\n2\n3\n4"),
    ),
    "an event that the end cuts off is lost": (
        b"retry:1000\ndata:test1\n\nid:test\ndata:test2\n",
        m("test1"),
    ),
    "data without value, without colon": (b"data:\n\ndata\ndata\n\ndata:test\n\n", m("", "\n", "test")),
    "an empty event type is message": (b"event: \ndata:data\n\n", m("data")),
    "an event type holds for one event": (
        b"event:test\ndata:x\n\ndata:x\n\n",
        [("test", "x", ""), ("message", "x", "")],
    ),
    "an event type without data is forgotten": (b"event:test\n\ndata:x\n\n", m("x")),
    "an id stays for later events": (
        b"id: 1\ndata:a\n\ndata:b\n\nid:2\ndata:c\n\n",
        [*m("a", "b", id="1"), *m("c", id="2")],
    ),
    "an id of non-ASCII characters": ("id: …\ndata:a\n\n".encode(), m("a", id="…")),
    "an empty id clears it": (b"id:1\ndata:a\n\nid\ndata:b\n\n", [*m("a", id="1"), *m("b")]),
    "an id of an event without data counts": (b"id:7\n\ndata:a\n\n", m("a", id="7")),
    "id of two NUL is ignored": (b"id:\0\0\ndata:hello\n\n", m("hello")),
    "id ending in NUL is ignored": (b"id:x\0\ndata:hello\n\n", m("hello")),
    "id beginning with NUL is ignored": (b"id:\0x\ndata:hello\n\n", m("hello")),
    "id with NUL inside is ignored": (b"id:x\0x\ndata:hello\n\n", m("hello")),
    "id of space and NUL is ignored": (b"id: \0\ndata:hello\n\n", m("hello")),
    "field names are exact": (
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\n"
        b"data:4\n\n",
        m("\0\n 2\n1\n3\n\n4"),
    ),
    "retry is no data": (b"retry:3000\ndata:x\n\n", m("x")),
    "a bogus retry is ignored": (b"retry:3000\nretry:1000x\ndata:x\n\n", m("x")),
    "an empty retry is ignored": (b"retry\ndata:test\n\n", m("test")),
    "unknown fields are ignored": (
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\n\n",
        m("test\n"),
    ),
    "one leading space goes, a tab stays": (b"data:\ttest\rdata: \ndata:test\n\n", m("\ttest\n\ntest")),
    "CR, LF and CRLF mixed": (b"data:test\r\ndata\ndata:test\r\n\r\n", m("test\n\ntest")),
    "CR alone": (b"data:a\r\rdata:b\r\r", m("a", "b")),
    "CR CRLF is two line ends": (b"data:a\r\r\ndata:b\n\n", m("a", "b")),
    "a NUL character is kept": (b"data:\0\n\n", m("\0")),
    "always UTF-8": ("data:ok…\n\n".encode(), m("ok…")),
    "bad bytes become replacement characters": (b"data:a\xe2\x82\n\ndata:\xff!\n\n", m("a\ufffd", "\ufffd!")),
    "blank lines dispatch nothing": (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", m("a", "b")),
    "only a BOM": (b"\xef\xbb\xbf", []),
    "nothing": (b"", []),
}


def decode(*chunks: bytes) -> Events:
    decoder = SseDecoder()
    return [(e.event, e.data, e.id) for chunk in chunks for e in decoder.feed(chunk)]


@pytest.mark.parametrize("name", CASES)
def test_standard_case_however_it_is_split(name: str) -> None:
    """Whole, split in two at every byte, and byte by byte, the events are those of the standard."""
    data, expected = CASES[name]
    assert decode(data) == expected
    assert decode(*(data[i : i + 1] for i in range(len(data)))) == expected
    for at in range(min(len(data), 600)):
        assert decode(data[:at], data[at:]) == expected


PIECES = st.sampled_from(
    [b"data: x", b"data:", b"data", b"\n", b"\r", b"\r\n", b"\n\n", b"event: e", b"id: 1", b"id:\0", b": c",
     b" ", b"\xef\xbb\xbf", b"\xe4\xb8", b"\x96", b"\xff", b"retry: 5", b"{}"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=30), cuts=st.lists(st.integers(0, 120), max_size=6))
def test_any_split_gives_the_same_events(pieces: list[bytes], cuts: list[int]) -> None:
    """Where the network cuts the bytes does not change what is decoded."""
    data = b"".join(pieces)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert decode(*(data[a:b] for a, b in pairwise(edges))) == decode(data)


def test_retry_is_kept_in_milliseconds() -> None:
    """The last valid retry field wins; others leave it alone."""
    decoder = SseDecoder()
    decoder.feed(b"retry: 3000\nretry: 12x\nretry\n\n")
    assert decoder.retry_ms == 3000


@pytest.mark.parametrize("ends", [b"", b"\n"])
def test_an_event_over_its_limit_is_refused(ends: bytes) -> None:
    """Neither one endless line nor endless lines can fill the memory."""
    decoder = SseDecoder(max_event_bytes=1000)
    for _ in range(60):
        decoder.feed(b"data: 0123456789" + ends)
    with pytest.raises(ProviderError, match="one event"):
        decoder.feed(b"data: 0123456789" * 40 + ends)


def test_time_grows_with_the_bytes_and_not_their_square() -> None:
    """Eight times the bytes, byte by byte in one line and in many, take about eight times as long."""

    def seconds(data: bytes) -> float:
        decoder = SseDecoder()
        began = time.thread_time()
        for i in range(len(data)):
            decoder.feed(data[i : i + 1])
        return time.thread_time() - began

    for shape in (b"x", b"data:x\n"):
        seconds(b"data:" + shape * 2000)
        small, large = (seconds(b"data:" + shape * (n // len(shape))) for n in (20_000, 160_000))
        assert large < 8 * small * 4 + 0.05
