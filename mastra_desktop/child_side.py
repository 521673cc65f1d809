"""What a child process does first, and how it ends with its parent; see `child_process.py`."""

from __future__ import annotations

import os
import signal
import sys
import threading

STDIN, STDOUT, STDERR = 0, 1, 2
LINUX_PR_SET_PDEATHSIG = 1


def take_stdout() -> int:
    """A descriptor for the protocol. Libraries and native code print as they like: they get stderr."""
    protocol = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches us too; the parent decides
    return protocol


def end_with_parent() -> None:
    """Linux: the kernel kills us with the parent even while native code holds the interpreter's lock."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(LINUX_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_with_stdin() -> None:
    """From now on, what comes on stdin is not wanted; its end ends the process at once."""

    def wait() -> None:
        while os.read(STDIN, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def first_line() -> bytes:
    """The first line of stdin, byte by byte: a buffered reader would hold what follows."""
    line = bytearray()
    while not line.endswith(b"\n"):
        line += read_exactly(1)
    return bytes(line)


def read_exactly(size: int) -> bytes:
    """So many bytes of stdin; its end ends the process."""
    data = bytearray()
    while len(data) < size:
        piece = os.read(STDIN, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def be_considerate(by: int = 5) -> None:
    """Lets others go first. Beside other work, spinning OpenMP threads are up to 20 times slower."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the native library is loaded
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(by)
