"""Prices, costs and sizes of models in words."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.chat import Message, MessageState
from mastra_desktop.domain.models import ModelPrice
from mastra_desktop.services.price_book import PriceBook

_LEAST_SHOWN = Decimal("0.0001")


def tr(text: str) -> str:
    return QCoreApplication.translate("Money", text)


def dollars(amount: Decimal) -> str:
    """`$0.00`, `$0.0031`, `$1,204.50`; four places below a dollar, two above."""
    if 0 < amount < _LEAST_SHOWN:
        return f"< ${_LEAST_SHOWN}"
    return f"${_trimmed(amount, 4 if amount < 1 else 2)}"


def per_million(price: ModelPrice) -> str:
    """`$2.00 / $8.00`; one figure for embedding models; "" when nothing is known."""
    if price.input is None and price.output is None:
        return ""
    if price.output == 0 and price.input:
        return f"${_trimmed(price.input, 6)}"
    parts = (f"${_trimmed(part, 6)}" if part is not None else "?" for part in (price.input, price.output))
    return " / ".join(parts)


def context(tokens: int | None) -> str:
    """`1,048k`, `8k`, `512`; "" when it is unknown."""
    if tokens is None:
        return ""
    return f"{tokens / 1000:,.0f}k" if tokens >= 1000 else str(tokens)


def cost_note(message: Message, book: PriceBook) -> str:
    """What an answer's footer says of its cost; "" where nothing was counted and nobody expects a figure."""
    cost = book.cost_of(message)
    if cost is not None:
        words = dollars(cost)
        if message.cached:
            return tr("{cost}, cached").format(cost=words)
        return tr("{cost}, local").format(cost=words) if book.on_this_computer(message.model_id) else words
    if message.state is not MessageState.DONE and message.usage.output_tokens is None:
        return ""
    return tr("cost unknown")


def typed_amount(text: str) -> Decimal | None:
    """What a person wrote as a price; None for nothing. Raises ValueError for no amount."""
    text = text.strip().removeprefix("$").replace(",", ".").strip()
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not found.is_finite() or not 0 <= found <= 1_000_000:
        raise ValueError(text)
    return found


def typed_tokens(text: str) -> int | None:
    """`128k`, `1,048,576`, `1M`; None for nothing. Raises ValueError for no number of tokens."""
    text = text.strip().replace(",", "").replace("_", "").replace(" ", "").casefold()
    if not text:
        return None
    factor = {"k": 1000, "m": 1_000_000}.get(text[-1], 1)
    found = int(Decimal(text.rstrip("km")) * factor) if _is_plain(text.rstrip("km")) else 0
    if not 1 <= found <= 1_000_000_000:
        raise ValueError(text)
    return found


def _is_plain(text: str) -> bool:
    whole, _, part = text.partition(".")
    return whole.isascii() and whole.isdecimal() and (not part or (part.isascii() and part.isdecimal()))


def _trimmed(amount: Decimal, most: int) -> str:
    """At least two places, at most `most`, no zeros at the end beyond two."""
    whole, _, places = f"{amount:,.{most}f}".partition(".")
    return f"{whole}.{places[:2]}{places[2:].rstrip('0')}"
