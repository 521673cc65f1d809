"""Server-sent events, decoded as the WHATWG HTML standard defines ("9.2.6 Interpreting an event stream").

Bytes go in as they come off the network, split anywhere; whole events come out. Lines are cut while
they are still bytes: CR and LF never occur inside a UTF-8 sequence, so a line can be decoded by itself
and bad bytes become U+FFFD just as they would in the whole stream.
"""

from __future__ import annotations

from dataclasses import dataclass

from mastra_desktop.domain.errors import ProviderError

MAX_EVENT_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_LF = 0x0A


@dataclass(slots=True)
class SseEvent:
    """One dispatched event. `event` is its type, `id` the last event id the stream has set so far."""

    event: str
    data: str
    id: str


class SseDecoder:
    """Turns bytes into events, in time linear to the bytes however they are split.

    An event that the end of the stream cuts off is never given out: simply stop feeding. `retry_ms`
    is the reconnection time the server asked for, if it did.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.retry_ms: int | None = None
        self._max_event_bytes = max_event_bytes
        self._beginning: bytes | None = b""  # the first bytes while they may still be a byte order mark
        self._after_cr = False  # the last line ended in CR: a LF that follows belongs to it
        self._tail = bytearray()  # the line that has begun
        self._event = ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._last_id = ""

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes. Raises ProviderError when one grows over its limit."""
        if self._beginning is not None:
            data = self._beginning + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._beginning = data
                return []
            self._beginning = None
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]

        if b"\n" not in data and b"\r" not in data:
            self._keep(data)
            return []
        if self._tail:
            data = bytes(self._tail) + data
            self._tail.clear()

        events: list[SseEvent] = []
        if b"\r" in data or self._data or self._event or len(data) > self._max_event_bytes:
            self._lines(data, events)
            return events
        end = data.rfind(b"\n\n")
        if end < 0:
            self._lines(data, events)
            return events
        last_id = self._last_id
        for block in data[:end].decode("utf-8", "replace").split("\n\n"):
            if block.startswith("data: ") and "\n" not in block:  # nearly every event of every provider
                events.append(SseEvent("message", block[6:], last_id))
            else:
                for line in block.split("\n"):
                    self._line(line, events)
                self._line("", events)
                last_id = self._last_id
        rest = data[end + 2 :]
        if rest:
            self._lines(rest, events)
        return events

    def _lines(self, data: bytes, events: list[SseEvent]) -> None:
        lines = data.splitlines()  # of bytes: CR, LF and CRLF only
        ends_with = data[-1:]
        tail = b"" if ends_with in (b"\n", b"\r") else lines.pop()
        for line in lines:
            if len(line) + self._data_bytes > self._max_event_bytes:
                raise self._too_long()
            self._line(line.decode("utf-8", "replace"), events)
        self._after_cr = ends_with == b"\r"
        if tail:
            self._keep(tail)

    def _keep(self, piece: bytes) -> None:
        """Adds to the line that has begun."""
        self._tail += piece
        if len(self._tail) + self._data_bytes > self._max_event_bytes:
            raise self._too_long()

    def _line(self, line: str, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                events.append(SseEvent(self._event or "message", "\n".join(self._data), self._last_id))
                self._data.clear()
                self._data_bytes = 0
            self._event = ""
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._data_bytes += len(line)
        elif name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)

    def _too_long(self) -> ProviderError:
        return ProviderError(
            f"The answer holds one event of more than {self._max_event_bytes // (1024 * 1024)} MiB.",
            hint="The server sends something that is no chat answer.",
            retryable=False,
        )
