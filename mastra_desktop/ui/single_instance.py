"""One window per data home: a second start brings the first window to the front."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtNetwork import QLocalServer, QLocalSocket

CONNECT_TIMEOUT_MS = 500
SHOW = b"show\n"


def show_first_instance(address: str) -> bool:
    """Asks the window at `address` to come to the front. False when there is none."""
    socket = QLocalSocket()
    socket.connectToServer(address)
    if not socket.waitForConnected(CONNECT_TIMEOUT_MS):
        return False
    socket.write(SHOW)
    socket.flush()
    answered = socket.waitForReadyRead(CONNECT_TIMEOUT_MS)
    socket.disconnectFromServer()
    return answered


class FirstInstance:
    """Listens for later starts; each calls `show`."""

    def __init__(self, address: str, show: Callable[[], None]) -> None:
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
            socket.write(SHOW)
            socket.flush()
            socket.disconnected.connect(socket.deleteLater)
            self._show()
