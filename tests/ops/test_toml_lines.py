"""The scanner that knows on which line each key stands."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mastra_desktop.ops.toml_lines import KeyPath, line_numbers

DOCUMENT = '''\
# a comment with [brackets] and = signs
title = "a # b"   # 2
"quoted key"."x.y" = 1
[owner]
dob = 1979-05-27 07:32:00
text = """one
[not.a.table]
"quotes\\" inside" """
raw = \'\'\'
key = 1
\'\'\'\'
list = [ 1, # 12
  [2, 3],

  { a = 1, b.c = "]" } ,
]
[[servers]]
id = 'one'
[[servers.disks]]
size = 1
[[servers.disks]]
size = 2
[servers.meta]
x = {}
[[servers]]
id = "two"
[a.b."c d"]
last = []
'''


def test_a_document_with_everything() -> None:
    """Comments, strings, lists, inline tables, dotted keys and nested lists of tables, each on its line."""
    tomllib.loads(DOCUMENT)
    lines = line_numbers(DOCUMENT)
    expected: dict[KeyPath, int] = {
        ("title",): 2,
        ("quoted key", "x.y"): 3,
        ("owner",): 4,
        ("owner", "dob"): 5,
        ("owner", "text"): 6,
        ("owner", "raw"): 9,
        ("owner", "list"): 12,
        ("owner", "list", 0): 12,
        ("owner", "list", 1, 1): 13,
        ("owner", "list", 2, "b", "c"): 15,
        ("servers",): 17,
        ("servers", 0): 17,
        ("servers", 0, "id"): 18,
        ("servers", 0, "disks", 1, "size"): 22,
        ("servers", 0, "meta", "x"): 24,
        ("servers", 1, "id"): 26,
        ("a", "b", "c d", "last"): 28,
    }
    assert {path: lines.get(path) for path in expected} == expected


KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.text("ab.#=[]'\" é", max_size=4))
SCALARS = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(
        ["true", "1.5", "inf", "1979-05-27", "07:32:00", "'#['", '"""\nx = 1\n"""', "'''a\n'b'\n'''"]
    ),
    st.text("ab#=[]{},'\"\\", max_size=6).map(lambda s: json.dumps(s)),
)
SPACES = st.sampled_from(["", " ", "\n", ' # it\'s [a] = "comment"\n', "\r\n\t"])


@st.composite
def lists(draw: st.DrawFn) -> str:
    return (
        "["
        + "".join(draw(SPACES) + draw(SCALARS) + draw(SPACES) + "," for _ in range(draw(st.integers(0, 3))))
        + "]"
    )


@st.composite
def inline_tables(draw: st.DrawFn) -> str:
    names = draw(st.lists(KEYS, max_size=3, unique=True))
    return "{" + ", ".join(f"{json.dumps(n)} = {draw(SCALARS)}" for n in names) + "}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A document and the lines its keys were written on."""
    text = ""
    expected: dict[KeyPath, int] = {}
    counts: dict[str, int] = {}
    table: KeyPath = ()
    used: set[KeyPath] = set()
    headers = draw(st.lists(st.tuples(st.booleans(), KEYS), max_size=5))
    for repeated, name in [(None, ""), *headers]:
        text += draw(SPACES).lstrip(" ")
        text += "" if not text or text.endswith("\n") else "\n"
        if repeated is not None:
            if (name in counts) != repeated and (name,) in used:
                continue
            if not repeated and (name,) in used:
                continue
            used.add((name,))
            quoted = json.dumps(name, ensure_ascii=False)
            line = text.count("\n") + 1
            text += f"[[{quoted}]]\n" if repeated else f"[{quoted}]\n"
            if repeated:
                counts[name] = counts.get(name, 0) + 1
            table = (name, counts[name] - 1) if repeated else (name,)
            expected[table] = line
        for key in draw(st.lists(KEYS, max_size=4, unique=True)):
            if table == () and (key,) in used:
                continue
            used.add((*table, key))
            text += draw(st.sampled_from(["", "  ", "\n", "# x\n"]))
            expected[*table, key] = text.count("\n") + 1
            value = draw(st.one_of(SCALARS, lists(), inline_tables()))
            text += f"{json.dumps(key, ensure_ascii=False)} = {value} # end\n"
    return text, expected


@given(documents())
def test_generated_documents(written: tuple[str, dict[KeyPath, int]]) -> None:
    """Every key of any valid document is found on the line it was written on, and no key is missing."""
    text, expected = written
    values = tomllib.loads(text)
    lines = line_numbers(text)
    assert {path: lines.get(path) for path in expected} == expected
    assert all(path in lines for path in all_paths(values))


def all_paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [p for key, inner in items for p in ((*path, key), *all_paths(inner, (*path, key)))]


def test_project_file() -> None:
    """A large real document: each key's line begins with, or holds, the key."""
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8")
    lines = text.splitlines()
    for path, line in line_numbers(text).items():
        if isinstance(path[-1], str):
            assert path[-1] in lines[line - 1]
