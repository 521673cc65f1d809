"""Telling languages apart, as far as a search needs it."""

from __future__ import annotations

import pytest

from mastra_desktop.services.languages import is_foreign, language_of

TEXTS = {
    "en": "The refund worker takes the ledger lock before it calls the card network.",
    "de": "Die Kündigungsfrist beträgt drei Monate, wenn nichts anderes vereinbart wurde.",
    "fr": "Le contrat est conclu pour une durée de trois ans et peut être renouvelé.",
    "it": "Il contratto è valido per tre anni e può essere rinnovato dalle parti.",
    "es": "El contrato es válido por tres años y puede ser renovado por las partes.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_enough(language: str) -> None:
    """Its common words tell it; figures and names tell nothing."""
    assert language_of(TEXTS[language]) == language
    assert language_of("ISO 9001, Rev. 7 (2024)") == ""


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("Wie lange ist die Kündigungsfrist?", "en", True),
        ("Wie lange ist die Kündigungsfrist?", "de", False),
        ("Propriétés des matériaux", "en", True),
        ("what is the notice period", "en", False),
        ("what is the notice period", "de", True),
        ("do viscous effects modify pressure", "en", False),
        ("notice period", "en", False),
        ("notice period", "de", False),  # nothing speaks for a language
    ],
)
def test_a_question_in_another_language(question: str, language: str, expected: bool) -> None:
    """Words that both languages have count for the passage's."""
    assert is_foreign(question, TEXTS[language]) is expected


def test_unknown_texts_make_no_question_foreign() -> None:
    """Tables and code have no language."""
    assert not is_foreign("Wie lange ist die Frist?", "x = f(y); 12 34 56")
