"""How Binance calls assets and markets: dated renames, symbols without a separator, and how it writes numbers.

Sources: binance.com announcements (MATIC became POL on 2024-09-13, LUNA became LUNC on 2022-05-28), developers.binance.com.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from metrifly_pipeline.sandbox.truth import TruthMarket

PLACES = 8
"""Binance writes prices, quantities and commissions of the order book with at least this many decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Until `until_us` Binance called our `asset` by the old `code`."""

    asset: str
    code: str
    until_us: int


def _us(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000


RENAMES = (
    Rename(asset="POL", code="MATIC", until_us=_us(2024, 9, 13)),
    Rename(asset="LUNC", code="LUNA", until_us=_us(2022, 5, 28, 6)),
)


_IDLE = (
    "ADA",
    "XRP",
    "DOGE",
    "LTC",
    "LINK",
    "AVAX",
    "DOT",
    "TRX",
    "ATOM",
    "UNI",
    "NEAR",
    "ARB",
    "OP",
    "FIL",
    "ETC",
    "TON",
)
IDLE_MARKETS = tuple(TruthMarket(base=coin, quote=quote) for coin in _IDLE for quote in ("USDT", "BTC"))
"""Markets that are listed though no account here trades on them."""


def code_of(asset: str, at_us: int) -> str:
    """Binance's code for our asset at that time."""
    return next((r.code for r in RENAMES if r.asset == asset and at_us < r.until_us), asset)


def symbol_of(market: TruthMarket, at_us: int) -> str:
    """Binance's symbol of a market at that time, such as `MATICUSDT` before the rename and `POLUSDT` after."""
    return code_of(market.base, at_us) + code_of(market.quote, at_us)


def fixed(value: Decimal) -> str:
    """Digits as the order book shows them: at least eight decimals, more where the value has them."""
    exponent = value.as_tuple().exponent
    places = max(PLACES, -exponent) if isinstance(exponent, int) else PLACES
    return f"{value:.{places}f}"


def plain(value: Decimal) -> str:
    """Digits as the wallet endpoints show them: no trailing zeros, no exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
