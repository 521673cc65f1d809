"""Knowledge in the real window: files dragged from another program become ready and are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.driver import Home, Screen, Window, missing_programs, wait_for
from tests.ingest.making import make_pdf

IN_THE_PANE = (700, 500)
SEARCH_FIELD = (1240, 75)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(missing_programs()), reason="needs " + " and ".join(missing_programs() or ["-"])),
]


def documents(home: Home, collection: str = "Getting started") -> dict[str, dict[str, Any]]:
    """By name, as the command line lists them beside the window."""
    found = home.ask_json("knowledge", "list", collection) or {}
    return {document["name"]: document for document in found.get("documents", [])}


def test_files_dragged_into_the_pane_become_ready_and_are_found(tmp_path: Path) -> None:
    """A real drag from another process: a text and a folder with a PDF come in, each is ready, and a search
    in the window finds them; after a restart they are still there."""
    text = tmp_path / "valves 阀门.md"
    text.write_text("# Valves\n\nThe nitrogen valve is closed every evening at six.\n")
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(
        make_pdf([[(12, "Page one is short.")], [(12, "The pressure is 42 bar.")]])
    )
    home = Home(tmp_path / "home")
    with Screen() as screen:
        with Window(screen, home) as window:
            window.keys("Tab", "space")  # past the first page
            window.keys("ctrl+2")
            wait_for("the samples", lambda: len(documents(home)) == 2)
            screen.wait_still(1.0)
            window.drop([text, folder], *IN_THE_PANE)
            wait_for(
                "both files to be ready",
                lambda: (
                    {n: d["state"] for n, d in documents(home).items()}.items()
                    >= {text.name: "ready", "report.pdf": "ready"}.items()
                ),
                90,
            )
            before = screen.wait_still(1.0)
            window.click(*SEARCH_FIELD)
            window.type("how high is the pressure")
            wait_for("results in the window", lambda: screen.wait_still().differs(before) > 0.01)
            window.close()
        with Window(screen, home) as window:
            assert len(documents(home)) == 4
            window.close()
    found = home.ask_json("knowledge", "search", "Getting started", "how high is the pressure") or {}
    assert (found["results"][0]["document"], found["results"][0]["page"]) == ("report.pdf", 2)
