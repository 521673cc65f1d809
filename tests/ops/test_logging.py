"""The log file: what is in it, what is not, and that nobody has to care about it."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.ops.config import LoggingConfig
from mastra_desktop.ops.logging import Log, current_operation, get_logger, operation, setup_logging

log = get_logger("mastra_desktop.tests")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "mastra.log").read_text("utf-8").splitlines()]


def test_a_line_is_a_json_object(tmp_path: Path) -> None:
    """Each record has its time in UTC, level, logger and event, and its facts by name, even reserved ones."""
    with setup_logging(tmp_path, LoggingConfig()):
        log.info(
            "reply settled", message="m", args=1, name="n", path=Path("/x"), items=("a", 2), 数="值\ud800"
        )
    (line,) = lines(tmp_path)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "reply settled",
        "level": "info",
        "logger": "mastra_desktop.tests",
        "message": "m",
        "args": 1,
        "name": "n",
        "path": "/x",
        "items": ["a", 2],
        "数": "值\ud800",
    }


def test_levels_and_other_packages(tmp_path: Path) -> None:
    """Ours from the configured level, which can change; others from WARNING; nothing once it is closed."""
    with setup_logging(tmp_path, LoggingConfig(level="WARNING")) as opened:
        log.info("no")
        opened.set_level("DEBUG")
        log.debug("yes")
        logging.getLogger("elsewhere").info("no %s", "it is not")
        logging.getLogger("elsewhere").warning("yes %s", "it is")
    log.warning("no, closed")
    opened.close()
    assert [line["event"] for line in lines(tmp_path)] == ["yes", "yes it is"]


def test_one_id_from_click_to_row(tmp_path: Path) -> None:
    """An operation's id is in all records inside: in tasks, in threads of `to_thread`, in inner operations."""

    async def main() -> str:
        with operation("click") as operation_id:
            async with asyncio.TaskGroup() as group:
                group.create_task(inside())
                group.create_task(asyncio.to_thread(log.info, "in a thread"))
            return operation_id

    async def inside() -> None:
        with operation("reply"):
            log.info("in a task")

    with setup_logging(tmp_path, LoggingConfig()):
        operation_id = asyncio.run(main())
        log.info("after")
    assert current_operation() == ""
    found = {line["event"]: (line.get("op"), line.get("operation")) for line in lines(tmp_path)}
    assert found == {
        "in a task": (operation_id, "reply"),
        "in a thread": (operation_id, "click"),
        "after": (None, None),
    }


def test_secrets_are_removed_everywhere(tmp_path: Path) -> None:
    """In the event, in facts of any depth, under telling names, in tracebacks and from other packages."""
    key = "sk-abcdefghij1234567890"
    with setup_logging(tmp_path, LoggingConfig()):
        used = f"used {key}"
        log.info(used, api_key="plain-words", deep={"list": [{"password": "hunter2", "x": key}]})
        logging.getLogger("elsewhere").warning("sent %s", {"Authorization": f"Bearer {key}"})
        try:
            int(key)
        except ValueError:
            log.exception("failed")
    text = (tmp_path / "mastra.log").read_text("utf-8")
    assert not [word for word in (key, "plain-words", "hunter2") if word in text]
    assert "ValueError: invalid literal for int() with base 10: '[removed]'" in text
    assert "test_logging.py" in lines(tmp_path)[-1]["exception"]


def test_files_are_rotated(tmp_path: Path) -> None:
    """No file grows beyond the limit, and only the configured number of old ones stays."""
    with setup_logging(tmp_path, LoggingConfig(max_bytes=2000, backups=2)):
        for number in range(100):
            log.info("line", number=number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["mastra.log", "mastra.log.1", "mastra.log.2"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert lines(tmp_path)[-1]["number"] == 99


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_fails_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records that cannot be written are counted and told once; afterwards the log goes on."""
    (tmp_path / "mastra.log").symlink_to("/dev/full")
    opened = Log(tmp_path, LoggingConfig())
    log.info("lost")
    log.info("lost as well")
    opened.close()
    assert opened.lost == 2
    assert capsys.readouterr().err.count("The log cannot be written") == 1


def test_a_folder_that_goes_away(tmp_path: Path) -> None:
    """A log folder that cannot be opened loses records and raises nothing; when it is back, so is the log."""
    folder = tmp_path / "logs"
    with setup_logging(folder, LoggingConfig()) as opened:
        log.info("lost")
        while not opened.lost:
            threading.Event().wait(0.01)
        folder.mkdir()
        log.info("kept")
    assert [line["event"] for line in lines(folder)] == ["kept"]
    shutil.rmtree(folder)


def test_unprintable_facts_do_not_raise(tmp_path: Path) -> None:
    """A fact whose text cannot be made costs its record, not the caller."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with setup_logging(tmp_path, LoggingConfig()) as opened:
        log.info("lost", value=Broken())
        log.info("kept")
    assert opened.lost == 1
    assert [line["event"] for line in lines(tmp_path)] == ["kept"]


def test_silent_without_a_file() -> None:
    """Before the log is opened, our records go nowhere, not to stderr."""
    script = (
        "from mastra_desktop.ops.logging import get_logger; get_logger('mastra_desktop.x').error('hidden')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
