"""The child process that holds the built-in model: `mastra-desktop _model-host`.

It serves one GGUF file as an OpenAI-compatible server on a loopback port of its own choice. A process
apart, because the native code may abort on a bad file or run out of memory, and because ending it gives the
memory back.

Protocol: one JSON line comes in on stdin (`HostSettings`; a key has no place in argv), one JSON line goes
out on stdout (`{"ready": {"port": ...}}` or `{"error": "..."}`). The end of stdin ends the process at once,
so it cannot outlive its parent, however that one died.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from mastra_desktop.child_side import (
    be_considerate,
    end_with_parent,
    end_with_stdin,
    first_line,
    take_stdout,
)

LONGEST_ANSWER_TOKENS = 2048  # a small model may repeat itself forever; the answer then ends with "length"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What the parent says. A small `batch_tokens` lets a cancelled prompt end within 0.3 s."""

    model_path: str
    api_key: str
    context_tokens: int
    threads: int
    batch_tokens: int = 64

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> int:
    """Serves until stdin ends. Returns 1 when the model cannot be loaded."""
    protocol = take_stdout()
    end_with_parent()
    be_considerate()
    settings = HostSettings(**json.loads(first_line()))
    end_with_stdin()
    try:
        server = _serve(settings)
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        _say(protocol, {"error": str(error) or type(error).__name__})
        return 1
    _say(protocol, {"ready": {"port": urlsplit(server.listening_address).port}})
    threading.Event().wait()  # the server has threads of its own; the stdin thread ends the process
    return 0


def _serve(settings: HostSettings) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.model_path
    params.model_alias = {"default"}  # else answers name the file's whole path
    params.n_ctx = settings.context_tokens
    params.n_batch = params.n_ubatch = settings.batch_tokens
    params.n_parallel = 1
    params.n_predict = LONGEST_ANSWER_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.fit_params = False  # what was asked for, or an error
    params.cache_ram_mib = 0  # by default up to 8 GB of earlier prompts are kept
    params.cache_idle_slots = False
    params.api_keys = [settings.api_key]
    params.cors_origins = ""  # by default any page in a browser may read the answers
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.verbosity = 2
    return xllamacpp.Server(params)


def _say(protocol: int, message: dict[str, object]) -> None:
    os.write(protocol, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
