"""`mastra-desktop ask`: one question; the answer streams to standard output."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from mastra_desktop.command_line import DONE, FAILED, INTERRUPTED, print_error, print_json, with_core
from mastra_desktop.domain.chat import Message, MessageState
from mastra_desktop.domain.replies import (
    FallbackTaken,
    ReplyEvent,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RetryScheduled,
    SourcesFound,
    TextDelta,
    Waiting,
)
from mastra_desktop.paths import Paths
from mastra_desktop.services.as_json import event_json
from mastra_desktop.services.fencing import SAID

if TYPE_CHECKING:
    from mastra_desktop.core import Core


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT", help="the question, or - to read it from standard input")
    parser.add_argument(
        "--model", default="", metavar="M", help="provider/model (default: the built-in local/default)"
    )
    parser.add_argument(
        "--knowledge",
        metavar="COLLECTION",
        action="append",
        help="answer from this collection; may be repeated, and the conversation remembers it",
    )
    parser.add_argument("--conversation", metavar="ID", help="go on with this conversation")
    parser.add_argument("--temperature", type=_temperature, metavar="T", help="0 to 2")
    cached = parser.add_mutually_exclusive_group()
    cached.add_argument(
        "--no-cache", dest="cached", action="store_false", default=None, help="ask anew in any case"
    )
    cached.add_argument(
        "--cache",
        dest="cached",
        action="store_true",
        help="take a kept answer also where the temperature is not 0",
    )
    parser.add_argument("--json", action="store_true", help="one event per line")
    parser.set_defaults(run=_ask)


def _temperature(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 2:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not possible; allowed is 0 to 2")


def _ask(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    prompt = _standard_input() if args.prompt == "-" else _without_surrogates(args.prompt)
    show = _show_json if args.json else _TextOutput().show

    async def run(core: Core) -> int:
        started: ReplyStarted | None = None
        state = MessageState.WRITING
        chosen = [(await core.knowledge.collection(name)).id for name in args.knowledge or ()]
        try:
            answer = core.chat.reply(
                prompt,
                conversation_id=args.conversation,
                model_id=args.model,
                temperature=args.temperature,
                cached=args.cached,
                knowledge=chosen or None,
            )
            async with aclosing(answer) as events:
                async for event in events:
                    if isinstance(event, ReplyStarted):
                        started = event
                    elif isinstance(event, ReplyFinished):
                        state = event.state
                    show(event)
        except asyncio.CancelledError:  # Ctrl-C: what arrived is kept
            if started is not None:
                show(_finish_of(await core.conversations.message(started.message_id)))
            return INTERRUPTED
        return DONE if state is MessageState.DONE else FAILED

    return with_core(paths, environ, run, purpose="ask", access="own")


def _finish_of(m: Message) -> ReplyFinished:
    return ReplyFinished(
        m.id,
        m.finish_reason,
        m.state,
        m.usage,
        m.model_id,
        False,
        m.first_token_ms,
        m.total_ms or 0.0,
        m.sources,
        m.unsupported,
    )


def _show_json(event: ReplyEvent) -> None:
    if (line := event_json(event)) is not None:
        print_json(line)


class _TextOutput:
    """The answer on standard output, what happens beside it on standard error, never on one line."""

    def __init__(self) -> None:
        self._in_line = False
        self._note = ""  # told before the first text, unless that says the same

    def show(self, event: ReplyEvent) -> None:
        match event:
            case TextDelta(text):
                if self._note and text not in SAID:
                    print(self._note, file=sys.stderr)
                self._note = ""
                sys.stdout.write(text)
                sys.stdout.flush()
                self._in_line = not text.endswith("\n")
            case RetryScheduled(attempt, of, wait_s, reason):
                self._end_line()
                print(f"{reason} Trying again in {wait_s:.0f} s ({attempt} of {of}).", file=sys.stderr)
            case Waiting(wait_s, reason):
                self._end_line()
                print(f"{reason} Waiting {wait_s:.0f} s." if wait_s else reason, file=sys.stderr)
            case FallbackTaken(_, to_id, reason):
                self._end_line()
                print(f"{reason} Switched to {to_id}.", file=sys.stderr)
            case ReplyFailed(error):
                self._end_line()
                print_error(error, as_json=False)
            case SourcesFound(sources, notice):
                if notice:
                    print(notice, file=sys.stderr)
                if not sources:
                    self._note = SAID[0]
            case ReplyFinished():
                self._end_line()
                self._list_sources(event)

    def _list_sources(self, event: ReplyFinished) -> None:
        """Those the answer cites, else what it was given."""
        cited = [source for source in event.sources if source.cited]
        if event.sources and event.state in (MessageState.DONE, MessageState.STOPPED):
            print("\nSources:" if cited else "\nFound, but not cited:")
            for source in cited or event.sources:
                place = f", page {source.page}" if source.page else ""
                print(f"[{source.n}] {source.document}{place} ({source.collection})")

    def _end_line(self) -> None:
        if self._in_line:
            print(flush=True)
        self._in_line = False


def _standard_input() -> str:
    """All of it. Bytes that are not UTF-8 become U+FFFD."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace") if sys.stdin else ""


def _without_surrogates(argument: str) -> str:
    """An argument's bytes that are not UTF-8 become U+FFFD, as on standard input."""
    return os.fsencode(argument).decode("utf-8", "replace")
