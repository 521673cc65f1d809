"""`mastra-desktop tokens create|list|revoke`. A new token goes to standard output once, alone."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mastra_desktop.command_line import over_core, print_json
from mastra_desktop.domain.tokens import ApiToken, TokenRole
from mastra_desktop.services.as_json import token_json

if TYPE_CHECKING:
    from mastra_desktop.core import Core


def add_to(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="create|list|revoke", required=True)
    create = verbs.add_parser("create", help="make a token; it is shown once")
    create.add_argument("--role", required=True, choices=[role.value for role in TokenRole])
    create.add_argument("--name", default="", metavar="N", help="what it is for")
    create.add_argument("--days", type=_days, metavar="N", help="until it expires (default: never)")
    listing = verbs.add_parser("list", help="the tokens, without the tokens themselves")
    revoke = verbs.add_parser("revoke", help="let nobody in with it any more")
    revoke.add_argument("id", metavar="ID")
    for sub, run in ((create, over_core(_create)), (listing, over_core(_list)), (revoke, over_core(_revoke))):
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run)


async def _create(core: Core, args: argparse.Namespace) -> int:
    made = await core.tokens.create(TokenRole(args.role), args.name, args.days)
    if args.json:
        print_json({"token": made.secret} | token_json(made.token))
        return 0
    print(made.secret)
    print(f"Keep it: it is not shown again. Its id is {made.token.id}.", file=sys.stderr)
    return 0


async def _list(core: Core, args: argparse.Namespace) -> int:
    found = await core.tokens.all()
    if args.json:
        print_json({"tokens": [token_json(token) for token in found]})
        return 0
    for token in found:
        print(_as_text(token))
    return 0


async def _revoke(core: Core, args: argparse.Namespace) -> int:
    gone = await core.tokens.revoke(args.id)
    if args.json:
        print_json({"revoked": gone.id})
    else:
        print(f"The token {gone.id} was revoked.")
    return 0


def _as_text(token: ApiToken) -> str:
    used = _day(token.last_used_at) if token.last_used_at else "never used"
    ends = f"until {_day(token.expires_at)}" if token.expires_at else "does not expire"
    return f"{token.id}  {token.role:<8}  {used:<16}  {ends:<22}  {token.name}".rstrip()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if 0 < days <= 36_500:
        return days
    raise argparse.ArgumentTypeError(f"{text} is not possible; allowed is more than 0, up to 36500")
