"""Colours for code: runs of syntax colour names per line, found a few milliseconds at a time.

pygments is imported at the first use, not before. Names are those of the `syntax.*` tokens, so a theme change
needs no new lexing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

Run = tuple[int, int, str]
"""(start, length, colour name) within a line."""

_NAMES = {
    "": "", "text": "Text", "txt": "Text", "plaintext": "Text", "py": "Python", "js": "JavaScript",
    "javascript": "JavaScript", "jsx": "JSX", "ts": "TypeScript", "typescript": "TypeScript", "tsx": "TSX",
    "sh": "Shell", "sql": "SQL", "json": "JSON", "yaml": "YAML", "yml": "YAML", "toml": "TOML",
    "ini": "INI", "xml": "XML", "html": "HTML", "css": "CSS", "scss": "SCSS", "cpp": "C++",
    "c++": "C++", "cs": "C#", "csharp": "C#", "rs": "Rust", "php": "PHP", "md": "Markdown", "tex": "LaTeX",
    "latex": "LaTeX", "powershell": "PowerShell", "kt": "Kotlin", "vb": "Visual Basic", "graphql": "GraphQL",
    "csv": "CSV", "http": "HTTP",
}  # fmt: skip

_COLORS = (
    ("Comment", "comment"),
    ("Keyword.Type", "type"),
    ("Keyword", "keyword"),
    ("Operator.Word", "keyword"),
    ("Operator", "operator"),
    ("Punctuation", "operator"),
    ("Literal.String", "string"),
    ("Literal.Number", "number"),
    ("Literal", "string"),
    ("Name.Function", "function"),
    ("Name.Builtin", "function"),
    ("Name.Class", "type"),
    ("Name.Tag", "type"),
    ("Name.Attribute", "type"),
    ("Name.Exception", "type"),
    ("Name.Decorator", "function"),
    ("Name.Variable", "variable"),
    ("Name.Constant", "variable"),
    ("Generic.Deleted", "variable"),
    ("Generic.Inserted", "string"),
    ("Generic.Heading", "keyword"),
    ("Generic.Subheading", "function"),
    ("Generic.Prompt", "comment"),
)

_CHUNK = 1_500
_CHUNK_MAX = 4_000


def language_name(language: str) -> str:
    """How a code block's header names its language."""
    return _NAMES.get(language.lower(), language[:1].upper() + language[1:])


def warm_up() -> None:
    """Import what the first code block will need (about 30 ms)."""
    from pygments.lexers import get_lexer_by_name

    get_lexer_by_name("python")


class Highlighter:
    """Lexers by language, and the colour of each token type; one per view."""

    def __init__(self) -> None:
        self._lexers: dict[str, Lexer | None] = {}
        self._colors: dict[object, str] = {}

    def lexer(self, language: str) -> Lexer | None:
        """The lexer of a fence's language; None for plain text and unknown ones."""
        key = language.lower()
        if key not in self._lexers:
            self._lexers[key] = _find_lexer(key)
        return self._lexers[key]

    def color(self, token_type: object) -> str:
        """The `syntax.*` name of a pygments token type; "" for plain text."""
        found = self._colors.get(token_type)
        if found is None:
            name = str(token_type).removeprefix("Token.")
            found = next((color for prefix, color in _COLORS if name.startswith(prefix)), "")
            self._colors[token_type] = found
        return found


def _find_lexer(language: str) -> Lexer | None:
    if not language or language in ("text", "txt", "plaintext", "plain"):
        return None
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None


class CodeColors:
    """The runs of one code block, which may still grow.

    An open block is lexed from the last likely fresh start (an unindented line after an empty one), so a
    batch costs the same however long the block is. Once closed it is lexed from the top if that was not one.
    """

    def __init__(self, highlighter: Highlighter, language: str) -> None:
        self._highlighter = highlighter
        self._language = language
        self._lexer: Lexer | None = None
        self._known = False
        self._start = 0
        self._upto = 0
        self._work: Iterator[tuple[int, list[Run]]] | None = None
        self.runs: list[list[Run]] = []
        self.lexed = 0

    def wants(self, count: int) -> bool:
        """Whether there are lines (of `count` complete ones) without colours."""
        return (self._work is not None or count > self.lexed) and not (self._known and self._lexer is None)

    def step(self, lines: Sequence[str], count: int, *, closed: bool, seconds: float) -> tuple[int, int]:
        """Work for about `seconds` on the first `count` lines. Returns the range of lines coloured now."""
        if not self._known:
            self._lexer = self._highlighter.lexer(self._language)
            self._known = True
        if self._lexer is None:
            return 0, 0
        if self._work is None:
            if closed and self._start:
                self._start = 0
            self._upto = count
            text = "\n".join(lines[self._start : count]) + "\n"
            self._work = self._lex(self._lexer, text, self._start)
        deadline = perf_counter() + seconds
        first, last = count, 0
        for line, runs in self._work:
            while len(self.runs) <= line:
                self.runs.append([])
            self.runs[line] = runs
            first, last = min(first, line), line + 1
            if perf_counter() > deadline:
                return first, last
        self._work = None
        self.lexed = self._upto
        if not closed:
            self._move_start(lines)
        return first, last

    def _move_start(self, lines: Sequence[str]) -> None:
        size = sum(map(len, lines[self._start : self.lexed]))
        if size < _CHUNK:
            return
        for line in range(self.lexed - 1, self._start, -1):
            if lines[line][:1].strip() and not lines[line - 1].strip():
                self._start = line
                return
        if size > _CHUNK_MAX:
            self._start = self.lexed

    def _lex(self, lexer: Lexer, text: str, line: int) -> Iterator[tuple[int, list[Run]]]:
        runs: list[Run] = []
        column = 0
        for _, token_type, value in lexer.get_tokens_unprocessed(text):
            color = self._highlighter.color(token_type)
            first, *more = value.split("\n")
            if color and first:
                runs.append((column, len(first), color))
            column += len(first)
            for part in more:
                yield line, runs
                line, runs, column = line + 1, [], len(part)
                if color and part:
                    runs.append((0, column, color))
