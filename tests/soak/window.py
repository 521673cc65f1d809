"""The scene with the real window: somebody types, looks around, and goes on through every fault."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from tests.bench.measuring import ROOT
from tests.e2e.driver import Home, Screen, Trouble, Window, missing_programs
from tests.e2e.tour import SKIP_AT
from tests.fakes import words
from tests.soak import faults, verdict
from tests.soak.leak import Sample, growth
from tests.soak.ledger import Kept, Operation
from tests.soak.places import Door, Provider, Refused, environment
from tests.soak.scenes import Plan, judge

SCENE = "window"
TURNS_OF_A_CHAT = 8
FIRST_PAGE_S = 2.0
ANSWER_LIMIT_S = 60.0
LOOK_S = 0.15
NORMAL = "".join(words(20))
_ANSWER = """
    SELECT a.state, a.text, a.error, u.conversation_id FROM messages u JOIN messages a ON a.parent_id = u.id
    WHERE u.role = 'user' AND u.text = ?
"""


class SoakHome(Home):
    """One without the person's own environment, and a window with a second door."""

    def __init__(self, folder: Path, socket: Path) -> None:
        super().__init__(folder, (sys.executable, "-m", "tests.soak.inside", str(socket)))
        self._empty = folder.parent / "cache"

    def environment(self) -> dict[str, str]:
        return environment(self.folder) | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(self._empty)}


async def window(plan: Plan) -> None:
    """Types, reads, opens panes, begins new chats and removes old ones, as long as the soak lasts."""
    if missing := missing_programs():
        plan.ledger.skipped.append(f"the window: {', '.join(missing)} not installed")
        return
    folder = plan.folder / SCENE
    folder.mkdir()
    home = SoakHome(folder / "home", folder / "door")
    with ExitStack() as stack:
        provider = stack.enter_context(Provider(folder / "provider"))
        home.use_server(provider.base_url, ["normal", "slow"])
        screen = stack.enter_context(Screen(1440, 900))
        shown = await asyncio.to_thread(stack.enter_context, Window(screen, home))
        plan.memory.watch("window", shown.process.pid)
        await asyncio.sleep(FIRST_PAGE_S)
        await asyncio.to_thread(shown.click, *SKIP_AT)
        await asyncio.sleep(FIRST_PAGE_S)
        person = Person(plan, shown, home.folder / "mastra.db", Door(folder / "door"))
        await person.use(plan.warm_up_s)
        before = await person.look()
        person.samples.clear()
        planned = faults.of_provider(provider, short=plan.short)
        async with asyncio.TaskGroup() as group:
            breaking = group.create_task(faults.inflict(SCENE, planned, plan.ledger, seconds=plan.seconds))
            await person.use(plan.seconds)
            await breaking
        after = await person.look()
        found: dict[str, Any] = {"operations": sum(o.scene == SCENE for o in plan.ledger.operations)}
        found["holding"] = [verdict.check_holding(SCENE, before, after, plan.ledger)]
        found["growth"] = [judge(SCENE, growth(person.samples), plan)]
        found["screen"] = str(ROOT / "build" / "soak-window.png")
        shown.picture(still=False).save(Path(found["screen"]))
        try:
            found["ended_in_s"] = [await asyncio.to_thread(shown.close)]
        except Trouble as error:
            plan.ledger.broken.append(f"{SCENE}: {error}")
        if any("Traceback" in line for line in shown.said):
            plan.ledger.broken.append(f"{SCENE}: said {' / '.join(shown.said)[-1500:]}")
    found["rows"] = verdict.check_rows(f"sqlite:///{home.folder / 'mastra.db'}", SCENE, plan.ledger)
    verdict.check_file(home.folder, SCENE, plan.ledger)
    plan.found[SCENE] = found


class Person:
    """At the keyboard."""

    def __init__(self, plan: Plan, shown: Window, database: Path, door: Door) -> None:
        self.samples: list[Sample] = []
        self._plan = plan
        self._shown = shown
        self._database = database
        self._door = door
        self._turns = 0
        self._chats: list[str] = []

    async def use(self, seconds: float) -> None:
        """Chats of a few turns, one after the other."""
        until = time.monotonic() + seconds
        pause_s = 1.2
        while time.monotonic() < until:
            for _ in range(TURNS_OF_A_CHAT):
                await self._turn()
                await asyncio.sleep(pause_s)
            await self._look_around()
            await self._tidy()
            await self.look()

    async def look(self) -> dict[str, int]:
        """What the process holds, in an empty new chat. Garbage is collected every 2 s."""
        await asyncio.sleep(2.5)
        found: dict[str, int] = await self._door("probe")
        self.samples.append(Sample(self._turns, found["live_bytes"]))
        return found

    async def _turn(self) -> None:
        self._turns += 1
        prompt = f"w{self._turns}"
        began = time.monotonic()
        code, detail, chat = await asyncio.to_thread(self._ask, prompt)
        self._note("turn", began, code, detail)
        if chat:
            if not self._chats or self._chats[-1] != chat:
                self._chats.append(chat)
            self._plan.ledger.kept[SCENE].append(Kept(chat, prompt, None if code else NORMAL))

    def _ask(self, prompt: str) -> tuple[str, str, str]:
        """(code, detail, conversation)"""
        try:
            self._shown.send(prompt)
        except Trouble as error:
            return "wrong", str(error), ""
        state, text, failure, chat = "", "", "", ""
        until = time.monotonic() + ANSWER_LIMIT_S
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as conn:
            while time.monotonic() < until:
                if row := conn.execute(_ANSWER, (prompt,)).fetchone():
                    state, text, failure, chat = row
                    if state != "writing":
                        break
                time.sleep(LOOK_S)
        if state in ("", "writing"):
            with suppress(Trouble):
                self._shown.keys("Escape")
            return "hang", f"{prompt}: {state or 'not taken'}", chat
        if state == "done":
            return ("", "", chat) if text == NORMAL else ("wrong", f"{prompt}: {text!r}", chat)
        return verdict.code_of(failure), f"{prompt}: {state} {failure}", chat

    async def _look_around(self) -> None:
        for keys in (("ctrl+2",), ("ctrl+3",), ("ctrl+comma",), ("ctrl+1",), ("ctrl+n",)):
            await asyncio.to_thread(self._shown.keys, *keys)
            await asyncio.sleep(0.7)

    async def _tidy(self) -> None:
        """Chats before the last two go, so that the list stays as long as it is."""
        while len(self._chats) > 2:
            id = self._chats.pop(0)
            began, code, detail = time.monotonic(), "", ""
            try:
                await self._door("delete", conversation_id=id)
                self._plan.ledger.deleted[SCENE][id] = True
            except (Refused, OSError) as error:
                code, detail = getattr(error, "code", "connection"), str(error)
            self._note("delete chat", began, code, detail)

    def _note(self, kind: str, began: float, code: str, detail: str) -> None:
        self._plan.ledger.operations.append(
            Operation(SCENE, kind, began, time.monotonic(), code, detail[:300])
        )
