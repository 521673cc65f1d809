"""What models cost: lookups, sums, the person's own file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.domain.models import ModelPrice
from mastra_desktop.ops import price_table
from mastra_desktop.ops.config import ProviderConfig
from mastra_desktop.ops.price_table import PriceTable
from mastra_desktop.ops.prices import parse_table, put_price, read_table
from tests.conftest import RESOURCES

FILE = Path("/home/me/prices.toml")
SHIPPED = read_table(RESOURCES / "model_prices.toml")
names = st.text("abc-4.", min_size=1, max_size=6)
counts = st.one_of(st.none(), st.integers(0, 10_000_000))
amounts = st.one_of(st.none(), st.decimals(0, 1000, places=4))
price_of = st.builds(ModelPrice, input=amounts, cached=amounts, output=amounts)


def table(text: str) -> PriceTable:
    return parse_table(text, FILE)


def cost(usage: Usage, price: ModelPrice, *, beside: bool = False) -> Decimal | None:
    return price_table.cost(usage, price, cached_beside_input=beside, reasoning_beside_output=beside)


def test_the_shipped_table_is_whole() -> None:
    """It has a date, only kinds that exist, and cached input never costs more than fresh."""
    assert SHIPPED.as_of is not None
    kinds = {key for scope, key, _ in SHIPPED.entries if scope == "kind"}
    for kind in kinds:
        ProviderConfig.model_validate({"id": "x", "kind": kind})
    assert len(kinds) == 7
    for price in SHIPPED.entries.values():
        assert price.input is not None
        assert price.output is not None
        assert price.cached is None or price.cached < price.input


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt-4.1", "2.00"),
        ("gpt-4.1-mini", "0.40"),
        ("gpt-4.1-2025-04-14", "2.00"),
        ("gpt-4o-2024-05-13", "5.00"),
        ("gpt-4.1-audio", None),
        ("gpt-9", None),
    ],
)
def test_a_name_is_found_as_it_is_or_without_its_date(name: str, found: str | None) -> None:
    """A dated name has its own price or that of the undated; a longer name is another model."""
    price = SHIPPED.find("kind", "openai", name)
    assert (price.input if price else None) == (Decimal(found) if found else None)


@given(st.dictionaries(st.tuples(names, st.booleans()), st.integers(1, 9), max_size=6), names)
def test_the_closest_entry_is_found(written: dict[tuple[str, bool], int], name: str) -> None:
    """An exact name wins, else the longest beginning, else nothing: whatever else the table holds."""
    entries = {f"{key}*" if star else key: ModelPrice(amount) for (key, star), amount in written.items()}
    found = PriceTable(None, {("kind", "k", key): price for key, price in entries.items()}).find(
        "kind", "k", name
    )
    fitting = sorted((k for k in entries if k.endswith("*") and name.startswith(k[:-1])), key=len)
    expected = entries.get(name) or (entries[fitting[-1]] if fitting else None)
    assert found == expected
    assert PriceTable().find("kind", "k", name) is None


@given(st.builds(Usage, counts, counts, counts, counts), price_of, st.booleans())
def test_a_cost_is_known_or_none(usage: Usage, price: ModelPrice, beside: bool) -> None:
    """It is never negative, and None rather than a guess when a figure it needs is missing."""
    found = cost(usage, price, beside=beside)
    if found is not None:
        assert found >= 0
        return
    missing = [usage.input_tokens, usage.output_tokens, price.input, price.output]
    assert None in missing or (usage.cached_input_tokens and price.cached is None)


def test_sums() -> None:
    """Cached input has its own price; vendors that count beside input and output are added up."""
    price = ModelPrice(None, Decimal("2"), Decimal("0.5"), Decimal("8"))
    usage = Usage(1_000_000, 500_000, 400_000, 100_000)
    assert cost(usage, price) == Decimal("1.2") + Decimal("0.2") + 4
    assert cost(usage, price, beside=True) == 2 + Decimal("0.2") + Decimal("4.8")
    assert cost(Usage(10, 10, 4), ModelPrice(None, Decimal(2), None, Decimal(8))) is None
    assert cost(Usage(10, 10, 0), ModelPrice(None, Decimal(2), None, Decimal(8))) == Decimal("0.0001")


def test_prices_end_where_the_list_says() -> None:
    """Beyond `up_to` a vendor asks more: the cost is unknown there."""
    price = ModelPrice(None, Decimal(1), None, Decimal(1), up_to=200_000)
    assert cost(Usage(200_000, 0), price) == Decimal("0.2")
    assert cost(Usage(200_001, 0), price) is None


def test_free_needs_no_figures() -> None:
    """What runs here costs nothing, also where it does not count tokens."""
    assert cost(Usage(), ModelPrice(None, Decimal(0), Decimal(0), Decimal(0))) == 0
    assert cost(Usage(), ModelPrice()) is None


def test_own_figures_go_first() -> None:
    """The provider's before the kind's before ours; an entry with a price takes none from below it."""
    own = table(
        '[kind.openai]\n"gpt-4.1" = { input = 1.5, output = 6 }\n"o3" = { context = 100 }\n'
        '[provider.work]\n"gpt-4.1" = { input = 1, output = 3 }\n'
    )

    def find(provider: str, name: str) -> ModelPrice | None:
        return price_table.find("openai", provider, name, own, SHIPPED)

    assert find("work", "gpt-4.1") == ModelPrice(1_047_576, Decimal(1), None, Decimal(3))
    assert find("other", "gpt-4.1") == ModelPrice(1_047_576, Decimal("1.5"), None, Decimal(6))
    assert find("other", "o3") == ModelPrice(100, Decimal(2), Decimal("0.5"), Decimal(8))
    assert find("other", "nobody") is None


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("as_of = 3\n", 1, "allowed is a date"),
        ("\nprices = 3\n", 2, "no key that exists"),
        ("[kind.openai]\nx = 3\n", 2, "input = 2.00"),
        ("[kind.openai]\nx = { input = -1 }\n", 2, "US dollars"),
        ("[kind.openai]\nx = { input = nan }\n", 2, "US dollars"),
        ('[kind.openai]\nx = { output = "2" }\n', 2, "US dollars"),
        ("[kind.openai]\nx = { context = 0 }\n", 2, "whole number"),
        ("[kind.openai]\nx = { context = true }\n", 2, "whole number"),
        ("[kind.openai]\n\nx = { costs = 1 }\n", 3, "no key that exists"),
        ("[kind]\nopenai = 3\n", 2, "table of models"),
        ("kind = 3\n", 1, "headings"),
        ("[kind.openai\n", 1, "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, said: str) -> None:
    """Whatever is wrong in the file is refused, with the line and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        table(text)
    assert f"{FILE}, line {line}: " in caught.value.message
    assert said in caught.value.message


@pytest.mark.slow
@given(names, price_of.map(lambda p: ModelPrice(128_000, p.input, p.cached, p.output, 5)))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, name: str, price: ModelPrice
) -> None:
    """Any figures come back as they were given, beside what stood in the file with its comment."""
    file = tmp_path_factory.mktemp("prices") / "prices.toml"
    file.write_text('# mine\n[provider.other]\n"m" = { input = 1 }\n', "utf-8")
    put_price(file, "work", name, price)
    assert read_table(file).entries["provider", "work", name] == price
    assert file.read_text("utf-8").startswith("# mine\n")
    put_price(file, "work", name, None)
    assert set(read_table(file).entries) == {("provider", "other", "m")}


def test_a_broken_file_is_not_written(tmp_path: Path) -> None:
    """It is the person's to mend: a change is refused and the file stays as it is."""
    file = tmp_path / "prices.toml"
    file.write_text("[provider\n", "utf-8")
    with pytest.raises(ConfigError):
        put_price(file, "work", "m", ModelPrice(input=Decimal(1)))
    assert file.read_text("utf-8") == "[provider\n"
