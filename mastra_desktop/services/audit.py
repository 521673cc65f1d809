"""Who did what: recorded in order, chained, checked, exported."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from mastra_desktop.domain.audit import EVERYTHING, AuditEntry, AuditFilter
from mastra_desktop.domain.errors import BadRequest, MastraError
from mastra_desktop.ops.audit import GAP, GAP_ACCEPTED, KEY_BYTES, Verdict, sign, verify
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import audit

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from mastra_desktop.ops.redaction import KnownSecrets
    from mastra_desktop.store.database import Database
    from mastra_desktop.store.secrets import Secrets

# No provider can have a name with a dot, so these never meet a provider's key.
KEY_NAME = "audit.key"  # <chain>:<key in hex>
HEAD_NAME = "audit.head"  # <number of the newest row>:<its mac>
HEAD_EVERY_S = 5.0
MOST_CHARACTERS = 500
MOST_HELD = 10_000  # rows that wait for a database that is away

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Act:
    at: float
    actor: str
    action: str
    target: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`lasting`: whether the key outlives this run, so that a later one can check these rows too."""

    verdict: Verdict
    lasting: bool


class AuditService:
    """`record` returns at once; what was recorded is written in order, by one task, inside `running`.

    While the database is away, or its disk full, rows are held and written when that is over.

    `beside`: the database of the process that owns the data home, when this one does not.
    """

    def __init__(
        self,
        db: Database,
        secrets: Secrets,
        known: KnownSecrets,
        *,
        beside: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db, self._secrets, self._known, self._beside = db, secrets, known, beside
        self._clock = clock
        self._waiting: asyncio.Queue[_Act | None] = asyncio.Queue()
        self._held: deque[_Act] = deque()  # taken from there, and not written yet
        self._begun = self._failing = False
        self._chain, self._key, self._lasting = "", b"", False
        self._written = self._told = (0, "")  # the newest row, and the one that the keyring knows
        self._head_at = 0.0

    def record(
        self, actor: str, action: str, target: str = "", outcome: str = "done", detail: str = ""
    ) -> None:
        """Keeps that `actor` ("user", "app", "token <name>") did `action` ("key.set") to `target`.

        `outcome`: done, failed or refused. Secrets are taken out of the text. Never raises.
        """
        clean = [self._known.clean(text)[:MOST_CHARACTERS] for text in (actor, target, detail)]
        self._waiting.put_nowait(_Act(self._clock(), clean[0], action, clean[1], outcome, clean[2]))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Writes what is recorded. On the way out, what waits is written first."""
        async with in_background(self._work, "audit", end=self._finish):
            yield

    async def _finish(self, task: asyncio.Task[None]) -> None:
        self._waiting.put_nowait(None)
        await asyncio.wait([task])

    async def written(self) -> None:
        """Returns once what was recorded before is in the database, or could not be put there."""
        await self._waiting.join()

    async def entries(
        self, filter: AuditFilter = EVERYTHING, *, limit: int = 500, before_seq: int | None = None
    ) -> list[AuditEntry]:
        """The newest first. What was recorded before is among them."""
        await self._waiting.join()
        return await self._db.read(audit.entries, filter, limit=limit, before_seq=before_seq)

    async def verify(self) -> Checked:
        """Checks every row. Rows whose key is not here are counted, and checked by their numbers."""
        await self._waiting.join()
        await self._save_head(now=True)
        await self._find_key()
        head = await self._kept_head()
        return Checked(await self._db.read(self._look, head), self._lasting)

    async def accept_gaps(self) -> Checked:
        """A person knows that rows are missing where gaps tell so; the log keeps who accepted them, and when.

        Raises BadRequest where a row is wrong, or there is no lasting key: neither can be accepted.
        """
        await self._waiting.join()
        await self._find_gap()  # rows that are missing at the end get their row first
        checked = await self.verify()
        found = checked.verdict
        if found.ok:
            return checked
        if not checked.lasting:
            raise BadRequest(
                "Without a keyring the audit log cannot keep that a gap was accepted.",
                hint="Unlock the keyring, or the file of keys, and try again.",
            )
        if not found.acceptable:
            raise BadRequest(f"{found.problem} This is no gap that can be accepted.")
        rows = ", ".join(str(gap.row) for gap in found.gaps if gap.accepted is None)
        self.record("user", GAP_ACCEPTED, rows, detail=f"by {_login()}")
        return await self.verify()

    async def all(self) -> AsyncGenerator[AuditEntry]:
        """Every row, oldest first."""
        await self._waiting.join()
        after = 0
        while page := await self._db.read(audit.all_entries, after):
            for entry in page:
                yield entry
            after = page[-1].seq

    @staticmethod
    def as_json(entry: AuditEntry) -> dict[str, Any]:
        """Its fields, with the time also in words."""
        at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"time": at, **asdict(entry)}

    async def export(self, target: Path) -> int:
        """Writes every row into a file as lines of JSON; how many. Raises OSError."""
        lines = [json.dumps(self.as_json(entry), ensure_ascii=False) async for entry in self.all()]
        text = "".join(line + "\n" for line in lines)
        await asyncio.to_thread(target.write_text, text, encoding="utf-8")
        return len(lines)

    # -- writing ------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while (act := await self._next()) is not None:
            self._held.append(act)
            await self._write_held()
            self._waiting.task_done()
        await self._write_held()
        if self._held:
            log.warning("not recorded in the audit log", rows=len(self._held), first=self._held[0].action)
        with suppress(MastraError):
            await self._save_head(now=True)
        self._waiting.task_done()

    async def _next(self) -> _Act | None:
        """The next one. In a pause the keyring hears of the newest row, and rows that are held are tried."""
        while True:
            try:
                pause = self._held or self._told != self._written
                async with asyncio.timeout(HEAD_EVERY_S if pause else None):
                    return await self._waiting.get()
            except TimeoutError:
                await self._write_held()
                with suppress(MastraError):
                    await self._save_head(now=True)

    async def _write_held(self) -> None:
        """In order. What a database that is away, or a full disk, does not take is held for later."""
        try:
            if self._held and not self._begun:
                self._begun = True
                await self._find_gap()
            while self._held:
                await self._find_key()
                await self._write(self._held[0])
                self._held.popleft()
                self._failing = False
            await self._save_head()
        except (MastraError, SQLAlchemyError) as error:  # what was asked for happens all the same
            if self._held and not self._failing:
                log.warning("the audit log cannot be written now", message=str(error))
            self._failing = bool(self._held)
            if len(self._held) > MOST_HELD:
                log.warning("not recorded in the audit log", action=self._held.popleft().action)
        except Exception:  # a bug, or a key that is none: who waits for the log is not kept waiting
            lost = self._held.popleft().action if self._held else ""
            log.exception("not recorded in the audit log", action=lost)

    async def _write(self, act: _Act) -> None:
        chain, key = self._chain, self._key

        def make(seq: int, before: str) -> AuditEntry:
            entry = AuditEntry(
                seq, act.at, act.actor, act.action, act.target, act.outcome, act.detail, chain, ""
            )
            return sign(entry, before, key)

        if self._beside is None:
            written = await self._db.write(audit.append, make)
        else:
            written = await asyncio.to_thread(audit.append_beside, self._beside, make)
        self._written = (written.seq, written.mac)

    async def _find_key(self) -> None:
        """The chain's key: kept like a provider's, else one for this run only, which begins a new chain."""
        if self._lasting:
            return
        await self._secrets.open()
        if not self._secrets.is_persistent:
            if not self._key:
                self._chain, self._key = os.urandom(6).hex(), os.urandom(KEY_BYTES)
            return
        kept = await self._secrets.get(KEY_NAME, quietly=True)
        if kept is None:
            kept = f"{os.urandom(6).hex()}:{os.urandom(KEY_BYTES).hex()}"
            self._lasting = await self._secrets.set(KEY_NAME, kept)
        else:
            self._lasting = True
        self._chain, _, key = kept.partition(":")
        self._key = bytes.fromhex(key)

    # -- the newest row, as the keyring knows it ----------------------------------------------------

    async def _find_gap(self) -> None:
        """Rows that were written and are gone are told by a row, before new ones take their numbers."""
        await self._find_key()
        head = await self._kept_head()
        if head is None or await self._db.read(_has_head, head):
            return
        newest, _ = await self._db.read(audit.last)
        missing = f"row {head[0]} had been written, {newest} were found"
        log.error("audit rows missing", expected=head[0], found=newest)
        await self._write(_Act(self._clock(), "app", GAP, "", "failed", missing))
        await self._save_head(now=True)

    async def _kept_head(self) -> tuple[int, str] | None:
        if not self._lasting:
            return None
        number, _, mac = (await self._secrets.get(HEAD_NAME, quietly=True) or "").partition(":")
        return (int(number), mac) if number.isdigit() else None

    async def _save_head(self, *, now: bool = False) -> None:
        if not self._lasting or self._told == self._written:
            return
        if now or self._clock() - self._head_at >= HEAD_EVERY_S:
            self._head_at = self._clock()
            await self._secrets.set(HEAD_NAME, f"{self._written[0]}:{self._written[1]}")
            self._told = self._written

    def _look(self, conn: Connection, head: tuple[int, str] | None) -> Verdict:
        keys = {self._chain: self._key} if self._key else {}
        return verify(audit.pages(partial(audit.all_entries, conn)), keys, head=head)


def _login() -> str:
    """The name of who runs this process, as the system has it."""
    try:
        return getpass.getuser()
    except OSError:
        return "an unnamed account"


def _has_head(conn: Connection, head: tuple[int, str]) -> bool:
    return audit.mac_of(conn, head[0]) == head[1]
