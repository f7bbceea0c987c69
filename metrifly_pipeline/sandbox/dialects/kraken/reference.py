"""Kraken's public reference: assets and pairs, rendered once. Delisted pairs and old names are missing, as on Kraken."""

from typing import Any

from metrifly_pipeline.sandbox.dialects.kraken.codes import COINS, PAIRS, Pair, spot_code

_FEES = [[0, 0.4], [10_000, 0.35], [50_000, 0.24], [100_000, 0.22], [250_000, 0.2], [500_000, 0.18], [1_000_000, 0.16]]
_MAKER_FEES = [[0, 0.25], [10_000, 0.2], [50_000, 0.14], [100_000, 0.12], [250_000, 0.1], [500_000, 0.08]]


def assets() -> dict[str, Any]:
    """Every code that Kraken knows, old ones included."""
    return {
        coin.code: {
            "aclass": "currency",
            "altname": coin.altname,
            "decimals": coin.decimals,
            "display_decimals": min(coin.decimals, 6),
            "status": coin.status,
        }
        for coin in COINS
    }


def asset_pairs(now_us: int) -> dict[str, Any]:
    """The pairs that can be traded now."""
    return {pair.pair: _row(pair, now_us) for pair in PAIRS if _tradable(pair, now_us)}


def _tradable(pair: Pair, now_us: int) -> bool:
    return now_us < pair.until_us if pair.until_us is not None else pair.listed


def _row(pair: Pair, now_us: int) -> dict[str, Any]:
    base, quote = spot_code(pair.base, now_us), spot_code(pair.quote, now_us)
    names = {coin.code: coin.altname for coin in COINS}
    return {
        "altname": pair.altname,
        "wsname": f"{names.get(base, base)}/{names.get(quote, quote)}",
        "aclass_base": "currency",
        "base": base,
        "aclass_quote": "currency",
        "quote": quote,
        "lot": "unit",
        "cost_decimals": pair.cost_decimals,
        "pair_decimals": pair.price_decimals,
        "lot_decimals": pair.lot_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": _FEES,
        "fees_maker": _MAKER_FEES,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": f"{10**-pair.price_decimals:.{pair.price_decimals}f}",
        "status": "online",
    }
