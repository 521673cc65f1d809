"""Tries the built app as a new user would: `python packaging/frozen_smoke.py [PROGRAM] [--no-tour]`.

Its commands, its window on a virtual screen, its end, also a violent one; with a fresh HOME and a data home
whose path has a space and Chinese characters. Knows by the model beside the program which flavour it is.
Pictures go to `build/package/`. Prints one line a check, the start times, and `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.e2e.driver import Home, Picture, Screen, Trouble, Window, missing_programs, wait_for  # noqa: E402
from tests.ingest.making import make_pdf  # noqa: E402

PROGRAM = ROOT / "dist" / "mastra-desktop" / "mastra-desktop"
PICTURES = ROOT / "build" / "package"
QUESTION = "What is the capital of France?"
MISSING = "The built-in model isn't on this computer."
DOCUMENTS = 6
STARTS = 5
START_LIMIT_S = 1.0
FEWEST_COLOURS = 100  # a blank or broken window has fewer
ANSWER_S = 90.0  # loading the model included
END_LIMIT_S = 5.0
ORPHAN_LIMIT_S = 3.0

# Runs a program in a network namespace that has nothing but loopback.
ONLY_LOOPBACK = """
import fcntl, os, socket, struct, sys
UP = struct.pack("16sH14x", b"lo", 0x41)  # IFF_UP and IFF_RUNNING
fcntl.ioctl(socket.socket(), 0x8914, UP)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""


class Smoke:
    """The checks, each a method that raises Trouble (or any AssertionError) when it does not hold."""

    def __init__(self, program: Path, base: Path, screen: Screen) -> None:
        self.program = program
        self.is_full = any((program.parent / "_internal/resources/models").glob("*.gguf"))
        self.flavour = "full" if self.is_full else "slim"
        self.screen = screen
        self.base = base
        self.commands = Home(base / "commands 命令", (str(program),))
        self.home = Home(base / "window 窗口", (str(program),))
        self.passed = self.failed = 0

    def run(self, *, tour: bool) -> None:
        checks: list[Callable[[], str]] = [self.version, self.config, self.doctor, self.notices, self.keyring]
        checks += [self.knowledge]
        if self.is_full:
            checks += [self.ask_without_network, self.chat_in_window, self.killed, self.starts]
            checks += [self.tour] if tour else []
        else:
            checks += [self.ask_fails_with_remedy, self.first_page_without_model]
        for check in checks:
            try:
                found = check()
            except (AssertionError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
                self.failed += 1
                print(f"FAILED  {self.flavour} {check.__name__}: {error or type(error).__name__}", flush=True)
                with suppress(OSError):
                    self.screen.picture().save(PICTURES / f"{self.flavour}-trouble-{check.__name__}.png")
            else:
                self.passed += 1
                print(f"ok      {self.flavour} {check.__name__}: {found}", flush=True)

    # -- commands ------------------------------------------------------------------------------------

    def version(self) -> str:
        done = self._command("--version")
        expect(done.returncode == 0 and done.stdout.startswith("Mastra Desktop "), told(done))
        return done.stdout.strip()

    def config(self) -> str:
        done = self._command("config", "check")
        expect(done.returncode == 0, told(done))
        return done.stdout.strip()

    def doctor(self) -> str:
        done = self._command("doctor", "--json")
        report = json.loads(done.stdout)
        found = {check["name"]: check["status"] for check in report["checks"]}
        wanted = {"config", "database", "keyring", "local_model", "disk"}
        expect(wanted <= found.keys(), f"checks that are missing: {wanted - found.keys()}")
        expect(found["database"] == "healthy", told(done))
        expect((found["local_model"] == "healthy") is self.is_full, told(done))
        expect((done.returncode == 0) is (report["status"] == "healthy"), f"exit code {done.returncode}")
        return f"{report['status']}; {', '.join(f'{name} {status}' for name, status in found.items())}"

    def notices(self) -> str:
        folder = self.program.parent / "_internal" / "licenses"
        text = (folder / "THIRD-PARTY-NOTICES.txt").read_text(encoding="utf-8")
        for part in (
            "PySide6",
            "SQLAlchemy",
            "xllamacpp",
            "Qwen2.5",
            "aiohttp",
            "keyring",
            "Inter",
            "Lucide",
        ):
            expect(part in text, f"{part} is not named")
        for name in ("LGPL-3.0.txt", "GPL-3.0.txt", "Apache-2.0.txt"):
            expect((folder / name).is_file(), f"{name} is not there")
        return f"{len(text) // 1000} kB"

    def keyring(self) -> str:
        """The frozen app finds a real Secret Service."""
        if not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")):
            return "not tried: gnome-keyring or dbus is not installed"
        steps = (
            'printf "\\n" | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null;'
            ' exec "$0" doctor --json'
        )
        done = self._start("dbus-run-session", "--", "bash", "-c", steps, str(self.program))
        found = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "keyring")
        expect(found["status"] == "healthy" and "Secret Service" in found["detail"], str(found))
        return str(found["detail"])

    def knowledge(self) -> str:
        """Files of several kinds are read, split and given vectors, all in the built app's own children."""
        folder = self.base / "documents 文档"
        make_documents(folder)
        done = self._start(
            *without_network(), str(self.program), "knowledge", "add", "Try", str(folder), "--json"
        )
        expect(done.returncode == 0, told(done))
        last = {line["document"]: line["state"] for line in map(json.loads, done.stdout.splitlines())}
        expect(len(last) == DOCUMENTS and set(last.values()) == {"ready"}, str(last))
        for mode in ("meaning", "words"):
            asked = ("knowledge", "search", "Try", "how long may a water sample be stored", "--mode", mode)
            done = self._command(*asked, "--json")
            expect(done.returncode == 0, told(done))
            hits = json.loads(done.stdout)["results"]
            expect(bool(hits) and "36 hours" in hits[0]["text"], f"{mode}: {hits[:2]}")
        return f"{len(last)} kinds of files, found by meaning and by words"

    def ask_without_network(self) -> str:
        alone = without_network()
        done = self._start(*alone, str(self.program), "ask", "--json", QUESTION)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        text = "".join(event["text"] for event in events if event["type"] == "text")
        expect(done.returncode == 0 and "Paris" in text, told(done))
        expect(events[-1]["type"] == "finish" and events[-1]["reason"] == "stop", told(done))
        first_s = events[-1]["first_token_ms"] / 1000
        return (
            f"{text.strip()!r}, first piece after {first_s:.1f} s{'' if alone else ' (network not cut off)'}"
        )

    def ask_fails_with_remedy(self) -> str:
        done = self._command("ask", QUESTION)
        expect(done.returncode == 1 and not done.stdout.strip(), told(done))
        expect(MISSING in done.stderr and "GGUF" in done.stderr and "make" not in done.stderr, told(done))
        return done.stderr.strip()

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._start(str(self.program), *arguments)

    def _start(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = os.environ | self.commands.environment()
        return subprocess.run(
            command, env=environ, cwd=self.base, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )

    # -- the window ----------------------------------------------------------------------------------

    def chat_in_window(self) -> str:
        """First page, a question, its answer, and a close by the window manager's button."""
        with Window(self.screen, self.home) as window:
            before = self._first_page(window)
            window.keys("space")  # "Start now" has the focus
            wait_for("the chat page", lambda: window.picture().differs(before) > 0.05, 10)
            window.send(QUESTION)
            answer = wait_for("an answer", self._finished_answer, ANSWER_S)
            expect(answer["state"] == "done" and "Paris" in answer["text"], str(answer))
            self._keep(window.picture(), "answer")
            family = processes_of(window)
            expect(len(family) > 1, "the model runs in no process of its own")
            strange = [path for path in libraries_of(family[1]) if self.program.parent not in path.parents]
            expect(not strange, f"the model's process loaded {strange} instead of what is shipped")
            took_s = close_by_window_manager(window)
        still = [process.pid for process in family if runs(process)]
        expect(not still, f"processes that remain: {still}")
        return f"{answer['text'].strip()!r}; closed in {took_s:.1f} s, {len(family)} processes gone"

    def first_page_without_model(self) -> str:
        """The page comes up and the model is reported missing; what it says is to be seen in the picture."""
        with Window(self.screen, self.home) as window:
            page = self._first_page(window)
            expect(page.colours() >= FEWEST_COLOURS, "the first page shows next to nothing")
            report = self.home.ask_json("doctor", accept=(0, 1)) or {}
            found = next(check for check in report["checks"] if check["name"] == "local_model")
            expect(MISSING in found["detail"], str(found))
            took_s = close_by_window_manager(window)
        return f"see {self.flavour}-first-page.png; closed in {took_s:.1f} s"

    def killed(self) -> str:
        """After kill -9 no model process stays behind."""
        with Window(self.screen, self.home) as window:
            self.screen.wait_still()
            window.send("Write a long story about the sea.")
            wait_for("the model's process", lambda: len(processes_of(window)) > 1)
            children = processes_of(window)[1:]
            window.kill()
            before = time.monotonic()
            wait_for(
                "the end of it", lambda: not any(runs(child) for child in children), ORPHAN_LIMIT_S, 0.02
            )
        return f"gone {time.monotonic() - before:.1f} s after kill -9"

    def starts(self) -> str:
        """Process start to first paint, warm. The figure is told, not enforced: the machine may be busy."""
        seconds = []
        for _ in range(STARTS):
            with Window(self.screen, self.home) as window:
                seconds.append(window.painted_at - window.started_at)
                close_by_window_manager(window)
        listed = ", ".join(f"{s:.2f}" for s in seconds)
        median = statistics.median(seconds)
        verdict = "within" if median < START_LIMIT_S else "SHORT OF"
        return (
            f"first paint after {median:.2f} s (median of {listed}), {verdict} the goal of {START_LIMIT_S} s"
        )

    def tour(self) -> str:
        """The end-to-end tour of `make run`, with this program."""
        command = [sys.executable, "-m", "tests.e2e.tour", "--pictures", str(PICTURES / "tour")]
        done = subprocess.run(
            [*command, "--command", str(self.program)],
            cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        expect(done.returncode == 0, told(done)[-600:])
        return done.stdout.strip().splitlines()[-1]

    def _first_page(self, window: Window) -> Picture:
        wait_for("the data home", lambda: (self.home.folder / "mastra.db").exists())
        self.screen.wait_still(1.0)
        page = window.picture()
        self._keep(page, "first-page")
        return page

    def _keep(self, picture: Picture, name: str) -> None:
        picture.save(PICTURES / f"{self.flavour}-{name}.png")

    def _finished_answer(self) -> dict[str, Any] | None:
        answer = self.home.newest_answer()
        return answer if answer and answer["state"] != "writing" else None


def make_documents(folder: Path) -> None:
    """One of each kind that needs a library of its own; the answer is in one of them."""
    import docx
    import pptx

    folder.mkdir()
    (folder / "lab.html").write_text(
        "<h1>Laboratory</h1><p>A water sample may be stored for no more than 36 hours.</p>"
    )
    (folder / "notes 笔记.txt").write_bytes("学生每晚付三十八欧元。".encode("gb18030"))
    (folder / "prices.csv").write_text("guest,euros\nstudent,38\nother,55\n")
    word = docx.Document()
    word.add_heading("Valves", 1)
    word.add_paragraph("The nitrogen valve is closed every evening.")
    word.save(str(folder / "valves.docx"))
    slides = pptx.Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Freezer"
    slide.placeholders[1].text = "The freezer is defrosted twice a year."
    slides.save(str(folder / "freezer.pptx"))
    (folder / "report.pdf").write_bytes(make_pdf([[(12, "The pressure is read each hour.")]]))


def expect(held: bool, otherwise: str) -> None:
    if not held:
        raise Trouble(otherwise)


def told(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}"


def processes_of(window: Window) -> list[psutil.Process]:
    """The window's own first, then all it started."""
    own = psutil.Process(window.process.pid)
    return [own, *own.children(recursive=True)]


def libraries_of(process: psutil.Process) -> list[Path]:
    """The compilers' runtime libraries that it has loaded; not every system has them."""
    paths = (Path(loaded.path) for loaded in process.memory_maps())
    return [path for path in paths if path.name.startswith(("libgomp", "libstdc++"))]


def runs(process: psutil.Process) -> bool:
    """False too for one that has ended and whose new parent has not looked yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def close_by_window_manager(window: Window) -> float:
    """As a person does at the title bar (openbox binds Alt+F4 to it); the seconds it took."""
    if not shutil.which("openbox"):
        return window.close(END_LIMIT_S)
    before = time.monotonic()
    window.keys("alt+F4")
    try:
        code = window.process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Trouble(f"the app did not end within {END_LIMIT_S:.0f} s") from None
    expect(code == 0, f"the app ended with {code}: {' / '.join(window.said)}")
    return time.monotonic() - before


def without_network() -> list[str]:
    """What to put before a program so that it has loopback only; nothing where this system can't."""
    for unshare in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        prefix = [*unshare, sys.executable, "-c", ONLY_LOOPBACK]
        with suppress(OSError):
            if subprocess.run([*prefix, "/bin/true"], capture_output=True, check=False).returncode == 0:
                return prefix
    return []


def use_fresh_home(base: Path) -> None:
    """Nothing of this user's settings, caches or session reaches the app."""
    for name in list(os.environ):
        if name.startswith(("XDG_", "MASTRA_", "QT_")) or name in (
            "DBUS_SESSION_BUS_ADDRESS",
            "WAYLAND_DISPLAY",
        ):
            del os.environ[name]
    home = base / "home 家"
    home.mkdir()
    os.environ["HOME"] = str(home)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Try the built app.")
    parser.add_argument("program", nargs="?", type=Path, default=PROGRAM)
    parser.add_argument("--no-tour", action="store_true", help="leave out the end-to-end tour")
    options = parser.parse_args(argv)
    program: Path = options.program.absolute()
    if not program.is_file():
        parser.error(f"{program} is not there; build it with `make package`")
    if missing := missing_programs():
        parser.error(f"{' and '.join(missing)} must be installed; see packaging/debian-packages.txt")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mastra smoke 试 ") as folder:
        use_fresh_home(Path(folder))
        with Screen() as screen:
            smoke = Smoke(program, Path(folder), screen)
            smoke.run(tour=not options.no_tour)
    print(f"{smoke.passed} passed, {smoke.failed} failed")
    return 1 if smoke.failed else 0


if __name__ == "__main__":
    sys.exit(main())
