"""The commands. Text for people, `--json` for scripts; exit codes 0, 1, 2, 3 and 130 as promised."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from mastra_desktop import __version__
from mastra_desktop.domain.chat import Message, MessageState
from mastra_desktop.domain.errors import ConfigError, ErrorInfo, StorageError, describe
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
from mastra_desktop.key_commands import KeyCommands
from mastra_desktop.knowledge_commands import KnowledgeCommands
from mastra_desktop.operation_commands import OperationCommands
from mastra_desktop.ops.logging import operation
from mastra_desktop.ops.redaction import redact
from mastra_desktop.ops.shutdown import LastResort
from mastra_desktop.paths import Paths, find_paths
from mastra_desktop.serve_command import LoopFactory, ServeCommand
from mastra_desktop.services.as_json import (
    check_json,
    conversation_json,
    error_json,
    event_json,
    message_json,
)
from mastra_desktop.services.fencing import SAID
from mastra_desktop.token_commands import TokenCommands

if TYPE_CHECKING:
    from mastra_desktop.core import Access, Core

DONE, FAILED, CONFIG_REFUSED, INTERRUPTED = 0, 1, 3, 130


def run_command(argv: list[str], environ: Mapping[str, str] | None = None) -> int:
    """Runs one command and returns its exit code (argparse exits with 2 itself)."""
    _make_output_safe()
    args = _parse(argv)
    environ = os.environ if environ is None else environ
    try:
        code: int = args.run(args, find_paths(environ), environ)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left
        _discard_output()
        return FAILED
    except Exception as error:  # noqa: BLE001 - a bug is in the log, with its traceback: see open_core
        try:
            _print_error(describe(error), as_json=args.json)
            sys.stdout.flush()  # what could not be written a moment ago must not fail once more at the end
        except OSError:
            _discard_output()
        return CONFIG_REFUSED if isinstance(error, ConfigError) else FAILED
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(redact(message))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = _parser()
    args, extras = parser.parse_known_args(argv)
    if extras and getattr(args, "keeps_arguments_secret", False):
        parser.error("too many arguments; a key is read from standard input, never from the command line")
    if extras:
        parser.error(f"unrecognized arguments: {' '.join(extras)}")
    return args


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mastra-desktop",
        description="A private workbench for AI agents. Without a command it opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"Mastra Desktop {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    ask = commands.add_parser("ask", help="ask one question; the answer streams to standard output")
    ask.add_argument("prompt", metavar="PROMPT", help="the question, or - to read it from standard input")
    ask.add_argument(
        "--model", default="", metavar="M", help="provider/model (default: the built-in local/default)"
    )
    ask.add_argument(
        "--knowledge",
        metavar="COLLECTION",
        action="append",
        help="answer from this collection; may be repeated, and the conversation remembers it",
    )
    ask.add_argument("--conversation", metavar="ID", help="go on with this conversation")
    ask.add_argument("--temperature", type=_temperature, metavar="T", help="0 to 2")
    cached = ask.add_mutually_exclusive_group()
    cached.add_argument(
        "--no-cache", dest="cached", action="store_false", default=None, help="ask anew in any case"
    )
    cached.add_argument(
        "--cache",
        dest="cached",
        action="store_true",
        help="take a kept answer also where the temperature is not 0",
    )
    ask.add_argument("--json", action="store_true", help="one event per line")
    ask.set_defaults(run=_ask)

    conversations = commands.add_parser("conversations", help="list, show or export conversations")
    verbs = conversations.add_subparsers(metavar="list|show|export", required=True)
    for verb, run, text in (
        ("list", _list_conversations, "the newest first"),
        ("show", _show_conversation, "its messages"),
        ("export", _export_conversation, "as Markdown, or JSON with --json"),
    ):
        sub = verbs.add_parser(verb, help=text)
        if verb != "list":
            sub.add_argument("id", metavar="ID")
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run)

    knowledge = commands.add_parser("knowledge", help="add documents, search in them, list or remove them")
    KnowledgeCommands(_with_core, _print_json).add_to(knowledge)

    keys = commands.add_parser("keys", help="set, rotate, remove or list providers' keys")
    KeyCommands(_with_core, _print_json, lambda error, as_json: _print_error(error, as_json=as_json)).add_to(
        keys
    )

    OperationCommands(_with_core, _print_json).add_to(commands)
    serve = commands.add_parser("serve", help="the core and its HTTP API without a window")
    ServeCommand(_with_core).add_to(serve)

    tokens = commands.add_parser("tokens", help="make, list or revoke tokens for the HTTP API")
    TokenCommands(_with_core, _print_json).add_to(tokens)

    config = commands.add_parser("config", help="check or show the configuration")
    verbs = config.add_subparsers(metavar="check|show", required=True)
    for verb, run, text in (
        ("check", _check_config, "whether it is valid"),
        ("show", _show_config, "each key, and where it is from"),
    ):
        sub = verbs.add_parser(verb, help=text)
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run)

    doctor = commands.add_parser("doctor", help="the health report; exit code 0 healthy, 1 not")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)
    return parser


def _temperature(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 2:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not possible; allowed is 0 to 2")


# -- ask ---------------------------------------------------------------------------------------------


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

    return _with_core(paths, environ, run, purpose="ask", access="own")


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
        _print_json(line)


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
                _print_error(error, as_json=False)
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


# -- conversations -----------------------------------------------------------------------------------


def _list_conversations(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    async def run(core: Core) -> int:
        found = await core.conversations.recent(limit=100_000)
        if args.json:
            _print_json({"conversations": [conversation_json(c) for c in found]})
            return DONE
        for c in found:
            print(f"{c.id}  {_local_time(c.updated_at)}  {c.message_count:>4}  {c.title}")
        return DONE

    return _with_core(paths, environ, run)


def _show_conversation(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    async def run(core: Core) -> int:
        branch = await core.conversations.whole(args.id)
        if args.json:
            shown = conversation_json(branch.conversation)
            book = await core.prices.book()
            _print_json(shown | {"messages": [message_json(m, book.cost_of(m)) for m in branch.messages]})
            return DONE
        for m in branch.messages:
            state = "" if m.state is MessageState.DONE else f"  [{m.state}]"
            print(f"{m.role}{'  ' + m.model_id if m.model_id else ''}  {_local_time(m.created_at)}{state}")
            print(m.text + "\n")
        return DONE

    return _with_core(paths, environ, run)


def _export_conversation(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    if args.json:
        return _show_conversation(args, paths, environ)

    async def run(core: Core) -> int:
        sys.stdout.write(await core.conversations.export_markdown(args.id))
        return DONE

    return _with_core(paths, environ, run)


# -- config, doctor ----------------------------------------------------------------------------------


def _check_config(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.ops.config import load

    load(paths, environ)
    exists = paths.config.exists()
    if args.json:
        _print_json({"ok": True, "file": str(paths.config), "exists": exists})
    else:
        print(f"The configuration is valid ({paths.config if exists else 'no file, defaults'}).")
    return DONE


def _show_config(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.ops.config import load

    loaded = load(paths, environ)
    values: dict[str, Any] = _redacted(loaded.config.model_dump(mode="json"))
    if args.json:
        _print_json({"file": str(paths.config), "config": values, "sources": dict(loaded.sources)})
        return DONE
    for section, keys in values.items():
        for key, value in keys.items() if isinstance(keys, dict) else [("", keys)]:
            name = f"{section}.{key}" if key else section
            source = loaded.sources.get(name, "default")
            print(f"{name} = {json.dumps(value, ensure_ascii=False)}  ({source})")
    return DONE


def _redacted(value: Any) -> Any:
    """Addresses of databases may hold a password."""
    if isinstance(value, dict):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value


def _doctor(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.services.health import Check, Report, Status

    def show(report: Report) -> int:
        if args.json:
            _print_json({"status": report.status, "checks": [check_json(c) for c in report.checks]})
        else:
            for c in report.checks:
                print(f"{c.status:<10} {c.name:<14} {f'{c.detail} {c.remedy}'.strip()}")
        return DONE if report.status is Status.HEALTHY else FAILED

    async def run(core: Core) -> int:
        return show(await core.health.full())

    try:
        return _with_core(paths, environ, run)
    except StorageError as error:  # the finding that keeps the others from being made
        found = f"{error.message} {error.hint}".strip()
        return show(Report((Check("database", Status.UNHEALTHY, 0.0, found),)))


# -- the core under a command ------------------------------------------------------------------------


def _with_core(
    paths: Paths,
    environ: Mapping[str, str],
    run: Callable[[Core], Awaitable[int]],
    *,
    purpose: str = "read",
    access: Access = "read",
    loop_factory: LoopFactory | None = None,
) -> int:
    """Runs `run` over an open core; a command that only reads works beside the window that owns the home.

    Ctrl-C and SIGTERM cancel it, so that it can keep what it has; one more makes closing hurry up.
    """
    gc.disable()  # importing makes a lot and leaves no garbage: a tenth of the start-up
    from mastra_desktop.core import open_core

    gc.enable()
    gc.freeze()

    last_resort = LastResort()
    opened: list[Core] = []

    async def work(core: Core) -> int:
        return await run(core)

    async def main() -> int:
        task = asyncio.current_task()

        def end() -> None:
            last_resort.arm(INTERRUPTED)
            if task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows: asyncio.run cancels for Ctrl-C by itself
                asyncio.get_running_loop().add_signal_handler(number, end)
        try:
            with operation(purpose):
                async with open_core(paths, environ, purpose=purpose, access=access) as core:
                    opened.append(core)
                    code = FAILED
                    try:
                        code = await asyncio.shield(core.shutdown.start(work(core)))
                        return code
                    finally:
                        last_resort.arm(code)
        except asyncio.CancelledError:
            return INTERRUPTED

    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(main())
    finally:
        if not any(core.shutdown.hangs for core in opened):
            last_resort.disarm()


# -- standard input and output -----------------------------------------------------------------------


def _make_output_safe() -> None:
    """A stream that was closed, or cannot write every character, must not end a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _discard_output() -> None:
    """What is still in the buffer would fail once more when Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _standard_input() -> str:
    """All of it. Bytes that are not UTF-8 become U+FFFD."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace") if sys.stdin else ""


def _without_surrogates(argument: str) -> str:
    """An argument's bytes that are not UTF-8 become U+FFFD, as on standard input."""
    return os.fsencode(argument).decode("utf-8", "replace")


def _print_error(error: ErrorInfo, *, as_json: bool) -> None:
    if as_json:
        _print_json({"error": error_json(error)})
    else:
        print(" ".join(part for part in (error.message, error.hint) if part), file=sys.stderr, flush=True)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
