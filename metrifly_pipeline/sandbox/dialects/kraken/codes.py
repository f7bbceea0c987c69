"""How Kraken calls assets and pairs, and with how many decimals it writes them.

Sources: Kraken's public Assets and AssetPairs as ccxt 4.5.90 documents them; docs.kraken.com on the suffixes .S .M .F .B.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

EARN = "earn"
SPOT = "spot"


def _us(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


POL_SINCE_US = _us(2024, 9, 4)
"""Until then Kraken called POL by its old code MATIC; balances were exchanged one to one."""

NINE_DECIMALS_SINCE_US = _us(2024, 6, 1)
"""Times carry 4 decimals before and up to 9 since (a date made up within what Kraken's own records show)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One of Kraken's asset codes."""

    code: str
    asset: str
    """Our code."""
    decimals: int
    altname: str
    wallet: str = SPOT
    status: str = "enabled"


def _coin(code: str, asset: str, decimals: int, altname: str = "", status: str = "enabled") -> Coin:
    wallet = EARN if "." in code else SPOT
    return Coin(code=code, asset=asset, decimals=decimals, altname=altname or code, wallet=wallet, status=status)


COINS = (
    _coin("ZUSD", "USD", 4, "USD"),
    _coin("ZEUR", "EUR", 4, "EUR"),
    _coin("XXBT", "BTC", 10, "XBT"),
    _coin("XETH", "ETH", 10, "ETH"),
    _coin("XLTC", "LTC", 10, "LTC"),
    _coin("XXDG", "DOGE", 8, "XDG"),
    _coin("XREP", "REP", 10, "REP", "withdrawal_only"),
    _coin("USDT", "USDT", 8),
    _coin("SOL", "SOL", 10),
    _coin("DOT", "DOT", 10),
    _coin("ADA", "ADA", 8),
    _coin("POL", "POL", 10),
    _coin("MATIC", "POL", 10, status="withdrawal_only"),
    _coin("LUNA", "LUNC", 8),
    _coin("LUNA2", "LUNA", 8),
    _coin("KFEE", "KFEE", 2, "FEE"),
    _coin("XBT.M", "BTC", 10),
    _coin("ETH2.S", "ETH", 10),
    _coin("ETH.F", "ETH", 10),
    _coin("DOT.S", "DOT", 10),
    _coin("DOT28.S", "DOT", 10),
    _coin("SOL03.S", "SOL", 10),
    _coin("ADA.S", "ADA", 8),
)

CREDITS = "KFEE"
"""Fee credits; they can be spent on fees only."""
CREDIT_IN_USD = Decimal("0.01")

COIN = {coin.code: coin for coin in COINS}
_SPOT_CODE = {coin.asset: coin.code for coin in reversed(COINS) if coin.wallet == SPOT}
_BY_ANY_NAME = {name: coin for coin in COINS for name in (coin.altname, coin.code)}


def spot_code(asset: str, at_us: int) -> str:
    """Kraken's code of our asset in the spot wallet at that time; an asset it doesn't have stands for itself."""
    if asset == "POL":
        return "POL" if at_us >= POL_SINCE_US else "MATIC"
    return _SPOT_CODE.get(asset, asset)


def code_named(name: str) -> str:
    """The code for what a request may call it by: the code itself or its altname."""
    coin = _BY_ANY_NAME.get(name)
    return coin.code if coin else name


def decimals_of(code: str) -> int:
    """The decimals of a code's amounts."""
    return COIN[code].decimals if code in COIN else 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One of Kraken's pairs; base and quote are our codes."""

    pair: str
    altname: str
    base: str
    quote: str
    price_decimals: int
    lot_decimals: int = 8
    cost_decimals: int = 5
    until_us: int | None = None
    """Renamed or delisted then: AssetPairs no longer lists it."""
    listed: bool = True


def _pair(pair: str, base: str, quote: str, price_decimals: int, *, altname: str = "", cost_decimals: int = 5) -> Pair:
    return Pair(
        pair=pair,
        altname=altname or pair,
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        cost_decimals=cost_decimals,
    )


PAIRS = (
    _pair("XXBTZUSD", "BTC", "USD", 1, altname="XBTUSD"),
    _pair("XETHZUSD", "ETH", "USD", 2, altname="ETHUSD"),
    _pair("SOLUSD", "SOL", "USD", 2),
    _pair("ADAUSD", "ADA", "USD", 6),
    _pair("DOTUSD", "DOT", "USD", 4),
    _pair("XDGUSD", "DOGE", "USD", 7),
    _pair("LUNAUSD", "LUNC", "USD", 8),
    _pair("USDTZUSD", "USDT", "USD", 4, altname="USDTUSD"),
    _pair("EURUSD", "EUR", "USD", 5, altname="EURUSD"),
    _pair("XXBTZEUR", "BTC", "EUR", 1, altname="XBTEUR"),
    _pair("XETHXXBT", "ETH", "BTC", 5, altname="ETHXBT", cost_decimals=10),
    _pair("POLUSD", "POL", "USD", 4),
    Pair(
        pair="MATICUSD",
        altname="MATICUSD",
        base="POL",
        quote="USD",
        price_decimals=4,
        until_us=POL_SINCE_US,
        listed=False,
    ),
    Pair(pair="XREPZUSD", altname="REPUSD", base="REP", quote="USD", price_decimals=3, listed=False),
)

_PAIRS_OF: dict[tuple[str, str], list[Pair]] = {}
for _known in PAIRS:
    _PAIRS_OF.setdefault((_known.base, _known.quote), []).append(_known)


def pair_of(base: str, quote: str, at_us: int) -> Pair:
    """Kraken's pair of a market at that time; one it doesn't have is made up from the codes."""
    known = _PAIRS_OF.get((base, quote), [])
    for pair in sorted(known, key=lambda pair: pair.until_us is None):
        if pair.until_us is None or at_us < pair.until_us:
            return pair
    name = spot_code(base, at_us) + spot_code(quote, at_us)
    return _pair(name, base, quote, 5)


def fixed(value: Decimal, decimals: int) -> str:
    """Digits with at least so many decimals, never fewer than the value has: nothing is rounded away."""
    exponent = value.as_tuple().exponent
    return f"{value:.{max(decimals, -exponent)}f}" if isinstance(exponent, int) else str(value)
