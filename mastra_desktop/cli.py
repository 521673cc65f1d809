"""The commands. Text for people, `--json` for scripts; exit codes 0, 1, 2, 3 and 130 as promised."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from mastra_desktop import (
    __version__,
    ask_command,
    key_commands,
    knowledge_commands,
    operation_commands,
    serve_command,
    token_commands,
)
from mastra_desktop.command_line import (
    CONFIG_REFUSED,
    DONE,
    FAILED,
    INTERRUPTED,
    over_core,
    print_error,
    print_json,
    with_core,
)
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import ConfigError, StorageError, describe
from mastra_desktop.ops.redaction import redact
from mastra_desktop.paths import Paths, find_paths
from mastra_desktop.services.as_json import check_json, conversation_json, message_json

if TYPE_CHECKING:
    from mastra_desktop.core import Core


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
            print_error(describe(error), as_json=args.json)
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
        description="A private workbench for AI agents. Without a command it opens the window; with FILE... "
        "it offers to add these to a collection.",
    )
    parser.add_argument("--version", action="version", version=f"Mastra Desktop {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    ask = commands.add_parser("ask", help="ask one question; the answer streams to standard output")
    ask_command.add_to(ask)

    conversations = commands.add_parser("conversations", help="list, show or export conversations")
    verbs = conversations.add_subparsers(metavar="list|show|export", required=True)
    for verb, run, text in (
        ("list", over_core(_list_conversations), "the newest first"),
        ("show", over_core(_show_conversation), "its messages"),
        ("export", over_core(_export_conversation), "as Markdown, or JSON with --json"),
    ):
        sub = verbs.add_parser(verb, help=text)
        if verb != "list":
            sub.add_argument("id", metavar="ID")
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run)

    knowledge = commands.add_parser("knowledge", help="add documents, search in them, list or remove them")
    knowledge_commands.add_to(knowledge)

    keys = commands.add_parser("keys", help="set, rotate, remove or list providers' keys")
    key_commands.add_to(keys)

    operation_commands.add_to(commands)
    serve = commands.add_parser("serve", help="the core and its HTTP API without a window")
    serve_command.add_to(serve)

    tokens = commands.add_parser("tokens", help="make, list or revoke tokens for the HTTP API")
    token_commands.add_to(tokens)

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


# -- conversations -----------------------------------------------------------------------------------


async def _list_conversations(core: Core, args: argparse.Namespace) -> int:
    found = await core.conversations.recent(limit=100_000)
    if args.json:
        print_json({"conversations": [conversation_json(c) for c in found]})
        return DONE
    for c in found:
        print(f"{c.id}  {_local_time(c.updated_at)}  {c.message_count:>4}  {c.title}")
    return DONE


async def _show_conversation(core: Core, args: argparse.Namespace) -> int:
    branch = await core.conversations.whole(args.id)
    if args.json:
        shown = conversation_json(branch.conversation)
        book = await core.prices.book()
        print_json(shown | {"messages": [message_json(m, book.cost_of(m)) for m in branch.messages]})
        return DONE
    for m in branch.messages:
        state = "" if m.state is MessageState.DONE else f"  [{m.state}]"
        print(f"{m.role}{'  ' + m.model_id if m.model_id else ''}  {_local_time(m.created_at)}{state}")
        print(m.text + "\n")
    return DONE


async def _export_conversation(core: Core, args: argparse.Namespace) -> int:
    if args.json:
        return await _show_conversation(core, args)
    sys.stdout.write(await core.conversations.export_markdown(args.id))
    return DONE


# -- config, doctor ----------------------------------------------------------------------------------


def _check_config(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.ops.config import load

    load(paths, environ)
    exists = paths.config.exists()
    if args.json:
        print_json({"ok": True, "file": str(paths.config), "exists": exists})
    else:
        print(f"The configuration is valid ({paths.config if exists else 'no file, defaults'}).")
    return DONE


def _show_config(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.ops.config import load

    loaded = load(paths, environ)
    values: dict[str, Any] = _redacted(loaded.config.model_dump(mode="json"))
    if args.json:
        print_json({"file": str(paths.config), "config": values, "sources": dict(loaded.sources)})
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
            print_json({"status": report.status, "checks": [check_json(c) for c in report.checks]})
        else:
            for c in report.checks:
                print(f"{c.status:<10} {c.name:<14} {f'{c.detail} {c.remedy}'.strip()}")
        return DONE if report.status is Status.HEALTHY else FAILED

    async def run(core: Core) -> int:
        return show(await core.health.full())

    try:
        return with_core(paths, environ, run)
    except StorageError as error:  # the finding that keeps the others from being made
        found = f"{error.message} {error.hint}".strip()
        return show(Report((Check("database", Status.UNHEALTHY, 0.0, found),)))


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


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
