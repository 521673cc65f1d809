"""What the search over Settings finds: pages by title, settings by title, key and the words about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PAGE, EXACT, TITLE, KEY, ABOUT = 1, 0, 2, 3, 4  # how good a find is: less is better


@dataclass(frozen=True, slots=True)
class Findable:
    """A setting of a page: `name` is what the page reveals it by, `words` is what is said about it."""

    name: str
    title: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A setting that fits, and where its title does: (start, length) each."""

    findable: Findable
    rank: int
    marks: tuple[tuple[int, int], ...]


def find(query: str, settings: Sequence[Findable], page: str) -> list[Found]:
    """Those in which every word of `query` occurs, the best first. The page's title counts as said."""
    wanted = query.casefold().split()
    found = []
    for setting in settings if wanted else ():
        rank = _rank(wanted, setting, page)
        if rank is not None:
            found.append(Found(setting, rank, tuple(_marks(wanted, setting.title))))
    return sorted(found, key=lambda each: each.rank)


def fits(query: str, title: str) -> bool:
    """Whether every word of `query` occurs in a page's title."""
    return all(word in title.casefold() for word in query.casefold().split())


def _rank(wanted: list[str], setting: Findable, page: str) -> int | None:
    title, name = setting.title.casefold(), setting.name.casefold()
    whole = " ".join(wanted)
    if whole in (title, name):
        return EXACT
    for rank, text in ((TITLE, title), (KEY, f"{title} {name}")):
        if all(word in text for word in wanted):
            return rank
    about = f"{title} {name} {setting.words.casefold()}"
    if not all(word in f"{about} {page.casefold()}" for word in wanted):
        return None
    return ABOUT if any(word in about for word in wanted) and not fits(whole, page) else None


def _marks(wanted: list[str], title: str) -> Iterator[tuple[int, int]]:
    for word in wanted:
        start = title.casefold().find(word)
        if start >= 0:
            yield start, len(word)
