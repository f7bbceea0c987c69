"""What OKX says is held in the trading account and in the funding account, each with what is locked."""

from decimal import ROUND_DOWN, Decimal

from metrifly_pipeline.sandbox.dialects.okx_listing import FUNDING_WALLET, digits, ms
from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import EXACT

LOCKED = "USDT"
"""The asset of which a tenth is locked in open orders."""
_SATOSHI = Decimal("0.00000001")
_NOTHING = Decimal(0)


def funding_account(snapshot: Snapshot) -> list[dict[str, str]]:
    """The funding account, without zeros."""
    return [_funding_balance(asset, total) for asset, total in sorted(_funding(snapshot).items()) if total]


def _funding(snapshot: Snapshot) -> dict[str, Decimal]:
    """What lies in the funding account, hidden movements included: they happened."""
    held: dict[str, Decimal] = {}
    for movement in snapshot.account.shown_movements(snapshot.now_us, with_hidden=True):
        if movement.changed_wallet == FUNDING_WALLET:
            held[movement.asset] = EXACT.add(held.get(movement.asset, _NOTHING), movement.amount)
    return held


def _funding_balance(asset: str, total: Decimal) -> dict[str, str]:
    frozen = EXACT.divide(total, 10).quantize(_SATOSHI, ROUND_DOWN, EXACT)
    return {
        "availBal": digits(EXACT.subtract(total, frozen)),
        "bal": digits(total),
        "ccy": asset,
        "frozenBal": digits(frozen),
    }


def trading_account(snapshot: Snapshot, updated_us: int) -> list[dict[str, str]]:
    """The trading account, without zeros."""
    funding = _funding(snapshot)
    totals = {
        asset: EXACT.subtract(total, funding.get(asset, _NOTHING)) for asset, total in sorted(snapshot.balances.items())
    }
    return [_trading_balance(asset, total, updated_us) for asset, total in totals.items() if total]


def _trading_balance(asset: str, total: Decimal, updated_us: int) -> dict[str, str]:
    frozen = EXACT.divide(total, 10).quantize(_SATOSHI, ROUND_DOWN, EXACT) if asset == LOCKED else _NOTHING
    names = ("crossLiab", "interest", "isoLiab", "liab", "maxLoan", "mgnRatio", "notionalLever", "upl", "uplLiab")
    return {
        **dict.fromkeys(names, ""),
        "ccy": asset,
        "cashBal": digits(total),
        "eq": digits(total),
        "availBal": digits(EXACT.subtract(total, frozen)),
        "availEq": digits(EXACT.subtract(total, frozen)),
        "frozenBal": digits(frozen),
        "ordFrozen": digits(frozen),
        "disEq": "0",
        "eqUsd": "0",
        "isoEq": "0",
        "spotIsoBal": "0",
        "stgyEq": "0",
        "twap": "0",
        "uTime": ms(updated_us),
    }
