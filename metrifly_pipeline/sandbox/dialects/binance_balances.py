"""What Binance says is held: the spot wallet with what is lent and locked, and the funding wallet."""

from decimal import ROUND_DOWN, Decimal

from metrifly_pipeline.sandbox.dialects.binance_codes import code_of, fixed, plain
from metrifly_pipeline.sandbox.rendered import Snapshot

EARN = {"BNB": "LDBNB", "ETH": "LDETH"}
"""Assets of which a third lies in Simple Earn Flexible and is listed under a code of its own."""
LOCKED = "USDT"
"""The asset of which a tenth is locked in open orders."""
FUNDING_WALLET = "funding"
"""A deposit may go to the funding wallet (walletType 1), which has a list of its own."""
_SATOSHI = Decimal("0.00000001")


def _funding(snapshot: Snapshot) -> dict[str, Decimal]:
    """What lies in the funding wallet, hidden movements included: they happened."""
    held: dict[str, Decimal] = {}
    for movement in snapshot.account.shown_movements(snapshot.now_us, with_hidden=True):
        if movement.wallet == FUNDING_WALLET:
            held[movement.asset] = held.get(movement.asset, Decimal(0)) + movement.amount
    return held


def funding_wallet(snapshot: Snapshot) -> list[dict[str, str]]:
    """The funding wallet, without zeros."""
    held = sorted(_funding(snapshot).items())
    return [_funding_row(asset, total, snapshot.now_us) for asset, total in held if total]


def _funding_row(asset: str, total: Decimal, now_us: int) -> dict[str, str]:
    frozen = _share(total, 10)
    return {
        "asset": code_of(asset, now_us),
        "free": plain(total - frozen),
        "locked": "0",
        "freeze": plain(frozen),
        "withdrawing": "0",
    }


def _share(total: Decimal, divisor: int) -> Decimal:
    return (max(total, Decimal(0)) / divisor).quantize(_SATOSHI, rounding=ROUND_DOWN)


def spot_wallet(snapshot: Snapshot) -> list[dict[str, str]]:
    """The spot wallet as `account` lists it: every asset ever held, zeros too, and what is lent under its own code."""
    funding = _funding(snapshot)
    found = []
    for asset, everything in sorted(snapshot.balances.items()):
        total = everything - funding.get(asset, Decimal(0))
        lent = _share(total, 3) if asset in EARN else Decimal(0)
        locked = _share(total, 10) if asset == LOCKED else Decimal(0)
        if lent:
            found.append({"asset": EARN[asset], "free": fixed(lent), "locked": fixed(Decimal(0))})
        code = code_of(asset, snapshot.now_us)
        found.append({"asset": code, "free": fixed(total - lent - locked), "locked": fixed(locked)})
    return found
