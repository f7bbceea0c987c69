"""Which symbols to ask: Binance tells trades symbol by symbol only, and lists some thousands of symbols."""

from collections import Counter
from collections.abc import Sequence

from metrifly_pipeline.domain.records import Market

EARN_PREFIX = "LD"
"""Flexible Simple Earn shows BNB as LDBNB in the spot wallet (while LDO is an asset of its own)."""


HUBS = 10
"""How many quotes count as stepping stones between other assets; the ones with the most symbols."""


def candidate_symbols(asset_codes: set[str], markets: Sequence[Market]) -> list[str]:
    """Choose the symbols that an exchange account with these assets may have traded on.

    A trade has two sides. Where both were seen (in balances, deposits, withdrawals, converts, rewards, fees or trades), the symbol comes
    first. One side may have been swapped away whole (EUR to USDT, all USDT to SOL: USDT moved and doesn't show), so every seen asset is
    crossed with the great quotes too. What stays hidden even so (deposit USDT, buy X, sell X for BTC) is found by the sweep of all
    symbols; asking again with the assets of the trades found shortens the way.

    Args:
        asset_codes: Binance's own codes.
        markets: All symbols ever seen, delisted ones too.

    Returns:
        Market ids without repetition: both sides seen, then one side and a great quote; in each the listed before the delisted.

    Raises:
        Nothing.
    """
    by_quote = Counter(market.quote for market in markets)
    hubs = set(sorted(by_quote, key=lambda code: (-by_quote[code], code))[:HUBS])
    traded = {market.base for market in markets} | by_quote.keys()
    seen = {_spot_code(code, traded) for code in asset_codes}
    ranked: dict[str, tuple[int, bool, str]] = {}
    for market in markets:
        sides = {market.base, market.quote}
        if sides & seen and sides <= seen | hubs:
            ranked.setdefault(market.market_id, (0 if sides <= seen else 1, not market.active, market.market_id))
    return sorted(ranked, key=ranked.__getitem__)


def _spot_code(code: str, traded: set[str]) -> str:
    """The code under which an Earn balance is traded."""
    plain = code.removeprefix(EARN_PREFIX)
    return plain if code not in traded and plain in traded else code
