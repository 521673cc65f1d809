"""After the end: whether everything that was acknowledged is there, and the figures are those of SQL."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, create_engine, text

from tests.bench.measuring import ROOT
from tests.soak.ledger import Ledger
from tests.soak.places import Refused, Served, environment

MEMORY_LIMIT = 512 * 1024**2
ROOM = {  # above the baseline: pools of threads and connections fill up as they are used
    "tasks": 2,
    "timers": 3,
    "threads": 6,
    "descriptors": 8,
    "widgets": 40,
    "qt_timers": 3,
    "children": 0,
}
_FIGURE = re.compile(r"^mastra_requests_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def check_rows(url: str, scene: str, ledger: Ledger) -> dict[str, int]:
    """Every turn, deletion and document that was acknowledged is there. What is not goes into the ledger."""
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            texts, gone = _turns(conn)
            documents = _ends(conn, "documents")
    finally:
        engine.dispose()
    lost = 0

    def miss(what: str) -> None:
        nonlocal lost
        lost += 1
        if lost <= 5:
            ledger.broken.append(f"{scene}: {what}")

    for turn in ledger.kept[scene]:
        found = texts.get(turn.conversation_id, set())
        if turn.prompt not in found:
            miss(f"lost: {turn.prompt!r} of {turn.conversation_id}")
        elif turn.answer is not None and turn.answer not in found:
            miss(f"lost: the answer to {turn.prompt!r} of {turn.conversation_id}")
    failed = {o.detail for o in ledger.operations if o.kind == "delete, restore" and o.code}
    for id, deleted in ledger.deleted[scene].items():
        if not failed and (gone.get(id) is not None) != deleted:
            miss(f"conversation {id} is {'there' if deleted else 'gone'}")
    for id, removed in ledger.documents[scene].items():
        if id not in documents or (documents[id] is not None) != removed:
            miss(f"document {id} is {'there' if removed else 'gone'}")
    return {
        "turns": len(ledger.kept[scene]),
        "deletions": len(ledger.deleted[scene]),
        "documents": len(ledger.documents[scene]),
        "lost": lost,
    }


def _turns(conn: Connection) -> tuple[dict[str, set[str]], dict[str, float | None]]:
    found: dict[str, set[str]] = {}
    for id, said in conn.execute(text("SELECT conversation_id, text FROM messages")):
        found.setdefault(id, set()).add(said)
    return found, _ends(conn, "conversations")


def _ends(conn: Connection, table: str) -> dict[str, float | None]:
    """When each was removed."""
    return {row.id: row.deleted_at for row in conn.execute(text(f"SELECT id, deleted_at FROM {table}"))}


async def check_figures(
    url: str, scene: str, places: Sequence[Served], ledger: Ledger, *, also: Counter[str] | None = None
) -> dict[str, int]:
    """mastra_requests_total of all processes against the rows of `requests`."""
    counted: Counter[str] = Counter(also or ())
    for place in places:
        await place.door("figures")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(
                f"{place.url}/metrics", headers={"Authorization": f"Bearer {place.token}"}
            )
        for labels, value in _FIGURE.findall(answer.text):
            found = dict(_LABEL.findall(labels))
            counted[f"{found['provider']}/{found['model']} {found['outcome']}"] += int(float(value))
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            rows = conn.execute(
                text(
                    "SELECT provider, model, outcome, count(*) FROM requests GROUP BY provider, model, outcome"
                )
            )
            stored = Counter({f"{p}/{m} {outcome}": n for p, m, outcome, n in rows})
    finally:
        engine.dispose()
    for name in sorted(counted.keys() | stored.keys()):
        if counted[name] != stored[name]:
            ledger.broken.append(f"{scene}: {name}: {counted[name]} in /metrics, {stored[name]} in SQL")
    return {"counted": counted.total(), "stored": stored.total()}


async def check_audit(scene: str, places: Sequence[Served], ledger: Ledger) -> int:
    """The rows of the audit log; a chain that does not hold goes into the ledger."""
    rows = 0
    for place in places:
        try:
            found: dict[str, Any] = await place.door("verify")
        except (Refused, OSError) as error:
            ledger.broken.append(f"{scene}: audit verify: {error}")
            continue
        rows = max(rows, found["rows"])
        if not found["ok"]:
            ledger.broken.append(f"{scene}: audit verify: {found['problem']}")
    return rows


def check_file(home: Path, scene: str, ledger: Ledger) -> None:
    """`mastra-desktop database check`."""
    done = subprocess.run(
        [sys.executable, "-m", "mastra_desktop", "database", "check"],
        cwd=ROOT, env=environment(home), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        ledger.broken.append(f"{scene}: database check: {(done.stdout + done.stderr).strip()[-300:]}")


def check_holding(
    scene: str, before: dict[str, int], after: dict[str, int], ledger: Ledger
) -> dict[str, Any]:
    """Tasks, timers, threads and so on are back where they were."""
    for name, room in ROOM.items():
        if after[name] > before[name] + room:
            ledger.broken.append(f"{scene}: {after[name]} {name}, {before[name]} at the beginning")
    return {name: (before[name], after[name]) for name in ROOM}


def code_of(error: str | None) -> str:
    """The code of an error as the database keeps it."""
    try:
        return str(json.loads(error or "")["code"])
    except (ValueError, KeyError, TypeError):
        return "wrong"
