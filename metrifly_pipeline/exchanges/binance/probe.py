"""What Binance answers in a form of its own: error envelope, key permissions, markets, clock."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges.binance.discovery import candidate_symbols
from metrifly_pipeline.exchanges.room import Call, Json, if_told

__all__ = ["candidate_symbols", "check", "error_of", "markets", "probe", "server_time"]

_ERROR_STATUS = 400
_SPEAKING_STATUSES = (418, 429, 451)
"""Here the status says more than the code in the body (451 comes with code 0)."""
_FINE = ("0", "200", "000000")

_TRADING = (
    "enableSpotAndMarginTrading",
    "enableMargin",
    "enableFutures",
    "enableVanillaOptions",
    "enablePortfolioMarginTrading",
    "enableFixApiTrade",
)
_TRANSFERS = ("enableInternalTransfer", "permitsUniversalTransfer")

_SHAPES = {
    "privateGetAccount": "balances",
    "publicGetExchangeInfo": "symbols",
    "publicGetTime": "serverTime",
    "sapiGetAccountApiRestrictions": "enableReading",
}
"""What must stand in an answer that is a mapping."""

_LISTS = (
    "privateGetMyTrades",
    "sapiGetCapitalDepositHisrec",
    "sapiGetCapitalWithdrawHistory",
    "sapiGetAssetWalletBalance",
    "sapiPostAssetGetFundingAsset",
)
_COVERED_WALLETS = frozenset({"Spot", "Funding", "Earn"})
"""Wallets whose records are synced. What lies in Simple Earn Flexible stands in Earn too, and can't be told from locked products here."""


def error_of(status: int, body: Json) -> tuple[str, str] | None:
    """Binance's envelope is `{"code": -2015, "msg": "..."}`; some sapi answers say it at status 200, or `"success": false`."""
    code, message = "", ""
    if isinstance(body, dict):
        code, message = str(body.get("code", "")), str(body.get("msg") or body.get("message") or "")
    if status in _SPEAKING_STATUSES:
        return str(status), message
    if code and code not in _FINE:
        return code, message
    if status >= _ERROR_STATUS or (isinstance(body, dict) and body.get("success") is False):
        return str(status), message
    return None


def check(body: Json, method: str) -> bool:
    """Some answers are bare lists, the others mappings with a field of their own; where rows stand inside is checked besides."""
    if method in _LISTS:
        return isinstance(body, list)
    return isinstance(body, dict) and _SHAPES.get(method, "") in {"", *body}


def probe(call: Call) -> KeyFacts:
    """Ask apiRestrictions, then the account for its uid. Source: developers.binance.com, wallet, account.

    Binance has one switch for reading. Where it is on, whether trades can be read is still tried, because nothing else names it.

    Raises:
        ExchangeTroubleError: -2015 among others: the first question needs a known key and an allowed IP.
    """
    switches = call("sapiGetAccountApiRestrictions")
    reading = switches["enableReading"] is True
    account = _account(call) if reading else None
    return KeyFacts(
        identity=str(account["uid"]) if account and account.get("uid") else None,
        can_read_trades=None if reading else False,
        can_read_balances=account is not None,
        can_trade=any(switches.get(name) is True for name in _TRADING),
        can_withdraw=switches.get("enableWithdrawals") is True,
        can_transfer=any(switches.get(name) is True for name in _TRANSFERS),
        ip_allowlist=None if switches.get("ipRestrict") is True else (),  # which IPs are allowed isn't told
        elsewhere=if_told(lambda: _elsewhere(call)) if account else (),
        unreadable=() if account else ("balances",),
    )


def _elsewhere(call: Call) -> tuple[str, ...]:
    """Wallets that hold something and aren't synced. Source: developers.binance.com, wallet, query user wallet balance."""
    return tuple(
        f"{wallet['walletName']}: worth {wallet['balance']} BTC"
        for wallet in call("sapiGetAssetWalletBalance")
        if wallet["walletName"] not in _COVERED_WALLETS and Decimal(wallet["balance"])
    )


def _account(call: Call) -> dict[str, Any] | None:
    """The account; None where it is refused to a key and IP that the question before has found good."""
    try:
        return dict(call("privateGetAccount", {"omitZeroBalances": "true"}))
    except ExchangeTroubleError as trouble:
        if trouble.reason is not Reason.KEY_OR_IP_OR_PERMISSION:
            raise
        return None


def markets(call: Call) -> Sequence[Market]:
    """Ask exchangeInfo; delisted symbols stay in it with status BREAK. Without permission sets it is a fraction of its size."""
    return tuple(
        Market(
            market_id=str(row["symbol"]),
            base=str(row["baseAsset"]),
            quote=str(row["quoteAsset"]),
            active=row.get("status") == "TRADING",
        )
        for row in call("publicGetExchangeInfo", {"showPermissionSets": "false"})["symbols"]
    )


def server_time(call: Call) -> float:
    """Ask Binance's clock, unix seconds."""
    return int(call("publicGetTime")["serverTime"]) / 1000
