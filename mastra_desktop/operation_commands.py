"""`mastra-desktop backup|restore|database|audit`: what keeps the data safe, and tells who did what."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastra_desktop.command_line import over_core, print_json, with_core
from mastra_desktop.domain.errors import StorageError
from mastra_desktop.paths import Paths

if TYPE_CHECKING:
    from mastra_desktop.core import Core


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    backup = commands.add_parser("backup", help="copy the database into a file, also while the app runs")
    backup.add_argument("file", metavar="FILE", type=Path)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="go back to a backup; what is there now is backed up first")
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.set_defaults(run=_restore)
    database = commands.add_parser("database", help="check the whole database, or rescue a damaged one")
    verbs = database.add_subparsers(metavar="check|rescue", required=True)
    check = verbs.add_parser("check", help="look through all of it; exit code 0 sound, 1 damaged")
    check.set_defaults(run=_check)
    rescue = verbs.add_parser("rescue", help="copy what can be read of a damaged one into a new one")
    rescue.set_defaults(run=_rescue)
    audit = commands.add_parser("audit", help="the record of who did what")
    verbs = audit.add_subparsers(metavar="verify|export", required=True)
    verify = verbs.add_parser("verify", help="check its chain; exit code 0 whole, 1 not")
    verify.add_argument(
        "--accept",
        action="store_true",
        help="you know why rows are missing: told from now on, exit code 0",
    )
    verify.set_defaults(run=over_core(_verify, purpose="read"))
    export = verbs.add_parser("export", help="every row, oldest first; JSON lines with --json")
    export.set_defaults(run=over_core(_export, purpose="read"))
    for sub in (backup, restore, check, rescue, verify, export):
        sub.add_argument("--json", action="store_true")


def _backup(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    target = args.file.absolute()

    async def run(core: Core) -> int:
        made = await core.backups.copy_to(target)
        size = made.stat().st_size
        if args.json:
            print_json({"file": str(made), "size_bytes": size})
        else:
            print(f"Backed up to {made} ({size / 1e6:.1f} MB). Keys are not in it.")
        return 0

    return with_core(paths, environ, run, purpose="backup")


def _restore(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.services.backups import restore_backup

    source = args.file.absolute()
    done = restore_backup(paths, source, environ)

    async def run(core: Core) -> int:
        core.audit.record("user", "backup.restored", source.name)
        if args.json:
            print_json({"restored": str(source), "before": str(done.before or "") or None})
            return 0
        print(f"Restored {source}.")
        if done.before is not None:
            print(f"What was there before is in {done.before}.")
        return 0

    return with_core(paths, environ, run, purpose="restore", access="own")


def _check(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    """Without a core, which does not open every damaged database."""
    from mastra_desktop.services.backups import check_database

    _must_be_a_file(paths, environ)
    found = check_database(paths)
    if args.json:
        print_json({"ok": not found.problem, "problem": found.problem or None})
    elif found.problem:
        print(f"The database is damaged: {found.problem}")
        print("Close the app, then restore a backup, or run: mastra-desktop database rescue")
    else:
        print(f"The database is sound ({found.took_s:.1f} s).")
    return 1 if found.problem else 0


def _rescue(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from mastra_desktop.services.backups import rescue_database

    _must_be_a_file(paths, environ)
    done = rescue_database(paths, environ)

    async def run(core: Core) -> int:
        detail = ", ".join(f"{table} {rows}" for table, rows in done.rows.items() if rows)
        core.audit.record("user", "database.rescued", detail=detail)
        if args.json:
            damaged = list(done.damaged_tables)
            print_json({"rows": done.rows, "damaged": damaged, "kept": str(done.kept)})
            return 0
        print(f"Rescued {sum(done.rows.values()):,} rows: {detail}.")
        if done.damaged_tables:
            print(f"Not all could be read of: {', '.join(done.damaged_tables)}.")
        print(f"The damaged file is kept: {done.kept}.")
        return 0

    return with_core(paths, environ, run, purpose="restore", access="own")


async def _verify(core: Core, args: argparse.Namespace) -> int:
    checked = await (core.audit.accept_gaps() if args.accept else core.audit.verify())
    found = checked.verdict
    accepted = [(gap, gap.accepted) for gap in found.gaps if gap.accepted is not None]
    if args.json:
        facts = {"rows": found.rows, "bad_row": found.bad_row, "problem": found.problem or None}
        gaps = [
            {"row": gap.row, "problem": gap.problem, "accepted": core.audit.as_json(by)}
            for gap, by in accepted
        ]
        more = {"unverifiable_rows": found.unknown, "accepted_gaps": gaps}
        print_json({"ok": found.ok, **facts, **more})
        return 0 if found.ok else 1
    missing = "but for what was accepted" if accepted else "or missing"
    print(found.problem if found.problem else f"{found.rows:,} rows, none changed {missing}.")
    for gap, by in accepted:
        when = datetime.fromtimestamp(by.at, UTC).isoformat(timespec="seconds")
        print(f"{gap.problem} (accepted {by.detail}, {when}, row {by.seq})")
    if found.acceptable:
        print("If you know why, for example a restore over a damaged database: audit verify --accept")
    if found.unknown:
        print(f"{found.unknown:,} rows were signed with a key that is not here: not checked.")
    if not checked.lasting:
        print("There is no keyring: the key of the record is this run's only.")
    return 0 if found.ok else 1


async def _export(core: Core, args: argparse.Namespace) -> int:
    async for entry in core.audit.all():
        if args.json:
            print_json(core.audit.as_json(entry))
        else:
            when = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
            facts = (entry.outcome, entry.actor, entry.action, entry.target, entry.detail)
            print(entry.seq, when, *(fact.replace("\t", " ") or "-" for fact in facts), sep="\t")
    return 0


def _must_be_a_file(paths: Paths, environ: Mapping[str, str]) -> None:
    """Raises StorageError when the database is a server's."""
    from mastra_desktop.ops.config import load

    url = load(paths, environ).config.database.url
    if url:
        raise StorageError(
            "The database is named in database.url, not the data folder's own.",
            hint="Use the server's tools; for another SQLite file, copy it while the app is closed.",
        )
