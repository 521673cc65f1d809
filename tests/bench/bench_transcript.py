"""How fast the transcript is: `python -m tests.bench.bench_transcript`.

Prints one JSON object per line: name, value, unit, limit. A heartbeat timer of 4 ms stands for everything else the
window does; its longest gap is a stall. Runs offscreen, or on a display where DISPLAY and QT_QPA_PLATFORM say so.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time

import psutil

if "QT_QPA_PLATFORM" not in os.environ and not os.environ.get("DISPLAY"):
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.transcript import Transcript, TurnView
from mastra_desktop.ui.widgets.transcript_view import SourceView

RESOURCES = Path(__file__).parents[2] / "resources"
TURNS = 10_000
TOKENS_PER_SECOND = 200
CHARS_PER_TOKEN = 4
FLUSH_MS = 16
_HEARTBEAT_MS = 4

_WORDS = [
    "the",
    "refund",
    "service",
    "holds",
    "its",
    "ledger",
    "lock",
    "until",
    "card",
    "network",
    "answers",
    "退款",
    "延迟",
    "and",
    "waits",
    "for",
    "**nothing**",
    "`else`",
]


def report(name: str, value: float, unit: str, limit: float | None = None) -> None:
    """One line of the result."""
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "limit": limit}))


def prose(random_: random.Random, words: int) -> str:
    """Words in a row."""
    return " ".join(random_.choices(_WORDS, k=words))


def reply(random_: random.Random, chars: int) -> str:
    """A reply of about that length, with everything Markdown has."""
    parts: list[str] = []
    size = 0
    while size < chars:
        kind = random_.randrange(6)
        if kind == 0:
            part = f"## {prose(random_, 4)}\n\n"
        elif kind == 1:
            part = "".join(f"- {prose(random_, 10)}\n" for _ in range(4)) + "\n"
        elif kind == 2:
            rows = "".join(f"| {prose(random_, 2)} | {random_.random():.3f} |\n" for _ in range(4))
            part = f"| step | ms |\n|---|--:|\n{rows}\n"
        elif kind == 3:
            part = (
                "```python\n"
                + "".join(f"def f{i}(x: int) -> int:\n    return x + {i}\n\n" for i in range(3))
                + "```\n\n"
            )
        else:
            part = prose(random_, 40) + "\n\n"
        parts.append(part)
        size += len(part)
    return "".join(parts)


def conversation(count: int) -> list[TurnView]:
    """Turns of a long conversation, the same in every run."""
    random_ = random.Random(7)
    turns = []
    for number in range(count):
        if number % 2:
            text = reply(random_, random_.randrange(200, 3_000))
            turns.append(
                TurnView(str(number), "assistant", text, author="Model", footer="412 tokens · 10.9 s")
            )
        else:
            turns.append(TurnView(str(number), "user", prose(random_, 25)))
    return turns


class Heartbeat(QObject):
    """Gaps between the beats of a fast timer, in ms."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(_HEARTBEAT_MS)

    def _beat(self) -> None:
        now = perf_counter()
        self.gaps.append((now - self._last) * 1_000)
        self._last = now

    def stop(self) -> list[float]:
        """End; the gaps in ascending order."""
        self._timer.stop()
        return sorted(self.gaps)


def wait(milliseconds: int) -> None:
    """Let the window live."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def drive(steps: Iterator[Callable[[], object]], every_ms: int) -> tuple[list[float], float]:
    """Run one step per tick with a heartbeat. Returns the gaps and the CPU time used per second."""
    beat, loop = Heartbeat(), QEventLoop()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)

    def tick() -> None:
        step = next(steps, None)
        if step is None:
            timer.stop()
            loop.quit()
        else:
            step()

    timer.timeout.connect(tick)
    started, cpu = perf_counter(), process_time()
    timer.start(every_ms)
    loop.exec()
    return beat.stop(), (process_time() - cpu) / (perf_counter() - started)


def stalls(name: str, gaps: list[float], cpu: float) -> None:
    """Report what a phase did to the heartbeat."""
    report(f"{name}: stall P50", gaps[len(gaps) // 2], "ms", None)
    report(f"{name}: stall P99", gaps[int(len(gaps) * 0.99)], "ms", 16)
    report(f"{name}: longest stall", gaps[-1], "ms", 50)
    report(f"{name}: CPU", cpu * 100, "% of a core", None)


def streaming(view: Transcript, turn_id: str, text: str, seconds: float) -> Iterator[Callable[[], object]]:
    """Batches of one frame each."""
    at, tokens, started = 0, 0, perf_counter()
    while perf_counter() - started < seconds and at < len(text):
        tokens = int((perf_counter() - started) * TOKENS_PER_SECOND)
        end = tokens * CHARS_PER_TOKEN
        part, at = text[at:end], max(at, end)
        yield lambda part=part: view.append_text(turn_id, part) if part else None  # type: ignore[misc]


def wheel(view: Transcript, steps: int) -> Iterator[Callable[[], object]]:
    """Wheel steps upwards."""
    viewport = view.viewport()
    middle = QPointF(viewport.rect().center())

    def turn() -> None:
        event = QWheelEvent(
            middle,
            QPointF(viewport.mapToGlobal(middle.toPoint())),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(viewport, event)

    for _ in range(steps):
        yield turn


def resizes(view: Transcript) -> Iterator[Callable[[], object]]:
    """A window edge dragged."""
    for number in range(40):
        yield lambda number=number: view.resize(900 - 6 * number, 800)  # type: ignore[misc]


def batch_cost(view: Transcript, size: int) -> None:
    """The CPU time of one batch, painted, into a reply of a given length."""
    random_ = random.Random(size)
    name = f"batch-{size}"
    view.add_turn(
        TurnView(name, "assistant", reply(random_, size), author="Model", streaming=True, busy=True)
    )
    view.scroll_to_end()
    wait(1_500)
    more = reply(random_, 2_600)
    costs = []
    for at in range(0, len(more), 13):
        started = process_time()
        view.append_text(name, more[at : at + 13])
        view.viewport().repaint()
        costs.append((process_time() - started) * 1_000)
    costs.sort()
    report(f"batch of 13 characters at {size}: CPU P50", costs[len(costs) // 2], "ms", 16)
    report(f"batch of 13 characters at {size}: CPU P95", costs[int(len(costs) * 0.95)], "ms", 16)
    view.remove_turn(name)


def long_reply(view: Transcript) -> None:
    """One reply of 5,000 lines, streamed fast, scrolled, and opened again."""
    text, random_ = "", random.Random(3)
    while text.count("\n") < 5_000:
        text += reply(random_, 8_000)
    parts = [text[at : at + 400] for at in range(0, len(text), 400)]
    view.set_turns([TurnView("long", "assistant", "", author="Model", streaming=True, busy=True)])
    steps = iter([lambda part=part: view.append_text("long", part) for part in parts])
    stalls("5,000-line reply, streamed 400 characters a batch", *drive(steps, FLUSH_MS))
    stalls("5,000-line reply, scrolled", *drive(wheel(view, 200), FLUSH_MS))
    started = perf_counter()
    view.set_turns([TurnView("long", "assistant", text, author="Model")])
    view.viewport().repaint()
    report("5,000-line reply, opened", (perf_counter() - started) * 1_000, "ms", 50)
    stalls("5,000-line reply, read after opening", *drive(iter([lambda: None] * 60), FLUSH_MS))


def main() -> int:
    """Run everything."""
    app = QApplication(sys.argv)
    theme = ThemeController(RESOURCES, mode="dark")
    theme.apply(app)
    view = Transcript(theme, Icons(theme))
    view.resize(900, 800)
    view.show()
    wait(300)
    memory = psutil.Process()
    empty = memory.memory_info().rss
    turns = conversation(TURNS)
    gc.freeze()
    started = perf_counter()
    view.set_turns(turns)
    view.viewport().repaint()
    report(
        f"set and paint {TURNS} turns at once", (perf_counter() - started) * 1_000, "ms"
    )  # the app: a page
    wait(1_500)
    cpu, started = process_time(), perf_counter()
    wait(2_000)
    report("idle CPU", (process_time() - cpu) / (perf_counter() - started) * 100, "%", 0.1)
    view.add_turn(TurnView("stream", "assistant", "", author="Model", streaming=True, busy=True))
    text = reply(random.Random(1), 20_000)
    gaps, cpu = drive(streaming(view, "stream", text, 5), FLUSH_MS)
    stalls(f"{TOKENS_PER_SECOND} tokens/s into {TURNS} turns", gaps, cpu)
    cited = tuple(SourceView(n, "lab.pdf", "page 3", "", f"Source {n}") for n in (1, 2, 3))
    view.add_turn(
        TurnView("cited", "assistant", "", author="Model", streaming=True, busy=True, sources=cited)
    )
    text = text.replace("network", "network [1]").replace("answers", "answers [2][3]")
    gaps, cpu = drive(streaming(view, "cited", text, 5), FLUSH_MS)
    stalls(f"{TOKENS_PER_SECOND} tokens/s with citations", gaps, cpu)
    view.remove_turn("cited")
    stalls("300 wheel steps", *drive(wheel(view, 300), FLUSH_MS))
    stalls("40 resizes", *drive(resizes(view), FLUSH_MS))
    view.resize(900, 800)
    for size in (1_000, 10_000, 50_000):
        batch_cost(view, size)
    report("memory for the view and 10,000 turns", (memory.memory_info().rss - empty) / 1e6, "MB", None)
    long_reply(view)
    report("memory of the process", memory.memory_info().rss / 1e6, "MB", 150)
    view.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
