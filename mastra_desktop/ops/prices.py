"""What models cost: a dated table that comes along, and the person's own figures in `prices.toml` over it.

Both files have this form; names in quotes, the second part of a heading is a kind or a provider's id:

    as_of = 2025-12-01
    [kind.openai]
    "gpt-4.1" = { context = 1_047_576, input = 2.00, cached = 0.50, output = 8.00 }
    [provider.team]
    "big*" = { input = 1.00, output = 3.00, up_to = 200_000 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.domain.models import ModelPrice
from mastra_desktop.ops.config import read_text
from mastra_desktop.ops.config_file import replace_text
from mastra_desktop.ops.config_problems import Places, refused, shown, syntax_problem
from mastra_desktop.ops.price_table import PRICES, PriceTable, Scope

_COUNTS = ("context", "up_to")
_MOST_TOKENS = 1_000_000_000
_MOST_DOLLARS = 1_000_000


def read_table(file: Path) -> PriceTable:
    """The file's entries; none when it is missing. Raises ConfigError that names the line."""
    try:
        text = read_text(file)
    except FileNotFoundError:
        return PriceTable()
    return parse_table(text, file)


def parse_table(text: str, file: Path) -> PriceTable:
    """`text`, the content of `file`, as a table. Raises ConfigError with every problem and its line."""
    try:
        values: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise refused([syntax_problem(error, file, text)]) from error
    problems = list(_problems(values, Places(file, text, {})))
    if problems:
        raise refused(problems)
    entries: dict[tuple[Scope, str, str], ModelPrice] = {}
    scopes: tuple[Scope, ...] = ("kind", "provider")
    for scope in scopes:
        for key, models in values.get(scope, {}).items():
            for name, figures in models.items():
                entries[scope, key, name] = _price(figures)
    return PriceTable(values.get("as_of"), entries)


def put_price(file: Path, provider_id: str, name: str, price: ModelPrice | None) -> None:
    """Writes an own entry for that provider's model, None takes it out; the rest of the file stays.

    Raises ConfigError when the file is broken, StorageError when it cannot be written: it is then as it was.
    """
    import tomlkit

    try:
        text = read_text(file)
    except FileNotFoundError:
        text = ""
    parse_table(text, file)  # a broken file is the person's to mend, never ours to overwrite
    document: Any = tomlkit.parse(text)
    providers = document.setdefault("provider", tomlkit.table(is_super_table=True))
    models = providers.setdefault(provider_id, tomlkit.table())
    if price is None:
        models.pop(name, None)
    else:
        entry = tomlkit.inline_table()
        entry.update(_figures(price))
        models[name] = entry
    result = tomlkit.dumps(document)
    parse_table(result, file)
    try:
        replace_text(file, result)
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written: {error.strerror or error}.",
            hint="Check the folder's permissions and the space on its disk. Nothing was changed.",
            detail=str(error),
        ) from error


def _figures(price: ModelPrice) -> dict[str, object]:
    import tomlkit

    written: dict[str, object] = {}
    if price.context_tokens is not None:
        written["context"] = price.context_tokens
    for part in PRICES:
        value: Decimal | None = getattr(price, part)
        if value is not None:
            written[part] = tomlkit.value(f"{value:.2f}" if value == round(value, 2) else f"{value:f}")
    if price.up_to is not None:
        written["up_to"] = price.up_to
    return written


def _price(figures: Mapping[str, Any]) -> ModelPrice:
    amounts = {key: Decimal(figures[key]) for key in PRICES if key in figures}
    context, up_to = figures.get("context"), figures.get("up_to")
    return ModelPrice(context, amounts.get("input"), amounts.get("cached"), amounts.get("output"), up_to)


def _problems(values: Mapping[str, Any], places: Places) -> Iterator[str]:
    for key, value in values.items():
        if key == "as_of":
            if type(value) is not date:
                yield f"{places.name((key,))} is {shown(value)}; allowed is a date like 2025-12-01."
        elif key not in ("kind", "provider"):
            yield f"{places.name((key,))} is no key that exists; allowed: as_of, [kind.…], [provider.…]."
        elif not isinstance(value, Mapping):
            yield f"{places.name((key,))} is {shown(value)}; allowed are headings like [{key}.name]."
        else:
            for name, models in value.items():
                if isinstance(models, Mapping):
                    yield from _entry_problems(models, (key, name), places)
                else:
                    yield f"{places.name((key, name))} is {shown(models)}; allowed is a table of models."


def _entry_problems(models: Mapping[str, Any], path: tuple[str, str], places: Places) -> Iterator[str]:
    for model, figures in models.items():
        place = (*path, model)
        if not isinstance(figures, Mapping):
            yield f"{places.name(place)} is {shown(figures)}; allowed is {{ input = 2.00, output = 8.00 }}."
            continue
        for key, value in figures.items():
            where = places.name((*place, key))
            if key in _COUNTS:
                if type(value) is not int or not 1 <= value <= _MOST_TOKENS:
                    yield f"{where} is {shown(value)}; allowed is a whole number of tokens from 1."
            elif key not in PRICES:
                yield f"{where} is no key that exists; allowed are context, input, cached, output and up_to."
            elif not _is_price(value):
                yield f"{where} is {shown(value)}; allowed are US dollars per 1 million tokens, from 0."


def _is_price(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    number = Decimal(value)
    return number.is_finite() and 0 <= number <= _MOST_DOLLARS
