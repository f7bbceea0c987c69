"""What OKX answers in a form of its own: error envelope, key permissions, markets, clock."""

from collections.abc import Sequence
from decimal import Decimal

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges.room import Call, Json, if_told

_ERROR_STATUS = 400
_FINE = "0"
_NOT_COVERED = frozenset({"classic", "earn"})
"""Parts of an account whose records aren't synced; the others are the trading and the funding account."""


def error_of(status: int, body: Json) -> tuple[str, str] | None:
    """OKX's envelope is `{"code": "50111", "msg": "...", "data": []}`, at status 200 too; code 0 is fine."""
    if isinstance(body, dict) and "code" in body:
        code, message = str(body["code"]), str(body.get("msg") or "")
        if code != _FINE:
            return code, message
    return None if status < _ERROR_STATUS else (str(status), "")


def check(body: Json, method: str) -> bool:
    """Every good answer is `{"code": "0", "msg": "", "data": [...]}`."""
    del method
    return isinstance(body, dict) and str(body.get("code")) == _FINE and isinstance(body.get("data"), list)


def probe(call: Call) -> KeyFacts:
    """Ask account/config, which any key may. Source: okx.com/docs-v5, get account configuration."""
    config = call("privateGetAccountConfig")["data"][0]
    granted = {word.strip() for word in str(config.get("perm", "")).split(",")}
    reads_balances = _reads(call, "privateGetAccountBalance")
    return KeyFacts(
        identity=str(config["uid"]) if config.get("uid") else None,
        can_read_trades="read_only" in granted,
        can_read_balances=reads_balances,
        can_trade="trade" in granted,
        can_withdraw="withdraw" in granted,
        can_transfer=None,  # part of trading: transfers inside the exchange account need it
        ip_allowlist=tuple(ip.strip() for ip in str(config.get("ip") or "").split(",") if ip.strip()),
        elsewhere=if_told(lambda: _elsewhere(call)) if reads_balances else (),
        unreadable=() if reads_balances else ("balances",),
    )


def _elsewhere(call: Call) -> tuple[str, ...]:
    """Parts of the account that hold something and aren't synced. Source: okx.com/docs-v5, get account asset valuation."""
    details = call("privateGetAssetAssetValuation")["data"][0]["details"]
    return tuple(
        f"{part}: worth {worth} BTC"
        for part, worth in sorted(details.items())
        if part in _NOT_COVERED and Decimal(worth)
    )


def _reads(call: Call, method: str) -> bool:
    try:
        call(method)
    except ExchangeTroubleError as trouble:
        if trouble.reason is not Reason.PERMISSION_MISSING:
            raise
        return False
    return True


def markets(call: Call) -> Sequence[Market]:
    """Ask the spot instruments; delisted ones are gone, but their ids in fills are split without a list."""
    return tuple(
        Market(
            market_id=str(row["instId"]),
            base=str(row["baseCcy"]),
            quote=str(row["quoteCcy"]),
            active=row.get("state") == "live",
        )
        for row in call("publicGetPublicInstruments", {"instType": "SPOT"})["data"]
    )


def server_time(call: Call) -> float:
    """Ask OKX's clock, unix seconds."""
    return int(call("publicGetPublicTime")["data"][0]["ts"]) / 1000
