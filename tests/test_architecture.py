"""The house rules that a machine can check."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mastra_desktop"
MOST_LINES = 500

# What no command and no window may import before its first work: each costs 50 ms to seconds.
LATE = {
    "alembic",
    "chromadb",
    "cryptography",
    "filelock",
    "httpx",
    "keyring",
    "markdown_it",
    "onnxruntime",
    "opentelemetry",
    "platformdirs",
    "prometheus_client",
    "psutil",
    "pygments",
    "redis",
    "tomlkit",
    "xllamacpp",
}


def python_files() -> Iterator[Path]:
    for folder in ("mastra_desktop", "tests", "packaging"):
        yield from (ROOT / folder).rglob("*.py")


def test_imports_go_one_way() -> None:
    """The layers of docs/architecture.md hold: the contracts of import-linter in pyproject.toml."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_panes_do_not_know_each_other() -> None:
    """A pane imports no other pane; what two share is a part beside them or a widget."""
    panes = PACKAGE / "ui" / "panes"
    found = [
        f"{file.name}: {line}"
        for file in panes.glob("*_pane.py")
        for line in re.findall(r"from mastra_desktop\.ui\.panes\.\w+_pane import.*", file.read_text("utf-8"))
    ]
    assert not found


def test_every_task_has_an_owner() -> None:
    """Tasks are begun by a TaskGroup, by the three who own and end theirs, and nowhere else."""
    owners = {"ui/tasks.py", "ops/background.py", "ops/shutdown.py"}
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if re.search(r"(?<!group)\.(create_task|ensure_future)\(", file.read_text("utf-8"))
    }
    assert found == owners


def test_files_stay_short() -> None:
    """No Python file has over 500 lines."""
    sizes = {f.relative_to(ROOT): len(f.read_text("utf-8").splitlines()) for f in python_files()}
    assert not {str(file): n for file, n in sizes.items() if n > MOST_LINES}


def test_colours_come_from_the_theme() -> None:
    """No colour is written in code: tokens.json under resources/ has them all."""
    literal = re.compile(
        r"""["'][^"'\n]*\#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b"""  # "#1a2b3c" in a string
        r"""|QColor\(\s*["'\d]|QColor\.fromRgb|Qt\.GlobalColor\.(?!transparent)""",
    )
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in PACKAGE.rglob("*.py")
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if literal.search(line)
    ]
    assert not found


def test_no_registry_is_named() -> None:
    """No file says where packages or models are downloaded from: the tools' own settings decide that."""
    hosts = {  # in halves, so that this file names none itself
        "pypi": "org",
        "pythonhosted": "org",
        "npmjs": "(?:com|org)",
        "huggingface": "co",
        "modelscope": "cn",
        "jsdelivr": "net",
        "unpkg": "com",
        "debian": "org",
        "ubuntu": "com",
    }
    named = re.compile("|".join(rf"\b{name}\.{end}\b" for name, end in hosts.items()))
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not listed:
        pytest.skip("not a git checkout")
    found = []
    for name in listed.split("\0"):
        file = ROOT / name
        if name and file.is_file() and (hit := named.search(file.read_bytes().decode("utf-8", "replace"))):
            found.append(f"{name}: {hit[0]}")
    assert not found


@pytest.mark.parametrize("module", ["cli", "core", "engine"])
def test_start_imports_nothing_heavy(module: str) -> None:
    """What a command needs before it works leaves heavy packages, and Qt, alone."""
    script = (
        f"import mastra_desktop.{module}, sys; print(*(n for n, m in sys.modules.items() if m is not None))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & (LATE | {"PySide6", "qasync"})
