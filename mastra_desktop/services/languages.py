"""Which language a question or a passage is in, by its most common words: as far as a search has to know.

Only languages in Latin letters: their texts share letters and still no words.
"""

from __future__ import annotations

import re

# Words that nearly every sentence has some of.
_COMMON = {
    "en": (
        "the of and to is are was were for with that this what how why which where when who do does "
        "did can i my should from by it be been have has at on"
    ),
    "de": (
        "der die das und ist sind wird werden wurde wurden wie welche welcher welches warum wann wo "
        "wer ein eine einen einem eines einer nicht für von vom zum zur mit auf bei über im den dem "
        "des sich kann gibt man ich wir unser unsere unserem mein meine meinem darf muss hat haben "
        "steht"
    ),
    "fr": (
        "le les des du est sont une dans pour avec sur qui quelle quelles quel quels comment pourquoi "
        "où quand et aux ce cette ces nous je on peut doit doivent été ont puis ne pas d'un d'une l' "
        "d' qu' au"
    ),
    "it": (
        "il gli dei delle della dello degli di è sono che per con come perché dove quando quale quali "
        "qual una nel nella nelle ai alle si può possono fare fa stati state chi cosa sul sulle sull' "
        "dell' all' un' dell nell"
    ),
    "es": (
        "el los las del es son una unos que para con como cómo por qué dónde cuándo cuál cuáles quién "
        "y en puede pueden puedo mi se al han ha tiene tenemos sobre sin"
    ),
    "pt": (
        "o os as do da dos das é são um uma não para com como por que onde quando qual quais quem em "
        "no na ao pode podem foi foram"
    ),
    "nl": (
        "het een van is zijn wat hoe waarom welke waar wanneer wie niet voor met op bij de en kan "
        "kunnen wordt worden moet moeten ik wij onze"
    ),
}
_LANGUAGES: dict[str, list[str]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _LANGUAGES.setdefault(_word, []).append(_language)
_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 200  # of a passage: enough to tell


def language_of(text: str) -> str:
    """The language whose common words a text has most of: "en", "de", "fr", "it", "es", "pt" or "nl".

    A word of several counts for each by its share. "" when it cannot be told.
    """
    counts = dict.fromkeys(_COMMON, 0.0)
    for word in _WORD.findall(text.casefold())[:_MOST_WORDS]:
        languages = _LANGUAGES.get(word, ())
        for language in languages:
            counts[language] += 1 / len(languages)
    first, second = sorted(counts, key=lambda language: -counts[language])[:2]
    return first if counts[first] >= 2 and counts[first] >= 1.5 * counts[second] else ""


def is_foreign(question: str, text: str) -> bool:
    """Whether a question is in another language than a text: common words of others outnumber its own."""
    language = language_of(text)
    if not language:
        return False
    own = foreign = 0
    for word in _WORD.findall(question.casefold()):
        languages = _LANGUAGES.get(word, ())
        own += language in languages
        foreign += bool(languages) and language not in languages
    return foreign > own
