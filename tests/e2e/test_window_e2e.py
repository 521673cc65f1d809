"""The real window as a process on a virtual screen, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.driver import Home, Screen, Window, missing_programs, wait_for
from tests.e2e.tour import LONG_QUESTION, TO_CONTINUE, Tour
from tests.fakes import ScriptedProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(missing_programs()), reason=f"needs {', '.join(missing_programs())}"),
]


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


@pytest.fixture
def stand_in() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(pieces=400, delay_s=0.02, models=("normal",)) as server:
        yield server


@pytest.fixture
def fresh(tmp_path: Path, stand_in: ScriptedProvider) -> Home:
    """A home that knows the stand-in and was never started."""
    home = Home(tmp_path / "home with space 家", cache=tmp_path / "cache")
    home.use_server(stand_in.base_url, ["normal"])
    return home


def start_chatting(screen: Screen, home: Home, window: Window, pictures: Path) -> Tour:
    """Past the first page, by keyboard."""
    tour = Tour(screen, home, pictures, has_model=False)
    tour.first_run(window)
    return tour


def test_the_tour(screen: Screen, fresh: Home, tmp_path: Path) -> None:
    """Everything that `make run` shows without a display holds, and its pictures are not blank."""
    pictures = tmp_path / "tour"
    Tour(screen, fresh, pictures, has_model=False).walk()
    assert len(list(pictures.glob("*.png"))) >= 10


def test_kill_9_in_mid_answer_loses_nothing_that_was_kept(
    screen: Screen, fresh: Home, tmp_path: Path
) -> None:
    """After the restart the prompt is there, the text so far is there as interrupted, and Continue goes on."""
    with Window(screen, fresh) as window:
        tour = start_chatting(screen, fresh, window, tmp_path)
        window.send(LONG_QUESTION)
        kept = wait_for("some text in the database", lambda: tour.writing(LONG_QUESTION))
        window.kill()
    with Window(screen, fresh) as window:
        answer = tour.settled(LONG_QUESTION, 5)
        assert answer["state"] == "interrupted"
        assert answer["text"].startswith(kept["text"])
        tour.look(window, "interrupted")
        window.keys(*TO_CONTINUE, "Return")
        wait_for("the answer to go on", lambda: (tour.last(LONG_QUESTION) or answer)["state"] == "writing")
        whole = tour.settled(LONG_QUESTION, 30)
        assert whole["state"] == "done"
        assert whole["id"] == answer["id"]
        assert whole["text"].startswith(answer["text"])
        window.close()


def test_closing_by_signal_keeps_the_text(screen: Screen, fresh: Home, tmp_path: Path) -> None:
    """SIGTERM in mid-answer: the process ends within 5 s with 0, the answer is kept as stopped."""
    with Window(screen, fresh) as window:
        tour = start_chatting(screen, fresh, window, tmp_path)
        window.send(LONG_QUESTION)
        wait_for("some text in the database", lambda: tour.writing(LONG_QUESTION))
        window.process.terminate()
        assert window.process.wait(5) == 0
    assert tour.settled(LONG_QUESTION, 5)["state"] == "stopped"


def test_a_second_start_brings_the_first_window_to_the_front(
    screen: Screen, fresh: Home, tmp_path: Path
) -> None:
    """The second process ends with 0 and shows nothing; a minimised first window is back."""
    with Window(screen, fresh) as window:
        start_chatting(screen, fresh, window, tmp_path)
        screen.xdotool("windowminimize", window.id)
        wait_for("no window", lambda: not window._find())
        second = Window(screen, fresh)
        try:
            assert second.process.wait(10) == 0
            assert wait_for("the first window", window._find) == window.id
        finally:
            second.__exit__(None, None, None)
        window.close()
