"""What an item model answers per row of a section list: the words between item models and the list widget."""

from __future__ import annotations

from enum import IntEnum

from PySide6.QtCore import Qt

_FIRST = Qt.ItemDataRole.UserRole


class RowRole(IntEnum):
    """DisplayRole is the title. Everything but ID may be missing (None)."""

    KIND = _FIRST + 1  # "row" (or None), or "section": a heading with title, icon and time
    ID = _FIRST + 2  # str, unique among the rows
    TIME = _FIRST + 3  # str, short, at the right: "09:12", "Tue"
    NOTE = _FIRST + 4  # str, second line; a list without any uses `one_line`
    NOTE_ICON = _FIRST + 5  # str, icon before the note
    NOTE_TONE = _FIRST + 6  # Tone of note and icon
    BUSY = _FIRST + 7  # bool, a spinner before the note
    UNREAD = _FIRST + 8  # bool, a dot after the title
    TITLE_MARKS = _FIRST + 9  # list[tuple[int, int]], (start, length) of found words in the title
    NOTE_MARKS = _FIRST + 10  # the same for the note
    ICON = _FIRST + 11  # str, icon before a section's title or a one-line row's
    TILE = _FIRST + 12  # str, a tile's colour: the icon on it, left of both lines
    SIGN = _FIRST + 13  # str, icon at the right of a row with a tile; BUSY has its spinner there too
    SIGN_TONE = _FIRST + 14  # Tone of the sign
