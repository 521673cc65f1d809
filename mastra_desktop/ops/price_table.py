"""A table of prices, what it knows of a model, and what an answer costs by it. `prices` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.models import ModelPrice

MILLION = 1_000_000
UNKNOWN = ModelPrice()

Scope = Literal["kind", "provider"]
PRICES = ("input", "cached", "output")
_DATED = re.compile(r"(.+)-(?:20\d{6}|20\d\d-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The entries of one file by (scope, kind or provider id, name). `as_of` is None where none is given."""

    as_of: date | None = None
    entries: Mapping[tuple[Scope, str, str], ModelPrice] = field(default_factory=dict)

    def find(self, scope: Scope, key: str, name: str) -> ModelPrice | None:
        """The entry of that name, else of the name without its date, else of the longest beginning."""
        dated = _DATED.fullmatch(name)
        for exact in (name, dated[1]) if dated else (name,):
            if (found := self.entries.get((scope, key, exact))) is not None:
                return found
        for length in range(len(name), -1, -1):
            if (found := self.entries.get((scope, key, f"{name[:length]}*"))) is not None:
                return found
        return None


def find(kind: str, provider_id: str, name: str, own: PriceTable, shipped: PriceTable) -> ModelPrice | None:
    """What is known of a model: the person's figures for the provider, then for the kind, then ours.

    An own entry that gives any price gives all of them; without, it only changes the context.
    """
    base = shipped.find("kind", kind, name)
    for entry in (own.find("kind", kind, name), own.find("provider", provider_id, name)):
        if entry is None:
            continue
        context = entry.context_tokens or (base.context_tokens if base else None)
        priced = any(getattr(entry, part) is not None for part in PRICES)
        base = replace(entry if priced or base is None else base, context_tokens=context)
    return base


def cost(
    usage: Usage, price: ModelPrice, *, cached_beside_input: bool, reasoning_beside_output: bool
) -> Decimal | None:
    """In US dollars; None when any figure it needs is unknown.

    Vendors count cached tokens among the input or beside it, reasoning among the output or beside it.
    """
    if price.free and not price.cached:
        return Decimal(0)
    read, written = usage.input_tokens, usage.output_tokens
    if read is None or written is None or price.input is None or price.output is None:
        return None
    cached = usage.cached_input_tokens or 0
    if cached and price.cached is None:
        return None
    whole = read + cached if cached_beside_input else read
    if price.up_to is not None and whole > price.up_to:
        return None
    if reasoning_beside_output:
        written += usage.reasoning_tokens or 0
    parts = max(whole - cached, 0) * price.input + cached * (price.cached or 0) + written * price.output
    return parts / MILLION
