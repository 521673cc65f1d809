"""What the item models of knowledge answer: the words between them and the widgets that paint."""

from __future__ import annotations

from enum import IntEnum

from PySide6.QtCore import Qt

_FIRST = Qt.ItemDataRole.UserRole


class DocumentColumn(IntEnum):
    NAME = 0
    STATUS = 1
    PASSAGES = 2
    ADDED = 3


class DocumentRole(IntEnum):
    """DisplayRole is the column's own words; the rest may be missing (None)."""

    ID = _FIRST + 1  # str, the same in every column
    NOTE = _FIRST + 2  # str, second line: "Excel, 1.8 MB, 6 sheets", or why it failed
    ICON = _FIRST + 3  # str, of the kind of file, or of the state
    TILE = _FIRST + 4  # str, the colour of the tile behind the icon
    TONE = _FIRST + 5  # Tone of the state's icon and words
    BUSY = _FIRST + 6  # bool, a spinner instead of the icon
    PERCENT = _FIRST + 7  # int, 0 to 100: a bar below the words
    PERCENT_COLOR = _FIRST + 8  # str, the bar's token
    RETRY = _FIRST + 9  # bool, a button Retry at the right


class HitRole(IntEnum):
    """DisplayRole is the document's name."""

    ID = _FIRST + 1  # int, the passage
    RANK = _FIRST + 2  # str, "1"
    PLACE = _FIRST + 3  # str, "page 14"
    SCORE = _FIRST + 4  # float, 0 to 1, or None where there is none
    TEXT = _FIRST + 5  # str, one paragraph
    MARKS = _FIRST + 6  # list[tuple[int, int]], (start, length) of found words in the text, in UTF-16 units
