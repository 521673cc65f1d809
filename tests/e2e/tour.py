"""A short tour through the real window on a virtual screen: `python -m tests.e2e.tour [--command CMD…]`.

`make run` takes it where there is no display, `make package` with the built app. It asks the built-in model
(a stand-in on this computer where there is none), adds a document and asks about it, says what it does in plain
lines, and leaves its pictures in `build/tour/`. Exit code 0 when everything was as it should be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.e2e.driver import SOURCE, Home, Screen, Trouble, Window, missing_programs, wait_for
from tests.fakes import ScriptedProvider
from tests.ingest.making import make_pdf

PICTURES = Path(__file__).resolve().parents[2] / "build" / "tour"
ANSWER_S = 90.0  # loading the model included
DOCUMENT_S = 60.0
FEWEST_COLOURS = 100  # a blank or broken window has fewer
QUESTION = "What is the capital of France?"
TO_TRY_AGAIN = ("shift+F6", "Tab", "Tab")  # into the transcript; below an answer that was cut off are Copy,
TO_CONTINUE = (*TO_TRY_AGAIN, "Tab")  # Try again, Continue
SKIP_AT = (1310, 58)  # "Skip setup" in a window of the usual 1440x900
LONG_QUESTION = "Write a long story of at least 1000 words about a lighthouse keeper and the sea."
SECOND_QUESTION = "Name three colours of the rainbow."
COLLECTION = "Getting started"  # comes with the app
DOCUMENT = "laboratory.pdf"
PAGES = (
    "The laboratory is open from eight to six.",
    "A water sample may be stored for no more than 36 hours at 4 degrees Celsius.",
    "A student pays 38 euros per night.",
)
DOCUMENT_QUESTION = "How long may a water sample be stored?"
IN_THE_PANE = (700, 500)  # of a window of the usual size: below the documents
SEARCH_FIELD = (1240, 75)


class Tour:
    """One walk through the app. Each step raises Trouble when the window did not do it."""

    def __init__(self, screen: Screen, home: Home, pictures: Path, *, has_model: bool = True) -> None:
        self.screen, self.home, self.pictures = screen, home, pictures
        self.has_model = has_model
        self._count = 0

    def walk(self) -> None:
        with Window(self.screen, self.home) as window:
            say(f"The window took {window.painted_at - window.started_at:.2f} s to its first picture.")
            self.first_run(window)
            self.ask(window)
            self.stop(window)
            self.try_again(window)
            self.second_chat(window)
            self.add_document(window)
            self.ask_document(window)
            before = self.everything()
            say(f"Closed with Ctrl+Q in {window.close():.1f} s.")
        with Window(self.screen, self.home) as window:
            self.find_again(window, before)
            for width, height in ((1024, 700), (900, 650)):
                window.resize(width, height)
                self.look(window, f"narrow-{width}x{height}")
            window.close()
        self.home.set_mode("dark")
        with Window(self.screen, self.home) as window:
            self.look(window, "dark")
            window.close()

    def first_run(self, window: Window) -> None:
        wait_for("the data home", lambda: (self.home.folder / "mastra.db").exists())
        self.screen.wait_still(1.0)
        self.look(window, "first-run")
        before = window.picture()
        if self.has_model:
            say('First page: "Start now", by keyboard.')
            window.keys("space")
        else:
            say('First page: no built-in model here, so "Skip setup", and a stand-in answers.')
            window.click(*SKIP_AT)
        wait_for("the chat page", lambda: window.picture().differs(before) > 0.05, 10)

    def ask(self, window: Window) -> None:
        window.send(QUESTION)
        answer = self.read_answer(QUESTION)
        if self.has_model and "paris" not in answer["text"].lower():
            say("  (A small model: the answer should have been Paris.)")
        self.look(window, "answer")

    def stop(self, window: Window) -> None:
        window.send(LONG_QUESTION)
        first = wait_for("the first words of a long answer", lambda: self.writing(LONG_QUESTION), ANSWER_S)
        window.keys("Escape")
        say(f"> {LONG_QUESTION}\n  {shorten(first['text'])}")
        stopped = self.settled(LONG_QUESTION, 5)
        expect(stopped["state"] == "stopped", f"the answer is {stopped['state']} instead of stopped")
        expect(stopped["text"].startswith(first["text"]), "the text that was there is gone")
        say(f"Stopped with Esc; its {len(stopped['text'])} characters are kept.")
        self.look(window, "stopped")

    def try_again(self, window: Window) -> None:
        window.keys(*TO_TRY_AGAIN)
        self.look(window, "try-again-focused")
        window.keys("Return")
        wait_for("a second try", lambda: len((self.home.newest_answer() or {}).get("siblings", ())) == 2)
        wait_for("its first words", lambda: self.writing(LONG_QUESTION), ANSWER_S)
        window.keys("Escape")
        second = self.settled(LONG_QUESTION, 5)
        say(f"Try again, by keyboard: a second answer beside the first.\n  {shorten(second['text'])}")
        self.look(window, "second-try")

    def second_chat(self, window: Window) -> None:
        window.keys("ctrl+n")
        self.screen.wait_still()
        self.look(window, "new-chat")
        window.send(SECOND_QUESTION)
        self.read_answer(SECOND_QUESTION)
        expect(len(self.home.conversations()) == 2, "there are not two conversations")
        self.look(window, "second-chat")

    def add_document(self, window: Window) -> None:
        """A PDF is dragged in from another program."""
        path = self.pictures / "documents" / DOCUMENT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_pdf([[(12, page)] for page in PAGES]))
        window.keys("ctrl+2")
        wait_for("the documents that come along", lambda: len(self.documents()) == 2)
        self.screen.wait_still(1.0)
        window.drop([path], *IN_THE_PANE)
        say(f"Knowledge: {DOCUMENT} is dragged into “{COLLECTION}”.")
        wait_for("the document", lambda: self.documents().get(DOCUMENT) == "ready", DOCUMENT_S)
        window.click(*SEARCH_FIELD)
        window.type(DOCUMENT_QUESTION)
        self.screen.wait_still(1.5)
        self.look(window, "knowledge")

    def ask_document(self, window: Window) -> None:
        window.keys("ctrl+1", "ctrl+n")
        self.screen.wait_still()
        window.type("#Getting")
        self.screen.wait_still()
        window.keys("Return")
        window.send(DOCUMENT_QUESTION)
        answer = self.read_answer(DOCUMENT_QUESTION)
        found = [(source["document"], source["page"]) for source in answer["sources"]]
        expect((DOCUMENT, 2) in found, f"the answer was given {found}")
        say("  from " + ", ".join(f"{name}, page {page}" if page else name for name, page in found))
        if self.has_model and "36" not in answer["text"]:
            say("  (A small model: the answer should have been 36 hours.)")
        self.look(window, "cited-answer")

    def documents(self) -> dict[str, str]:
        """Name and state of each document of the collection."""
        found = (self.home.ask_json("knowledge", "list", COLLECTION) or {}).get("documents", [])
        return {document["name"]: document["state"] for document in found}

    def find_again(self, window: Window, before: dict[str, list[str]]) -> None:
        after = self.everything()
        expect(after == before, f"before closing {before}, after the start {after}")
        chats, messages = len(after), sum(len(texts) for texts in after.values())
        say(f"Started again: {chats} conversations with {messages} messages are there, word for word.")
        self.look(window, "started-again")

    # -- reading what is stored ----------------------------------------------------------------------

    def everything(self) -> dict[str, list[str]]:
        """Each conversation's messages as they are stored."""
        return {c["id"]: [m["text"] for m in self.home.messages(c["id"])] for c in self.home.conversations()}

    def last(self, prompt: str) -> dict[str, Any] | None:
        """The answer to `prompt`, if that is the newest of the newest conversation."""
        found = self.home.conversations()
        shown = self.home.messages(found[0]["id"]) if found else []
        asked = len(shown) >= 2 and shown[-2]["text"] == prompt
        return shown[-1] if asked else None

    def writing(self, prompt: str) -> dict[str, Any] | None:
        """The answer to `prompt` once some of it is there."""
        answer = self.last(prompt)
        return answer if answer and answer["text"] else None

    def settled(self, prompt: str, timeout_s: float) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            answer = self.last(prompt)
            return answer if answer and answer["state"] != "writing" else None

        return wait_for(f"the end of the answer to: {prompt}", look, timeout_s)

    def read_answer(self, prompt: str) -> dict[str, Any]:
        """Prints the answer as it grows; the finished one."""
        print(f"> {prompt}\n  ", end="", flush=True)
        shown = 0

        def look() -> dict[str, Any] | None:
            nonlocal shown
            answer = self.last(prompt)
            if answer is None:
                return None
            print(answer["text"][shown:].replace("\n", "\n  "), end="", flush=True)
            shown = len(answer["text"])
            return answer if answer["state"] != "writing" else None

        try:
            answer = wait_for(f"an answer to: {prompt}", look, ANSWER_S)
        finally:
            print(flush=True)
        expect(answer["state"] == "done", f"the answer ended as {answer['state']}: {answer['error']}")
        expect(bool(answer["text"].strip()), "the answer is empty")
        return answer

    def look(self, window: Window, name: str) -> None:
        """Takes a picture and checks that there is something on it."""
        picture = window.picture()
        self._count += 1
        path = self.pictures / f"{self._count:02}-{name}.png"
        picture.save(path)
        say(f"  picture: {path.name} ({picture.width}x{picture.height})")
        expect(picture.colours() >= FEWEST_COLOURS, f"{path.name} shows next to nothing")


def say(text: str) -> None:
    print(text, flush=True)


def expect(held: bool, otherwise: str) -> None:
    if not held:
        raise Trouble(otherwise)


def shorten(text: str, most: int = 200) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def has_model(home: Home) -> bool:
    """Whether the app finds its built-in model, as its own health report says."""
    for check in (home.ask_json("doctor", accept=(0, 1)) or {}).get("checks", []):
        if check["name"] == "local_model":
            return bool(check["status"] == "healthy")
    return False


def take_tour(command: Sequence[str], pictures: Path, *, stand_in: bool = False) -> None:
    """The whole of it, in a fresh data home. Raises Trouble."""
    shutil.rmtree(pictures, ignore_errors=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mastra-tour-")))
        with_model = not stand_in and has_model(Home(folder / "probe", command))
        home = Home(folder / "Zuhause 家", command, cache=None if with_model else folder / "cache")
        if not with_model:
            server = stack.enter_context(ScriptedProvider(pieces=400, delay_s=0.02, models=("normal",)))
            home.use_server(server.base_url, ["normal"])
        screen = stack.enter_context(Screen())
        tour = Tour(screen, home, pictures, has_model=with_model)
        try:
            tour.walk()
        except Trouble:
            screen.picture().save(pictures / "trouble.png")
            logs = home.folder / "logs"
            if logs.is_dir():
                shutil.copytree(logs, pictures / "logs", dirs_exist_ok=True)
            raise


def main() -> int:
    parser = argparse.ArgumentParser(description="A tour through the real window on a virtual screen.")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    parser.add_argument("--stand-in", action="store_true", help="ask a scripted server, not the model")
    parser.add_argument("--command", nargs=argparse.REMAINDER, default=list(SOURCE), help="how to start it")
    options = parser.parse_args()
    if missing := missing_programs():
        say(f"The tour needs {' and '.join(missing)}; install the packages of packaging/debian-packages.txt.")
        return 1
    os.environ.pop("MASTRA_HOME", None)
    started = time.monotonic()
    try:
        take_tour(options.command, options.pictures, stand_in=options.stand_in)
    except Trouble as trouble:
        say(f"The tour ended early: {trouble}. Pictures and log: {options.pictures}")
        return 1
    seconds = time.monotonic() - started
    say(f"The tour went well and took {seconds:.0f} s. Pictures: {options.pictures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
