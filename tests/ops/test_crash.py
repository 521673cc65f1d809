"""Reports of crashes: what is in them, what is not, and how the next start knows."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mastra_desktop.ops.crash import KEPT, CrashReporter
from mastra_desktop.ops.redaction import KnownSecrets

KEY = "sk-proj-aaaabbbbccccddddeeeeffff0000"
PLAIN = "correct-horse-battery"


def test_a_report_without_secrets(tmp_path: Path) -> None:
    """Has the traceback, the versions and the end of the log, and none of the keys that are in them."""
    known = KnownSecrets()
    known.add(PLAIN)
    (tmp_path / "mastra.log").write_text(f"first\nasked with {PLAIN}\nlast line\n")
    report = CrashReporter(tmp_path, known.clean).write("main thread", ValueError(f"no good: {KEY}"))
    assert report is not None
    text = report.read_text()
    assert "ValueError" in text
    assert "last line" in text
    assert "Python 3" in text
    assert KEY not in text
    assert PLAIN not in text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_a_thread(tmp_path: Path) -> None:
    """Is reported with the thread's name; the run counts as ended in order all the same."""
    reporter = CrashReporter(tmp_path)

    def work() -> None:
        raise RuntimeError("planted")

    with reporter.watching():
        thread = threading.Thread(target=work, name="engine")
        thread.start()
        thread.join()
    [report] = reporter.folder.glob("crash-*.txt")
    assert "thread engine" in report.read_text()
    assert "planted" in report.read_text()
    assert reporter.ended_before() is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "Fatal Python error: Segmentation fault"),
        ("raise SystemError('planted')", "SystemError: planted"),
        ("os._exit(9)", ""),
    ],
    ids=["native", "exception", "killed"],
)
def test_the_next_start_knows(tmp_path: Path, line: str, words: str) -> None:
    """A run that did not end in order is told once, with its report where one could be written."""
    code = (
        "import os, pathlib, sys\nfrom mastra_desktop.ops.crash import CrashReporter\n"
        f"with CrashReporter(pathlib.Path(sys.argv[1])).watching():\n    {line}\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True)
    reporter = CrashReporter(tmp_path)
    ended = reporter.ended_before()
    assert ended is not None
    assert (ended.report is not None) == bool(words)
    if ended.report is not None:
        assert words in ended.report.read_text()
    assert reporter.ended_before() is None


def test_at_most_twenty(tmp_path: Path) -> None:
    """Older reports go."""
    reporter = CrashReporter(tmp_path)
    made = [reporter.write("main thread", ValueError(str(n))) for n in range(KEPT + 5)]
    assert sorted(reporter.folder.glob("crash-*.txt")) == made[5:]


def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """Trouble with writing the report makes no further trouble."""
    (tmp_path / "crashes").write_text("a file is in the way")
    reporter = CrashReporter(tmp_path)
    assert reporter.write("main thread", ValueError("x")) is None
    with reporter.watching():
        pass
