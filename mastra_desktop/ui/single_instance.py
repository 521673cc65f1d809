"""One window per data home: a second start brings the first window to the front, with files to open."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from PySide6.QtNetwork import QLocalServer, QLocalSocket

CONNECT_TIMEOUT_MS = 500
MOST_BYTES = 4 * 1024**2  # of a request: thousands of paths
SHOW = b"show\n"


def show_first_instance(address: str, files: Sequence[str] = ()) -> bool:
    """Asks the window at `address` to come to the front, and to open `files`. False when there is none."""
    socket = QLocalSocket()
    socket.connectToServer(address)
    if not socket.waitForConnected(CONNECT_TIMEOUT_MS):
        return False
    socket.write(json.dumps(list(files)).encode() + b"\n" if files else SHOW)
    socket.flush()
    answered = socket.waitForReadyRead(CONNECT_TIMEOUT_MS)
    socket.disconnectFromServer()
    return answered


class FirstInstance:
    """Listens for later starts; each calls `show`, with the absolute paths it was given to open."""

    def __init__(self, address: str, show: Callable[[list[str]], None]) -> None:
        self._address = address
        self._show = show
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)

    def listen(self) -> None:
        if not self._server.listen(self._address):  # left over from a killed process: nobody answered there
            QLocalServer.removeServer(self._address)
            self._server.listen(self._address)

    def close(self) -> None:
        self._server.close()

    def _answer(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            self._read(socket)  # what came before anybody listened

    def _read(self, socket: QLocalSocket) -> None:
        """A request is a line; only a whole one counts."""
        if not socket.canReadLine():
            if socket.bytesAvailable() > MOST_BYTES:
                socket.abort()
            return
        asked = bytes(socket.readLine().data())
        socket.write(SHOW)
        socket.flush()
        self._show(_files_in(asked))


def _files_in(asked: bytes) -> list[str]:
    """The paths in a request; none in one that only asks for the window, or is none of ours."""
    try:
        found = json.loads(asked)
    except ValueError:
        return []
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []
