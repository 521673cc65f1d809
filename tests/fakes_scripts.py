"""What the scripted provider answers: a `Script`, by hand or by the model's name (see `tests.fakes`)."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ")
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 20,
    "total_tokens": 32,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
MARKDOWN = """## A short tour

Here is a list:

- **bold** and *italic*
- `inline code` and a [link](https://example.com)

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```

| language | year |
|---|---|
| Python | 1991 |
| Rust | 2015 |

> A quote ends it. 你好，世界。
"""

# Of the passages it is given: cites two, one of them in a list, code that looks like it, and a claim of its own.
CITES = """The refund worker takes the ledger lock before it calls the card network [1].

- Above one second, **check the order** of lock and call [1][2]
- The switch `lock[1]` is off

The elephants of the savanna remember every journey for decades.
"""

# Inside a stream; other wire formats have another one in its place.
ERROR_EVENT = '{"error":{"message":"The server is overloaded","type":"server_error","code":"server_error"}}'


@dataclass(frozen=True)
class Script:
    """One answer. `body`, when given, is sent as it is in place of an event stream made of `pieces`."""

    pieces: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    delay_s: float = 0.0
    usage: dict[str, Any] | None = field(default_factory=lambda: USAGE)
    finish_reason: str = "stop"
    done_marker: bool = True
    tool_calls: tuple[tuple[str, str, str], ...] = ()  # id, name, arguments as JSON text
    extra_events: tuple[str, ...] = ()  # raw data after the pieces, before the end
    newline: str = "\n"
    comments: bool = False
    silent_after: int | None = None  # pieces; then nothing, with the connection open
    cut_at: int | None = None  # bytes of the body; then the connection closes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/event-stream"
    body: bytes | None = None


def status_script(status: int, message: str = "", code: str = "", **headers: str) -> Script:
    """An HTTP error with the vendor's JSON; header names with _ for -."""
    error = {"error": {"message": message or f"scripted {status}", "type": code, "code": code or None}}
    return Script(
        status=status,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        content_type="application/json",
        body=json.dumps(error).encode(),
    )


def words(count: int) -> tuple[str, ...]:
    return tuple(WORDS[i % len(WORDS)] for i in range(count))


def script_for(model: str, normal: Script, said: str = "") -> Script:
    """The script that a model's name selects; see the head of this file."""
    name, _, rest = model.rpartition("-")
    number = int(rest) if name and rest.isdigit() else 0
    match name if number or rest == "0" else model:
        case "slow":
            return replace(normal, delay_s=0.2)
        case "silent":
            return replace(normal, silent_after=0)
        case "pause":
            return replace(normal, silent_after=number)
        case "cut":
            return replace(normal, cut_at=number)
        case "long":
            return replace(normal, pieces=words(number))
        case "no-done":
            return replace(normal, done_marker=False)
        case "no-finish":
            return replace(normal, finish_reason="")
        case "malformed":
            return replace(normal, pieces=words(2), extra_events=('{"choices": [{"del',))
        case "malformed-first":
            return replace(normal, pieces=(), extra_events=("{not json",))
        case "error-200":  # "error" with a number, or whole
            return replace(normal, pieces=(), extra_events=(ERROR_EVENT,))
        case "error" if number == 200:
            return replace(normal, pieces=(), extra_events=(ERROR_EVENT,))
        case "error-late":
            return replace(normal, pieces=words(2), extra_events=(ERROR_EVENT,))
        case "status":
            return status_script(number)
        case "quota":
            return status_script(429, "You exceeded your current quota", "insufficient_quota")
        case "too-long":
            return status_script(400, "maximum context length is 4096 tokens", "context_length_exceeded")
        case "busy":
            return status_script(429, "Slow down", "rate_limit_exceeded", Retry_After=str(number))
        case "json":
            message = {"role": "assistant", "content": "".join(normal.pieces)}
            whole = {
                "model": model,
                "choices": [{"message": message, "finish_reason": "stop"}],
                "usage": USAGE,
            }
            return Script(content_type="application/json", body=json.dumps(whole).encode())
        case "html":
            return Script(content_type="text/html", body=b"<!DOCTYPE html><html><body>Welcome</body></html>")
        case "garbage":
            return Script(body=b"\x00\xff\x13" + random.Random(1).randbytes(100_000))
        case "empty":
            return replace(normal, pieces=())
        case "markdown":
            return replace(normal, pieces=tuple(MARKDOWN[i : i + 7] for i in range(0, len(MARKDOWN), 7)))
        case "cites":
            return replace(normal, pieces=tuple(CITES[i : i + 7] for i in range(0, len(CITES), 7)))
        case "reasoning":
            return replace(normal, reasoning=("Let me ", "think. "))
        case "echo":
            return replace(normal, pieces=(said or "(nothing)",))
        case "crlf":
            return replace(normal, newline="\r\n")
        case "multi-byte":
            return replace(normal, pieces=("Grüße, ", "世界 ", "🎉"))
        case "keepalive":
            return replace(normal, comments=True)
        case _:
            return normal
