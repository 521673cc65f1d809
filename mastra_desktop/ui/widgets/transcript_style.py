"""Fonts, colours and sizes of the transcript, read from the theme once."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QTextCharFormat, QTextOption

from mastra_desktop.ui.markdown_inline import BOLD, CODE, ITALIC, STRIKE
from mastra_desktop.ui.theme import Theme

INDENT = {"q": 14, "b": 18, "o": 28}
"""Width of one container in pixels, by its letter in `Block.inside`."""
CHIP = 4
"""Room left and right of inline code in pixels."""
CITE = 17
"""Height and least width of a citation's chip."""
CITE_LEFT, CITE_RIGHT = 2, 1
"""Room beside a citation's chip in pixels."""


class Style:
    """One theme as the transcript needs it. `quiet` is the grey, smaller variant for reasoning."""

    def __init__(self, theme: Theme, *, quiet: bool = False) -> None:
        self.theme = theme
        self.quiet = quiet
        scale = "ui" if quiet else "body"
        self.font = theme.font(scale)
        self.line = theme.line_height(scale)
        self.text_color = theme.color("text.secondary" if quiet else "text.primary")
        self.mono = theme.font("code")
        self.mono_line = theme.line_height("code")
        self.mono_width = QFontMetricsF(self.mono).horizontalAdvance("0")
        self.letter = QFontMetricsF(self.font).horizontalAdvance("the quick brown fox ") / 20
        self.cell_font = theme.font("ui", tabular=True)
        self.cell_line = theme.line_height("ui")
        self.head_font = theme.font("small", 600)
        self.head_line = theme.line_height("small")
        self.wrap = QTextOption()
        self.wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.no_wrap = QTextOption()
        self.no_wrap.setWrapMode(QTextOption.WrapMode.NoWrap)
        self.no_wrap.setTabStopDistance(self.mono_width * 4)
        self.cite_font = theme.font("caption", 600, tabular=True)
        self._cites: dict[int, tuple[QTextCharFormat, int]] = {}
        self._formats: dict[tuple[int, bool, bool], QTextCharFormat] = {}
        self._syntax: dict[str, QTextCharFormat] = {}
        self._headings: dict[int, QFont] = {}
        self.selected = QTextCharFormat()
        self.selected.setBackground(theme.color("accent.border"))
        self.marked = QTextCharFormat()
        self.marked.setBackground(theme.color("highlight.bg"))
        self.marked.setForeground(theme.color("highlight.fg"))

    def color(self, path: str) -> QColor:
        return self.theme.color(path)

    def heading(self, level: int) -> tuple[QFont, int]:
        """Font and line height of a heading."""
        if level not in self._headings:
            font = self.theme.font("heading" if level <= 2 else "title" if level == 3 else "body", 600)
            if level == 2:
                font.setPixelSize(self.theme.scaled(16))
            self._headings[level] = font
        line = (
            self.theme.line_height("heading") if level == 1 else self.theme.scaled(24 if level == 2 else 22)
        )
        return self._headings[level], line

    def char_format(self, flags: int, *, link: bool, spaced: bool) -> QTextCharFormat:
        """The look of a run; `spaced` leaves room for the edge of a code chip after it."""
        key = (flags, link, spaced)
        found = self._formats.get(key)
        if found is None:
            found = self._formats[key] = QTextCharFormat()
            if flags & CODE:
                found.setFont(self.mono)
            if flags & BOLD:
                found.setFontWeight(QFont.Weight.DemiBold)
            if flags & ITALIC:
                found.setFontItalic(True)
            if flags & STRIKE:
                found.setFontStrikeOut(True)
            if link:
                found.setForeground(self.color("text.link"))
            if spaced:
                found.setFontLetterSpacingType(QFont.SpacingType.AbsoluteSpacing)
                found.setFontLetterSpacing(CHIP)
        return found

    def cite_format(self, length: int) -> tuple[QTextCharFormat, int]:
        """The look of a citation of so many characters, and the width of its chip.

        Its text is there for the clipboard and stays unseen; it takes the room that the chip is painted in.
        """
        if length not in self._cites:
            metrics = QFontMetricsF(self.cite_font)
            wide = max(CITE, round(metrics.horizontalAdvance("0" * (length - 2))) + 10)
            look = QTextCharFormat()
            look.setFont(self.cite_font)
            look.setForeground(Qt.GlobalColor.transparent)
            natural = metrics.horizontalAdvance("[" + "0" * (length - 2) + "]")
            look.setFontLetterSpacingType(QFont.SpacingType.AbsoluteSpacing)
            look.setFontLetterSpacing((wide + CITE_LEFT + CITE_RIGHT - natural) / length)
            self._cites[length] = look, wide
        return self._cites[length]

    def syntax(self, name: str) -> QTextCharFormat:
        """The colour of a `syntax.*` token as a text format."""
        found = self._syntax.get(name)
        if found is None:
            found = self._syntax[name] = QTextCharFormat()
            found.setForeground(self.color(f"syntax.{name}"))
        return found


ALIGNMENTS = {
    "": Qt.AlignmentFlag.AlignLeading,
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}
