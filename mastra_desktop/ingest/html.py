"""Web pages: the elements a reader sees, without scripts and navigation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, clean
from mastra_desktop.ingest.encodings import decode

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_DECLARED = re.compile(rb"<(?:meta[^>]*charset|\?xml[^>]*encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_SPACE = re.compile(r"[ \t\n\f\r]+")
_AROUND_BREAK = re.compile(r"[ \t]*\n[ \t]*")
_DROPPED_TAGS = (
    "head script style noscript nav template svg math iframe object embed canvas audio video button select "
    "input textarea dialog"
)
_BLOCK_TAGS = (
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr legend li main ol p pre section summary table tbody tfoot thead "
    "tr ul"
)
_DROPPED = frozenset(_DROPPED_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NOT_IN_ROWS = "table, h1, h2, h3, h4, ul, ol, pre, article, section"


def read_html(asked: Asked) -> ReadText:
    """A block per heading, paragraph, list item, table row and stretch of code."""
    data = asked.path.read_bytes()
    declared = _DECLARED.search(data[:4096])
    return html_to_text(decode(data, declared=declared[1].decode() if declared else ""))


def html_to_text(html: str) -> ReadText:
    """The same for a page that is decoded already."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    walk = _Walk()
    if tree.body is not None:
        walk.through(tree.body)
    title = tree.css_first("title")
    first = next((b for b in walk.builder.blocks if b.kind is BlockKind.HEADING), None)
    read = walk.builder.done(title=title.text() if title is not None else "")
    if read.title or first is None:
        return read
    return ReadText(read.text, read.blocks, read.text[first.start : first.end][:300], read.summary)


class _Walk:
    """Goes through a tree without recursion (a hostile page nests 100,000 deep) and gathers blocks."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._inline: list[str] = []
        self._kinds: list[tuple[BlockKind, int]] = [(BlockKind.PARAGRAPH, 0)]
        self._pre = 0
        self._row = 0

    def through(self, root: LexborNode) -> None:
        open_nodes: list[tuple[LexborNode, bool]] = []
        node: LexborNode | None = root
        while node is not None:
            entered, pushed = self._enter(node)
            child = node.child if entered else None
            if child is not None:
                open_nodes.append((node, pushed))
                node = child
                continue
            if entered:
                self._leave(node, pushed)
            following = node.next
            while following is None and open_nodes:
                done, pushed = open_nodes.pop()
                self._leave(done, pushed)
                if not open_nodes:
                    break
                following = done.next
            node = following if open_nodes else None
        self._flush()

    def _enter(self, node: LexborNode) -> tuple[bool, bool]:
        """(whether to go into it, whether it is a kind of its own)."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._inline.append(text if self._pre else _SPACE.sub(" ", text))
            return False, False
        if tag is None or tag.startswith("-") or tag in _DROPPED or _hidden(node):
            return False, False
        if tag == "br":
            self._inline.append("\n")
            return False, False
        if tag in ("td", "th") and self._row and any(part.strip() for part in self._inline):
            self._inline.append(" | ")
        if tag not in _BLOCKS:
            return True, False
        if self._row:
            self._inline.append(" ")
            return True, False
        self._flush()
        kind = self._kind(tag, node)
        if kind is None:
            return True, False
        self._kinds.append(kind)
        self._pre += kind[0] is BlockKind.CODE
        self._row += kind[0] is BlockKind.TABLE_ROW
        return True, True

    def _kind(self, tag: str, node: LexborNode) -> tuple[BlockKind, int] | None:
        if tag in _HEADINGS:
            return BlockKind.HEADING, _HEADINGS[tag]
        if tag in ("li", "dt", "dd"):
            return BlockKind.LIST_ITEM, 0
        if tag == "pre":
            return BlockKind.CODE, 0
        # A table that holds more than rows of cells is there for the layout, as in mails.
        if tag == "tr" and node.css_first(_NOT_IN_ROWS) is None:
            return BlockKind.TABLE_ROW, 0
        return None

    def _leave(self, node: LexborNode, pushed: bool) -> None:
        if node.tag in _BLOCKS and not (self._row and not pushed):
            self._flush()
        if pushed:
            kind, _ = self._kinds.pop()
            self._pre -= kind is BlockKind.CODE
            self._row -= kind is BlockKind.TABLE_ROW

    def _flush(self) -> None:
        kind, level = self._kinds[-1]
        text = clean("".join(self._inline))
        self._inline.clear()
        if kind is BlockKind.HEADING or kind is BlockKind.TABLE_ROW:
            text = " ".join(text.split())
        elif kind is not BlockKind.CODE:
            text = _AROUND_BREAK.sub("\n", re.sub(" {2,}", " ", text))
        self.builder.add(kind, text, level=level)


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return bool(attributes) and ("hidden" in attributes or attributes.get("role") == "navigation")
