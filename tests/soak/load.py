"""What people and scripts do with a `serve`, steadily: one operation after the other, each checked."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.fakes import words
from tests.soak.leak import Sample
from tests.soak.ledger import Kept, Ledger, Operation, Told, Wrong
from tests.soak.places import Refused, Served

LIMIT_S = (
    60.0  # an operation that takes longer hangs: three tries of 4 s silence, with their pauses, are in it
)
ADD_LIMIT_S = 150.0
MOST_AT_ONCE = 24
SETTLE_S = 8.0
NORMAL = "".join(words(20))
PLACES = ("harbour", "orchard", "lighthouse", "bridge", "market", "museum", "station", "garden", "library")


class Load:
    """On one scene: one or several `serve` over the same data."""

    def __init__(
        self,
        scene: str,
        places: Sequence[Served],
        ledger: Ledger,
        folder: Path,
        *,
        model: bool,
        seed: int = 1,
    ) -> None:
        self.scene = scene
        self.samples: dict[int, list[Sample]] = {number: [] for number in range(len(places))}
        self._places = places
        self._ledger = ledger
        self._folder = folder
        self._random = random.Random(seed)
        self._numbers = itertools.count(1)
        self._done = [0] * len(places)
        self._running: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._collection = ""
        self._documents: dict[str, str] = {}  # id: a word that only it has
        self._clients = [
            httpx.AsyncClient(
                base_url=place.url,
                headers={"Authorization": f"Bearer {place.token}"},
                timeout=LIMIT_S,
                trust_env=False,
            )
            for place in places
        ]
        self._kinds: dict[str, tuple[float, Callable[[int], Awaitable[None]]]] = {
            "kept answer": (5, self._kept),
            "answer": (4, self._unkept),
            "cached answer": (4, self._cached),
            "client leaves": (1.5, self._leave),
            "open": (3, self._open_conversation),
            "list": (0.7, self._list),
            "search chats": (1, self._search_chats),
            "delete, restore": (0.7, self._delete),
            "search knowledge": (1.5, self._search_knowledge),
            "add document": (0.2, self._add),
            "remove document": (0.1, self._remove),
            "metrics": (0.4, self._metrics),
            "health": (0.1, self._health),
        }
        if model:
            self._kinds["built-in model"] = (0.15, self._built_in)

    async def run(self, seconds: float, per_second: float) -> None:
        """Operations for so long, at times that nobody agreed upon."""
        self._collection = self._collection or await self._places[0].door("collection", name="Notes")
        names = list(self._kinds)
        weights = [self._kinds[name][0] for name in names]
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while time.monotonic() - began < seconds:
                await self._open.wait()
                if len(self._running) < MOST_AT_ONCE:
                    name = self._random.choices(names, weights)[0]
                    task = group.create_task(self._one(name))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                await asyncio.sleep(self._random.expovariate(per_second))

    async def once(self, names: Sequence[str] = ()) -> None:
        """Each kind once, everywhere: everything that starts late runs after this."""
        self._collection = self._collection or await self._places[0].door("collection", name="Notes")
        for name in names or self._kinds:
            for number in range(len(self._places)):
                await self._one(name, number)

    async def sample(self) -> list[dict[str, int]] | None:
        """What each process holds while nothing is under way; None when something did not come to an end."""
        self._open.clear()
        try:
            until = time.monotonic() + SETTLE_S
            while self._running and time.monotonic() < until:
                await asyncio.sleep(0.05)
            if self._running:
                return None
            await asyncio.sleep(0.3)
            with suppress(Refused, OSError):
                found = [await place.door("probe") for place in self._places]
                for number, probe in enumerate(found):
                    self.samples[number].append(Sample(self._done[number], probe["live_bytes"]))
                return found
            return None
        finally:
            self._open.set()

    def forget_samples(self) -> None:
        """Those of the warm-up."""
        for samples in self.samples.values():
            samples.clear()

    def failed(self) -> list[Operation]:
        return [operation for operation in self._ledger.operations if operation.code]

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def _one(self, name: str, at: int | None = None) -> None:
        at = self._random.randrange(len(self._places)) if at is None else at
        began, code, detail = time.monotonic(), "", ""
        try:
            async with asyncio.timeout(ADD_LIMIT_S if name == "add document" else LIMIT_S):
                await self._kinds[name][1](at)
        except (Told, Wrong, Refused) as error:
            code, detail = error.code, str(error)
        except TimeoutError:
            code, detail = "hang", "no end within the limit"
        except (httpx.HTTPError, OSError) as error:
            code, detail = "connection", repr(error)
        self._done[at] += 1
        self._ledger.operations.append(
            Operation(self.scene, name, began, time.monotonic(), code, detail[:300])
        )

    # -- answers -------------------------------------------------------------------------------------

    async def _kept(self, at: int) -> None:
        prompt = self._prompt("kept")
        conversation_id, text = await self._stream(at, "work/echo", prompt, store=True)
        _same(text, prompt)
        self._ledger.kept[self.scene].append(Kept(conversation_id, prompt, text))
        if self._random.random() < 0.5:
            more = self._prompt("kept, second turn")
            same_id, text = await self._stream(at, "work/normal", more, conversation_id=conversation_id)
            _same(text, NORMAL)
            _same(same_id, conversation_id)
            self._ledger.kept[self.scene].append(Kept(conversation_id, more, text))

    async def _unkept(self, at: int) -> None:
        _same((await self._stream(at, "work/normal", self._prompt("passing"), cache=False))[1], NORMAL)

    async def _cached(self, at: int) -> None:
        prompt = f"cached {self._random.randrange(20)}"
        body = {"model": "work/echo", "messages": _asked(prompt), "temperature": 0}
        answer = await self._json(at, "POST", "/v1/chat/completions", body)
        _same(answer["choices"][0]["message"]["content"], prompt)

    async def _leave(self, at: int) -> None:
        prompt = self._prompt("leaving")
        body = {"model": "work/slow", "messages": _asked(prompt), "stream": True, "store": True}
        async with aclosing(self._events(at, body)) as events:
            async for event in events:
                if event["choices"] and event["choices"][0]["delta"].get("content"):
                    self._ledger.kept[self.scene].append(Kept(event["conversation_id"], prompt, None))
                    return

    async def _built_in(self, at: int) -> None:
        body = {"model": "local/default", "messages": _asked("Say hello."), "max_tokens": 4, "cache": False}
        answer = await self._json(at, "POST", "/v1/chat/completions", body)
        if not isinstance(answer["choices"][0]["message"]["content"], str):
            raise Wrong("wrong", f"no text: {answer}")

    # -- conversations -------------------------------------------------------------------------------

    async def _open_conversation(self, at: int) -> None:
        kept = self._ledger.kept[self.scene]
        if not kept:
            return
        turn = self._random.choice(kept[-200:])
        if self._ledger.deleted[self.scene].get(turn.conversation_id):
            return
        found = await self._json(at, "GET", f"/api/conversations/{turn.conversation_id}")
        texts = [message["text"] for message in found["messages"]]
        if turn.prompt not in texts or (turn.answer is not None and turn.answer not in texts):
            raise Wrong("wrong", f"{turn.conversation_id} without {turn.prompt!r}")

    async def _list(self, at: int) -> None:
        found = await self._json(at, "GET", "/api/conversations")
        if self._ledger.kept[self.scene] and not found["conversations"]:
            raise Wrong("wrong", "an empty list")

    async def _search_chats(self, at: int) -> None:
        kept = [turn for turn in self._ledger.kept[self.scene][-200:] if turn.answer is not None]
        if not kept:
            return
        turn = self._random.choice(kept)
        found = await self._places[at].door("search", text=turn.prompt.rpartition(" ")[2])
        if turn.conversation_id not in found and turn.conversation_id not in self._ledger.deleted[self.scene]:
            raise Wrong("wrong", f"{turn.prompt!r} is not found")

    async def _delete(self, at: int) -> None:
        """Half of what is deleted comes back."""
        gone = self._ledger.deleted[self.scene]
        kept = [t for t in self._ledger.kept[self.scene][-200:] if t.conversation_id not in gone]
        if not kept:
            return
        id = self._random.choice(kept).conversation_id
        gone[id] = True  # from now on nobody expects it; what is true at the end is set below
        await self._places[at].door("delete", conversation_id=id)
        if self._random.random() < 0.5:
            await self._places[at].door("restore", conversation_id=id)
            gone[id] = False

    # -- knowledge -----------------------------------------------------------------------------------

    async def _add(self, at: int) -> None:
        number = next(self._numbers)
        word = f"zq{number}{self._random.choice(PLACES)}"
        lines = [
            f"Note {number}: the {place} opens at {number % 24} o'clock, says {word}." for place in PLACES
        ]
        path = self._folder / f"note-{number}.md"
        path.write_text(f"# Note {number}\n\n" + "\n\n".join(lines), encoding="utf-8")
        added = await self._places[at].door("add", collection=self._collection, path=str(path))
        if added["state"] != "ready":
            raise Told(added["code"] or "knowledge", added["error"])
        self._ledger.documents[self.scene][added["id"]] = False
        self._documents[added["id"]] = word

    async def _remove(self, at: int) -> None:
        if not self._documents:
            return
        id = self._random.choice(list(self._documents))
        word = self._documents.pop(id)
        self._ledger.documents[self.scene].pop(id)  # unknown until it is done
        await self._places[at].door("remove_document", document_id=id)
        if self._random.random() < 0.5:
            await self._places[at].door("restore_document", document_id=id)
            self._documents[id] = word
            self._ledger.documents[self.scene][id] = False
        else:
            self._ledger.documents[self.scene][id] = True

    async def _search_knowledge(self, at: int) -> None:
        if not self._documents:
            return
        id, word = self._random.choice(list(self._documents.items()))
        body = {"query": f"What does {word} say of the harbour?", "k": 5}
        found = await self._json(at, "POST", f"/api/knowledge/{self._collection}/search", body)
        if id in self._documents and not any(word in result["text"] for result in found["results"]):
            raise Wrong("wrong", f"{word} is not found")

    # -- operation -----------------------------------------------------------------------------------

    async def _metrics(self, at: int) -> None:
        answer = await self._clients[at].get("/metrics")
        if answer.status_code != 200:
            raise _told(answer.status_code, answer.content)
        if b"mastra_requests_total" not in answer.content:
            raise Wrong("wrong", "no figures")

    async def _health(self, at: int) -> None:
        """503 with a report is an honest answer."""
        for path in ("/health/live", "/health/ready"):
            answer = await self._clients[at].get(path)
            if answer.status_code not in (200, 503):
                raise _told(answer.status_code, answer.content)
        if answer.status_code == 503:
            raise Told("storage", f"not ready: {answer.text[:200]}")

    # -- over HTTP -----------------------------------------------------------------------------------

    async def _stream(self, at: int, model: str, prompt: str, **more: Any) -> tuple[str, str]:
        """(conversation, text) of an answer that came whole. Raises Told."""
        body = {"model": model, "messages": _asked(prompt), "stream": True, **more}
        parts: list[str] = []
        id = ""
        async with aclosing(self._events(at, body)) as events:
            async for event in events:
                id = event.get("conversation_id", "")
                parts += [choice["delta"].get("content") or "" for choice in event["choices"]]
        return id, "".join(parts)

    async def _events(self, at: int, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        async with self._clients[at].stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                raise _told(answer.status_code, await answer.aread())
            async for line in answer.aiter_lines():
                if line == "data: [DONE]":
                    return
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    if "error" in event:
                        raise Told(event["error"]["code"], event["error"]["message"])
                    yield event
        raise Wrong("wrong", "the stream ended without an end")

    async def _json(self, at: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = await self._clients[at].request(method, path, json=body)
        if answer.status_code != 200:
            raise _told(answer.status_code, answer.content)
        found: dict[str, Any] = answer.json()
        return found

    def _prompt(self, what: str) -> str:
        return f"{what} in {self.scene} n{next(self._numbers)}x{self._random.randrange(10**9)}"


def _asked(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _same(found: str, expected: str) -> None:
    if found != expected:
        raise Wrong("wrong", f"{found[:100]!r} in place of {expected[:100]!r}")


def _told(status: int, body: bytes) -> Told | Wrong:
    if status == 500:
        return Told("bug", body[:300].decode(errors="replace"))
    try:
        error = json.loads(body)["error"]
        return Told(error["code"], error["message"])
    except (ValueError, KeyError, TypeError):
        return Wrong("wrong", f"{status} without a word: {body[:200]!r}")
