"""`mastra-desktop keys set|rotate|remove|list`. A key comes from standard input and is never printed."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mastra_desktop.command_line import over_core, print_error, print_json, with_core
from mastra_desktop.domain.errors import BadRequest, ErrorInfo, StorageError
from mastra_desktop.paths import Paths
from mastra_desktop.services.keys import MOST_CHARACTERS, check_provider_id, clean_key

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.services.keys import KeyState


def add_to(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="set|rotate|remove|list", required=True)
    for verb, run, text in (
        ("set", _set, "keep the key that comes on standard input"),
        ("rotate", _rotate, "the same, if the provider accepts the new key"),
        ("remove", over_core(_remove), "forget the key"),
        ("list", over_core(_list), "where each key is kept, and how it ends"),
    ):
        sub = verbs.add_parser(verb, help=text)
        if verb != "list":
            sub.add_argument("provider", metavar="PROVIDER")
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run, keeps_arguments_secret=True)


def _set(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    check_provider_id(args.provider)
    key = _read_key(args.provider)

    async def run(core: Core) -> int:
        state = await _kept(core, await core.keys.set(args.provider, key))
        _tell(state, as_json=args.json)
        return 0

    return with_core(paths, environ, run)


def _rotate(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    check_provider_id(args.provider)
    key = _read_key(args.provider)

    async def run(core: Core) -> int:
        test = await core.keys.rotate(args.provider, key)
        if test.error:
            hint = f"The old key was kept. {test.hint}".strip()
            print_error(ErrorInfo(test.error_code, test.error, hint), as_json=args.json)
            return 1
        _tell(await _kept(core, await core.keys.state(args.provider)), as_json=args.json)
        return 0

    return with_core(paths, environ, run)


async def _remove(core: Core, args: argparse.Namespace) -> int:
    await _ask_for_locked_file(core)
    left = await core.keys.remove(args.provider)
    if args.json:
        print_json({"removed": args.provider})
    elif left.source:
        print(f"The key was removed. {args.provider} still has one in {left.kept_in}.")
    else:
        print("The key was removed.")
    return 0


async def _list(core: Core, args: argparse.Namespace) -> int:
    await _ask_for_locked_file(core)
    states = await core.keys.kept()
    if (await core.keys.store()).has_locked_file:
        print("The file of keys is locked: set MASTRA_PASSPHRASE to open it.", file=sys.stderr)
    if args.json:
        print_json({"keys": [_as_json(state) for state in states]})
    else:
        for state in states:
            print(_as_text(state))
    return 0


async def _kept(core: Core, state: KeyState) -> KeyState:
    """The key's state once it outlives this command. Raises StorageError where nothing can keep it."""
    if state.source != "memory":
        return state
    if _is_typed():
        await core.keys.unlock(_ask_passphrase((await core.keys.store()).has_locked_file))
        return await core.keys.state(state.provider_id)
    raise StorageError(
        "The key could not be kept: there is no keyring here, or it is locked.",
        hint="Set MASTRA_PASSPHRASE to keep keys in a file encrypted under that passphrase, "
        "or set the provider's variable in the environment.",
    )


def _tell(state: KeyState, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(state))
    else:
        print(_as_text(state))


def _as_json(state: KeyState) -> dict[str, Any]:
    values = dataclasses.asdict(state)
    return {"provider": values.pop("provider_id")} | values


def _as_text(state: KeyState) -> str:
    ending = f"…{state.ends_with}" if state.ends_with else ""
    return f"{state.provider_id:<20} {ending:<6} kept in: {state.kept_in}"


def _is_typed() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _read_key(provider_id: str) -> str:
    """From standard input; typed ones are not shown. Raises BadRequest for what can be no key."""
    if _is_typed():
        return clean_key(getpass.getpass(f"Key for {provider_id} (it is not shown): "))
    raw = sys.stdin.buffer.read(MOST_CHARACTERS * 4 + 1) if sys.stdin else b""
    try:
        return clean_key(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadRequest("This holds characters that no key has.", hint="Copy the key again.") from None


async def _ask_for_locked_file(core: Core) -> None:
    """On a terminal, where a file of keys is all there is and waits for its passphrase."""
    store = await core.keys.store()
    if store.has_locked_file and not store.is_persistent and _is_typed():
        await core.keys.unlock(_ask_passphrase(exists=True))


def _ask_passphrase(exists: bool) -> str:
    """Raises BadRequest when a new one is not repeated alike."""
    if exists:
        return getpass.getpass("Passphrase of the file of keys: ")
    print("There is no keyring here: keys go into a file encrypted under a passphrase.", file=sys.stderr)
    chosen = getpass.getpass("New passphrase: ")
    if chosen and getpass.getpass("The same again: ") != chosen:
        raise BadRequest("The two passphrases differ.", hint="Nothing was kept. Try again.")
    return chosen
