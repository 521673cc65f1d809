"""The real window on a virtual screen: keys in, pictures out, and the truth from the command line beside it.

Needs Xvfb and xdotool; openbox, where it is there, makes window titles and closing as on a desktop. Pictures
are read from the screen's own memory file, so that nothing else has to be installed.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

import psutil

NEEDED = ("Xvfb", "xdotool")
PATIENCE_S = 20.0
SOURCE = (sys.executable, "-m", "mastra_desktop")

T = TypeVar("T")


class Trouble(AssertionError):
    """What the window should have done and did not."""


def missing_programs() -> list[str]:
    """The programs that have to be installed first."""
    return [name for name in NEEDED if shutil.which(name) is None]


def wait_for(
    what: str, look: Callable[[], T | None], timeout_s: float = PATIENCE_S, pause_s: float = 0.1
) -> T:
    """The first answer of `look` that counts. Raises Trouble, naming `what`, after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        if time.monotonic() > until:
            raise Trouble(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(pause_s)


@dataclass(frozen=True)
class Picture:
    """What the screen showed: `pixels` are blue, green, red and an unused byte, row by row."""

    width: int
    height: int
    pixels: bytes

    def colours(self) -> int:
        """How many different ones there are; a blank window has one or two."""
        return len(set(memoryview(self.pixels).cast("I")))

    def differs(self, other: Picture) -> float:
        """The share of pixels that are not the same, 0 to 1."""
        if self.pixels == other.pixels:
            return 0.0
        ours, theirs = memoryview(self.pixels).cast("I"), memoryview(other.pixels).cast("I")
        return sum(a != b for a, b in zip(ours, theirs, strict=False)) / max(1, len(ours))

    def save(self, path: Path) -> None:
        """As a PNG."""
        rgb = bytearray(self.width * self.height * 3)
        for channel in range(3):
            rgb[channel::3] = self.pixels[2 - channel :: 4]
        line = self.width * 3
        rows = b"".join(b"\0" + rgb[y * line : (y + 1) * line] for y in range(self.height))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            for name, body in chunks:
                check = zlib.crc32(name + body)
                file.write(struct.pack(">I", len(body)) + name + body + struct.pack(">I", check))


class Screen:
    """A virtual screen of its own, with a window manager where there is one."""

    def __init__(self, width: int = 1600, height: int = 1000) -> None:
        self.size = (width, height)
        self.display = ""
        self._stack = ExitStack()

    def __enter__(self) -> Screen:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mastra-screen-")))
        self._memory = folder / "Xvfb_screen0"
        reading, writing = os.pipe()
        self._start(
            "Xvfb", "-displayfd", str(writing), "-screen", "0", f"{self.size[0]}x{self.size[1]}x24",
            "-fbdir", str(folder), "-nolisten", "tcp", pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            number = pipe.readline().decode().strip()
        if not number:
            raise Trouble("Xvfb did not start")
        self.display = f":{number}"
        if shutil.which("openbox"):
            self._start("openbox", "--sm-disable")
            with suppress(Trouble):  # keys find the window without it too
                wait_for("openbox", self._is_managed, 5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, *command: str, pass_fds: Sequence[int] = ()) -> None:
        process = subprocess.Popen(
            command, env=self.environment(), pass_fds=tuple(pass_fds),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(_end, process)

    def _is_managed(self) -> bool:
        return bool(self.xdotool("get_desktop", check=False))

    def environment(self) -> dict[str, str]:
        """For programs that are to appear here."""
        environ = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
        return environ | ({"DISPLAY": self.display} if self.display else {})

    def xdotool(self, *arguments: str, check: bool = True) -> str:
        """Its output. Raises Trouble when it fails and `check`."""
        done = subprocess.run(
            ("xdotool", *arguments), env=self.environment(), capture_output=True, text=True, timeout=30
        )
        if check and done.returncode:
            raise Trouble(f"xdotool {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip() if done.returncode == 0 else ""

    def picture(self) -> Picture:
        """What shows now. The memory file is an X window dump: a header, its colour map, then the pixels."""
        raw = self._memory.read_bytes()
        fields = struct.unpack(">25I", raw[:100])
        header, width, height, line, colours = fields[0], fields[4], fields[5], fields[12], fields[19]
        start = header + colours * 12
        rows = (raw[start + y * line : start + y * line + width * 4] for y in range(height))
        return Picture(width, height, b"".join(rows))

    def wait_still(self, still_s: float = 0.4, timeout_s: float = PATIENCE_S) -> Picture:
        """The picture once nothing but a caret has moved for `still_s`."""
        last, since = self.picture(), time.monotonic()

        def look() -> bool:
            nonlocal last, since
            now = self.picture()
            if now.differs(last) > 0.0002:
                last, since = now, time.monotonic()
            return time.monotonic() - since >= still_s

        wait_for("a picture that stands still", look, timeout_s, 0.15)
        return last


class Home:
    """A data home, read through the app's own commands: what they say is what is stored."""

    def __init__(self, folder: Path, command: Sequence[str] = SOURCE, *, cache: Path | None = None) -> None:
        """With a `cache` of its own, an empty folder, no built-in model is found."""
        self.folder = folder
        self.command = tuple(command)
        self._cache = cache

    def environment(self) -> dict[str, str]:
        cache = {"XDG_CACHE_HOME": str(self._cache)} if self._cache else {}
        return {"MASTRA_HOME": str(self.folder)} | cache

    def ask_json(self, *arguments: str, accept: Sequence[int] = (0,)) -> dict[str, Any] | None:
        """What a command says with --json; None when its exit code is another, as before the first start."""
        done = subprocess.run(
            (*self.command, *arguments, "--json"),
            env=os.environ | self.environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode not in accept:
            return None
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def conversations(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = (self.ask_json("conversations", "list") or {}).get("conversations", [])
        return found

    def messages(self, conversation_id: str) -> list[dict[str, Any]]:
        """The branch in view, oldest first."""
        found: list[dict[str, Any]] = (self.ask_json("conversations", "show", conversation_id) or {}).get(
            "messages", []
        )
        return found

    def newest_answer(self) -> dict[str, Any] | None:
        """The last message of the newest conversation, when it is an answer."""
        found = self.conversations()
        shown = self.messages(found[0]["id"]) if found else []
        return shown[-1] if shown and shown[-1]["role"] == "assistant" else None

    def set_mode(self, mode: str) -> None:
        """The colour scheme of the next start: light, dark or system."""
        with (self.folder / "window.ini").open("a", encoding="utf-8") as file:
            file.write(f"\n[appearance]\nmode={mode}\n")

    def use_server(self, base_url: str, models: Sequence[str], provider_id: str = "stand-in") -> None:
        """Writes a server of one's own into config.toml; its first model answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(
            f'[[providers]]\nid = "{provider_id}"\nkind = "openai-compatible"\nbase_url = "{base_url}"\n'
            f"models = {json.dumps(list(models))}\n",
            encoding="utf-8",
        )
        with (self.folder / "window.ini").open("a", encoding="utf-8") as file:
            file.write(f"\n[chat]\nmodel={provider_id}/{models[0]}\n")


class Window:
    """The app as a process on a screen."""

    def __init__(self, screen: Screen, home: Home) -> None:
        self.screen = screen
        self.home = home
        self.painted_at = 0.0  # seconds since the epoch
        self.started_at = time.time()
        self._lines: queue.Queue[str] = queue.Queue()
        self._sources: list[subprocess.Popen[str]] = []  # what was dragged from
        environ = screen.environment() | home.environment() | {"MASTRA_START_REPORT": "1"}
        self.process = subprocess.Popen(
            home.command, env=environ, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        self.said: list[str] = []

    def __enter__(self) -> Window:
        wait_for("the first paint", self._has_painted)
        self.id = wait_for("a window with a title", self._find)
        self.screen.xdotool("windowfocus", self.id, check=False)
        self._at = self._place()
        self.wait_idle()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self.process)
        for source in self._sources:
            _end(source)
            for pipe in (source.stdin, source.stdout):
                if pipe is not None:
                    pipe.close()
        self._reader.join(2)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def wait_idle(self, still_s: float = 0.5) -> None:
        """Until the app has nothing to do: its chats are loaded, and the keyboard is where it will stay."""
        process = psutil.Process(self.process.pid)

        def used_s() -> float:
            times = process.cpu_times()
            return float(times.user + times.system)

        def look() -> bool:
            before = used_s()
            time.sleep(still_s)
            return used_s() - before <= 0.03

        wait_for("the app to come to rest", look)

    def _read(self, output: IO[str] | None) -> None:
        for line in output or ():
            self._lines.put(line.rstrip())

    def _has_painted(self) -> bool:
        self._take_lines()
        if not self.painted_at and self.process.poll() is not None:
            raise Trouble(f"the app ended with {self.process.returncode}: {' / '.join(self.said)}")
        return bool(self.painted_at)

    def _take_lines(self) -> None:
        with suppress(queue.Empty):
            while True:
                line = self._lines.get_nowait()
                if line.startswith("painted "):
                    self.painted_at = float(line.split()[1])
                else:
                    self.said.append(line)

    def _find(self) -> str:
        found = self.screen.xdotool(
            "search", "--all", "--onlyvisible", "--pid", str(self.process.pid), "--name", "Mastra Desktop",
            check=False,
        )  # fmt: skip
        return found.split()[0] if found else ""

    def keys(self, *keys: str) -> None:
        """Presses keys one after the other, each as xdotool names it: Return, shift+F6, ctrl+n."""
        for key in keys:
            self.screen.xdotool("key", "--clearmodifiers", key)

    def type(self, text: str) -> None:
        self.screen.xdotool("type", "--clearmodifiers", "--delay", "12", text)

    def send(self, text: str) -> None:
        """Types a prompt and sends it with Enter."""
        self.type(text)
        self.keys("Return")

    def click(self, x: int, y: int) -> None:
        """In the window, in pixels."""
        self.screen.xdotool("mousemove", "--window", self.id, str(x), str(y), "click", "1")

    def drop(self, paths: Sequence[Path], x: int, y: int) -> None:
        """Drags files from another program's window and lets them go at this place of ours. Raises Trouble."""
        from_x, from_y = self.screen.size[0] - 80, self.screen.size[1] - 80
        command = [sys.executable, "-m", "tests.e2e.drag_source", str(from_x), str(from_y)]
        source = subprocess.Popen(
            [*command, *map(str, paths)], env=self.screen.environment() | {"QT_QPA_PLATFORM": "xcb"},
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        assert source.stdout
        self._sources.append(source)  # it stays, as a file manager does: what it offers is fetched later
        if source.stdout.readline() != "ready\n":
            raise Trouble("there is nothing to drag from")
        to_x, to_y = self._at[0] + x, self._at[1] + y
        move = self.screen.xdotool
        move("mousemove", str(from_x + 20), str(from_y + 20), "mousedown", "1")
        for step in range(1, 13):  # a hand moves gradually, and the target answers each move
            at = (
                from_x + 20 + (to_x - from_x - 20) * step // 12,
                from_y + 20 + (to_y - from_y - 20) * step // 12,
            )
            move("mousemove", str(at[0]), str(at[1]))
            time.sleep(0.05)
        time.sleep(0.3)
        move("mouseup", "1")
        if (said := source.stdout.readline().strip()) != "dropped":
            raise Trouble(f"the files were not taken: {said or 'nothing happened'}")

    def resize(self, width: int, height: int) -> None:
        self.screen.xdotool("windowsize", "--sync", self.id, str(width), str(height))
        self._at = self._place()

    def _place(self) -> tuple[int, int]:
        """Left and top of the window's inside on the screen. The pointer tells, then goes out of the way."""
        self.screen.xdotool("mousemove", "--window", self.id, "0", "0")
        found = dict(
            line.split("=", 1) for line in self.screen.xdotool("getmouselocation", "--shell").splitlines()
        )
        self.screen.xdotool("mousemove", *(str(n - 1) for n in self.screen.size))
        return int(found["X"]), int(found["Y"])

    def _size(self) -> tuple[int, int]:
        shell = self.screen.xdotool("getwindowgeometry", "--shell", self.id)
        found = dict(line.split("=", 1) for line in shell.splitlines())
        return int(found["WIDTH"]), int(found["HEIGHT"])

    def picture(self, *, still: bool = True) -> Picture:
        """The window alone."""
        whole = self.screen.wait_still() if still else self.screen.picture()
        (left, top), (width, height) = self._at, self._size()
        width, height = min(width, whole.width - left), min(height, whole.height - top)
        rows = range(top, top + height)
        cut = (whole.pixels[(y * whole.width + left) * 4 :][: width * 4] for y in rows)
        return Picture(width, height, b"".join(cut))

    def close(self, timeout_s: float = 8.0) -> float:
        """Closes it as a person does, with Ctrl+Q; the seconds it took. Raises Trouble when it stays."""
        before = time.monotonic()
        self.keys("ctrl+q")
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise Trouble(f"the app did not end within {timeout_s:.0f} s") from error
        self._take_lines()
        if self.process.returncode:
            raise Trouble(f"the app ended with {self.process.returncode}: {' / '.join(self.said)}")
        return time.monotonic() - before

    def kill(self) -> None:
        """As the system does when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
