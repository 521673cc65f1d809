"""The child process that owns the index of meanings: `mastra-desktop _vectors-host`.

A process apart, because a damaged folder can crash or hang the native code for good, and because its memory
goes back when it ends. It knows numbers and vectors only, no text.

Protocol, both ways: frames of `FRAME` (bytes of head, bytes of body), a JSON head, raw bytes. A request's
head has `id` and `op`; the answer has the same `id`, and `error` with `kind` when it failed: `bad` (what was
asked is refused), `server` (it cannot be reached), `damaged` (anything else). Vectors are float32, little-
endian, one after another. Queries are answered beside an upsert that runs. The end of stdin ends the process.
"""

from __future__ import annotations

import os
import queue
import struct
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

from mastra_desktop.child_side import end_with_parent, read_exactly, take_stdout

FRAME = struct.Struct("<II")
_READING = ("query", "count")


def main() -> int:
    """Serves until stdin ends."""
    server = _Server(take_stdout())
    end_with_parent()
    lanes: dict[bool, queue.SimpleQueue[tuple[dict[str, Any], bytes]]] = {}
    for reading in (False, True):
        lanes[reading] = queue.SimpleQueue()
        threading.Thread(target=server.serve, args=(lanes[reading],), daemon=True).start()
    import orjson

    while True:
        head_size, body_size = FRAME.unpack(read_exactly(FRAME.size))
        head = orjson.loads(read_exactly(head_size))
        lanes[head["op"] in _READING].put((head, read_exactly(body_size)))


class _Server:
    """Answers requests, each lane in its own thread; `open` comes first and alone."""

    def __init__(self, protocol: int) -> None:
        self._protocol = protocol
        self._sending = threading.Lock()
        self._connecting = threading.Lock()
        self._client: Any = None
        self._where: tuple[str, str] = ("", "")
        self._spaces: dict[str, Any] = {}

    def serve(self, lane: queue.SimpleQueue[tuple[dict[str, Any], bytes]]) -> None:
        while True:
            head, body = lane.get()
            try:
                answer = getattr(self, f"_do_{head['op']}")(head, body)
            except BaseException as error:  # noqa: BLE001 - a panic of the native code is no Exception
                answer = {"error": {"kind": self._kind(error), "text": f"{type(error).__name__}: {error}"}}
            self._send(answer | {"id": head["id"]})

    def _send(self, answer: dict[str, Any]) -> None:
        import orjson

        data = orjson.dumps(answer)
        with self._sending:
            view = memoryview(FRAME.pack(len(data), 0) + data)
            while view:
                view = view[os.write(self._protocol, view) :]

    def _kind(self, error: BaseException) -> str:
        from chromadb import errors

        refused = (errors.InvalidArgumentError, errors.InvalidDimensionException, TypeError)
        if isinstance(error, refused):
            return "bad"
        if not self._where[1]:
            return "damaged"
        with self._connecting:
            self._client, self._spaces = None, {}
        return "server"

    def _connected(self) -> Any:
        """The client; a server that was lost is asked again."""
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        folder, url = self._where
        settings = Settings(anonymized_telemetry=False)
        if not url:
            return chromadb.PersistentClient(folder, settings=settings)
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        return chromadb.HttpClient(parts.hostname or "", port, ssl=secure, settings=settings)

    def _space(self, name: str, *, make: bool = False) -> Any:
        """The collection of that name; None when there is none and none is to be made."""
        if (known := self._spaces.get(name)) is not None:
            return known
        from chromadb.errors import NotFoundError

        client = self._connected()
        if make:
            how = {"hnsw": {"space": "cosine"}}
            found = client.get_or_create_collection(name, embedding_function=None, configuration=how)
        else:
            try:
                found = client.get_collection(name, embedding_function=None)
            except NotFoundError:
                return None
        self._spaces[name] = found
        return found

    def _do_open(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Reads from every space once: what is damaged fails, hangs or crashes now."""
        self._where = (head["folder"], head["url"])
        for one in self._connected().list_collections():
            space = self._space(one.name)
            if not head["url"] and space.count():
                some = space.get(limit=1, include=["embeddings"])["embeddings"]
                space.query(query_embeddings=some, n_results=1, include=["distances"])
        return {"spaces": sorted(self._spaces)}

    def _do_upsert(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        import numpy

        ids = head["ids"]
        vectors = numpy.frombuffer(body, "<f4").reshape(len(ids), -1)
        self._space(head["space"], make=True).upsert(ids=[str(n) for n in ids], embeddings=vectors)
        return {}

    def _do_query(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        import numpy

        space = self._space(head["space"])
        if space is None:
            return {"ids": [], "distances": []}
        only = {"ids": [str(n) for n in head["only"]]} if head["only"] is not None else {}
        vector = numpy.frombuffer(body, "<f4")
        found = space.query(query_embeddings=[vector], n_results=head["limit"], include=["distances"], **only)
        return {
            "ids": [int(id) for id in found["ids"][0]],
            "distances": [float(distance) for distance in found["distances"][0]],
        }

    def _do_delete(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        space = self._space(head["space"])
        if space is not None:
            space.delete(ids=[str(n) for n in head["ids"]])
        return {}

    def _do_drop(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        if self._space(head["space"]) is not None:
            self._spaces.pop(head["space"], None)
            self._connected().delete_collection(head["space"])
        return {}

    def _do_spaces(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        return {"spaces": [one.name for one in self._connected().list_collections()]}

    def _do_count(self, head: dict[str, Any], body: bytes) -> dict[str, Any]:
        space = self._space(head["space"])
        return {"count": 0 if space is None else space.count()}


if __name__ == "__main__":
    sys.exit(main())
