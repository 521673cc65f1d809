"""`mastra-desktop knowledge` and `ask --knowledge` as processes: from files to an answer that cites them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.ops.lock import HomeLock
from tests.cores import make_home
from tests.fakes import Script, ScriptedProvider
from tests.test_cli import error_of, run

pytestmark = pytest.mark.slow  # processes that read, embed and index

QUESTION = "How long may a water sample be stored?"
RULES = """# Rules

## Storage

A water sample may be stored for no more than 36 hours before it is analysed.

## Thermometers

Thermometers are calibrated twice a year against the reference thermometer.
"""
STEPS = {"queued", "reading", "splitting", "embedding", "ready", "failed", "skipped"}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(Script(("At most 36 hours", " [", "1] [9", "7]."))) as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: ScriptedProvider) -> Path:
    """A data home with the collection Rules in it."""
    home = make_home(tmp_path_factory.mktemp("knowledge"), server.base_url)
    (home.parent / "rules.md").write_text(RULES)
    code, out, err = run(home, "knowledge", "add", "Rules", str(home.parent / "rules.md"), "--json")
    assert (code, err) == (0, "")
    steps = lines(out)
    assert all(set(step) == {"document", "state", "done", "of", "reason"} for step in steps)
    assert all(step["document"] == "rules.md" and step["state"] in STEPS for step in steps)
    assert steps[0]["state"] == "queued"
    assert steps[-1]["state"] == "ready"
    assert steps[-1]["done"] == steps[-1]["of"] > 0
    return home


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_ask_with_sources(place: Path, server: ScriptedProvider) -> None:
    """The event of sources comes between start and text; what the answer cites exists."""
    code, out, err = run(place, "ask", "--json", "--model", "work/m", "--knowledge", "Rules", QUESTION)
    assert (code, err) == (0, "")
    events = lines(out)
    assert [e["type"] for e in events[:3]] == ["start", "sources", "text"]
    items = events[1]["items"]
    assert set(items[0]) == {"n", "collection", "document", "page", "passage", "score"}
    assert [item["n"] for item in items] == list(range(1, len(items) + 1))
    assert (items[0]["document"], items[0]["collection"], items[0]["page"]) == ("rules.md", "Rules", None)
    assert "36 hours" in items[0]["passage"]
    assert 0 < items[0]["score"] <= 1
    assert "".join(e["text"] for e in events if e["type"] == "text") == "At most 36 hours [1]."
    assert "36 hours" in server.chats[-1].body["messages"][-1]["content"]
    code, out, _ = run(place, "conversations", "show", events[0]["conversation_id"], "--json")
    [source, *_] = json.loads(out)["messages"][1]["sources"]
    assert source["cited"]


def test_ask_in_text(place: Path) -> None:
    """A numbered list of what is cited follows the answer; what is nowhere is said on standard error."""
    asked = ("ask", "--model", "work/m", "--knowledge", "Rules")
    code, out, err = run(place, *asked, QUESTION)
    assert (code, err) == (0, "")
    assert out == "At most 36 hours [1].\n\nSources:\n[1] rules.md (Rules)\n"
    code, _, err = run(place, *asked, "Who won the world cup of 1998?")
    assert (code, err) == (0, "Nothing relevant was found in the documents.\n")
    code, out, err = run(place, *asked, "--knowledge", "Nothing", "--json", QUESTION)
    assert (code, err) == (1, "")
    error = error_of(out)
    assert error["code"] == "bad_request"
    assert "Rules" in error["hint"]


def test_adding_again(place: Path, tmp_path: Path) -> None:
    """An unchanged file is skipped; one that cannot be read fails alone, and the exit code says so."""
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (tmp_path / "canteen.txt").write_text("The canteen opens at half past eleven.")
    rules = str(place.parent / "rules.md")
    code, out, _ = run(place, "knowledge", "add", "Rules", rules, "--json")
    assert (code, [step["state"] for step in lines(out)]) == (0, ["skipped"])
    code, out, _ = run(place, "knowledge", "add", "Letters", str(tmp_path), str(tmp_path / "gone"), "--json")
    ends = {step["document"]: step for step in lines(out)}
    assert code == 1
    assert {name: step["state"] for name, step in ends.items()} == {
        "bad.pdf": "failed",
        "canteen.txt": "ready",
        "gone": "failed",
    }
    assert ends["bad.pdf"]["reason"]
    assert ends["gone"]["reason"]
    code, out, _ = run(place, "knowledge", "remove", "Letters", "canteen.txt", "--json")
    assert (code, lines(out)) == (0, [{"removed": "canteen.txt"}])
    code, out, _ = run(place, "knowledge", "remove", "Letters", "canteen.txt", "--json")
    assert (code, "bad.pdf" in error_of(out)["hint"]) == (1, True)
    assert run(place, "knowledge", "remove", "Letters")[0] == 0
    code, out, _ = run(place, "knowledge", "list", "--json")
    assert [c["name"] for c in json.loads(out)["collections"]] == ["Rules"]


def test_search_list_and_reindex(place: Path) -> None:
    """Searching gives the promised shape, best first, also while another process has the data home."""
    code, out, _ = run(place, "knowledge", "search", "Rules", QUESTION, "-k", "2", "--json")
    found = json.loads(out)
    assert (code, set(found)) == (0, {"results", "took_ms"})
    assert set(found["results"][0]) == {"rank", "score", "document", "page", "start", "end", "text"}
    best = found["results"][0]
    assert RULES[best["start"] : best["end"]] == best["text"]
    assert [hit["rank"] for hit in found["results"]] == [1, 2]
    assert found["results"][0]["score"] >= found["results"][1]["score"]
    lock = HomeLock.acquire(place, "window")
    try:
        code, out, err = run(place, "knowledge", "search", "Rules", QUESTION, "--json")
        assert (code, "36 hours" in json.loads(out)["results"][0]["text"]) == (0, True)
        assert "words" in err
        assert "rules.md" in run(place, "knowledge", "list", "Rules")[1]
        code, out, _ = run(place, "knowledge", "add", "Rules", str(place.parent), "--json")
        assert (code, error_of(out)["code"]) == (1, "storage")
    finally:
        lock.release()
    code, out, _ = run(place, "knowledge", "reindex", "Rules", "--json")
    assert (code, lines(out)[-1]["state"]) == (0, "ready")
    assert run(place, "knowledge", "search", "Rules", "x", "-k", "0")[0] == 2
    code, out, _ = run(place, "knowledge", "search", "None", "x", "--json")
    assert (code, "Rules" in error_of(out)["hint"]) == (1, True)


def test_retry_tries_what_failed(place: Path) -> None:
    """Each failed document of the collection, and nothing else; still broken, it exits with 1."""
    broken = place.parent / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing behind it")
    assert run(place, "knowledge", "add", "Rules", str(broken), "--json")[0] == 1
    code, out, err = run(place, "knowledge", "retry", "Rules", "--json")
    assert (code, err) == (1, "")
    steps = lines(out)
    assert {step["document"] for step in steps} == {"broken.pdf"}
    assert (steps[-1]["state"], bool(steps[-1]["reason"])) == ("failed", True)
    run(place, "knowledge", "remove", "Rules", "broken.pdf")
    assert run(place, "knowledge", "retry", "Rules", "--json") == (0, "", "")
