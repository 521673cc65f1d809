"""On which line of a TOML document each key, table and list item stands. The parsers at hand don't say."""

from __future__ import annotations

import re
import tomllib

KeyPath = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_OTHER_VALUE = re.compile(r"[^,\]}#\n]*")


def line_numbers(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each key path in `text`, which must be valid TOML.

    List items and `[[tables]]` are counted from 0: `("providers", 1, "id")`.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Walks over a valid document. It only has to know where things begin, not what they mean."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted_to = 0
        self._line = 1
        self._lines: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}  # of the lists made by [[headers]]

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._next_is("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> KeyPath:
        line = self._line_here()
        repeated = self._text.startswith("[[", self._at)
        self._at += 2 if repeated else 1
        *parents, last = self._key()
        self._at += 2 if repeated else 1
        path: KeyPath = ()
        for name in parents:
            path = self._into_last((*path, name), line)
        path = (*path, last)
        if repeated:
            self._lines.setdefault(path, line)
            self._lengths[path] = self._lengths.get(path, 0) + 1
        path = self._into_last(path, line)
        self._lines[path] = line
        return path

    def _into_last(self, path: KeyPath, line: int) -> KeyPath:
        """`path`, or its newest item where it is a list of tables."""
        self._lines.setdefault(path, line)
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _pair(self, table: KeyPath) -> None:
        line = self._line_here()
        path = table
        for name in self._key():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        """A possibly dotted key; stops at what follows it."""
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = self._next_is('"') or self._next_is("'")
            raw = self._take(_STRING if quoted else _BARE_KEY)
            names.append(next(iter(tomllib.loads(f"{raw} = 0"))) if quoted else raw)
            self._skip(_SPACE)
            if not self._next_is("."):
                return names
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if self._next_is("["):
            self._list(path)
        elif self._next_is("{"):
            self._inline_table(path)
        else:
            self._skip(_STRING if self._next_is('"') or self._next_is("'") else _OTHER_VALUE)

    def _list(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while not self._next_is("]"):
            self._lines[(*path, index)] = self._line_here()
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self._next_is(","):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._next_is("}"):
            self._pair(path)
            self._skip(_BLANK)
            if self._next_is(","):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _next_is(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at = match.end()
        return match[0]

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line
