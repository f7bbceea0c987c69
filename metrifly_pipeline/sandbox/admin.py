"""The admin port: truth to compare with, counters, faults, and changes while it serves. Loopback only, no secret."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from metrifly_pipeline.sandbox.faults import Fault, FaultKind
from metrifly_pipeline.sandbox.live import amend_trade, append_trade, hide
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey, TruthMovement, TruthTrade

if TYPE_CHECKING:
    from metrifly_pipeline.sandbox.server import Sandbox

Action = Callable[["Sandbox", Mapping[str, Any]], Any]


def admin_app(sandbox: "Sandbox") -> web.Application:
    """The admin routes of this sandbox."""
    routes: dict[tuple[str, str], Action] = {
        ("GET", "/health"): _health,
        ("GET", "/truth"): _truth,
        ("GET", "/requests"): _requests,
        ("POST", "/reset-requests"): _reset_requests,
        ("POST", "/faults"): _add_fault,
        ("DELETE", "/faults"): _clear_faults,
        ("POST", "/hide"): _hide,
        ("POST", "/trade"): _trade,
        ("POST", "/amend"): _amend,
        ("POST", "/key"): _key,
    }
    app = web.Application()
    for (method, path), action in routes.items():
        app.router.add_route(method, path, _handler(sandbox, action))
    return app


def _handler(sandbox: "Sandbox", action: Action) -> Callable[[web.Request], Any]:
    async def handle(http: web.Request) -> web.Response:
        try:
            asked = await http.json() if http.can_read_body else dict(http.query)
            with sandbox.lock:
                return web.json_response(action(sandbox, asked))
        except (KeyError, ValueError, TypeError, json.JSONDecodeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handle


def _now_us(sandbox: "Sandbox") -> int:
    return round(sandbox.clock() * 1_000_000)


def _account(sandbox: "Sandbox", asked: Mapping[str, Any]) -> TruthAccount:
    return sandbox.truth(asked["exchange"], asked.get("uid"))


def _health(sandbox: "Sandbox", _: Mapping[str, Any]) -> dict[str, Any]:
    return {"ok": True, "exchanges": {name: sandbox.base_url(name) for name in sandbox.exchanges}}


def _truth(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Every account as its exchange shows it now; hidden movements stand in `movements` and in `hidden`."""
    now_us = _now_us(sandbox)
    wanted = asked.get("exchange")
    return {"accounts": [_account_json(a, now_us) for a in sandbox.accounts if wanted in {None, a.exchange}]}


def _account_json(account: TruthAccount, now_us: int) -> dict[str, Any]:
    return {
        "exchange": account.exchange,
        "uid": account.uid,
        "trades": [trade_json(trade) for trade in account.shown_trades(now_us)],
        "movements": [movement_json(movement) for movement in account.shown_movements(now_us, with_hidden=True)],
        "hidden": sorted(account.hidden),
        "balances": {asset: plain(total) for asset, total in sorted(account.balances(now_us).items())},
        "keys": [key_json(key) for key in account.keys.values()],
    }


def plain(amount: Decimal) -> str:
    """All digits, no exponent."""
    return f"{amount:f}"


def trade_json(trade: TruthTrade) -> dict[str, Any]:
    """Every field, decimals as plain strings, the market as BASE/QUOTE."""
    return {
        "number": trade.number,
        "native_id": trade.native_id,
        "trade_key": trade.trade_key,
        "market": trade.market.code,
        "base": trade.market.base,
        "quote": trade.market.quote,
        "listed": trade.market.listed,
        "side": trade.side,
        "price": plain(trade.price),
        "amount": plain(trade.amount),
        "cost": plain(trade.cost),
        "fee_asset": trade.fee_asset,
        "fee_amount": plain(trade.fee_amount),
        "executed_at_us": trade.executed_at_us,
        "order_number": trade.order_number,
        "visible_at_us": trade.visible_at_us,
    }


def movement_json(movement: TruthMovement) -> dict[str, Any]:
    """Every field, decimals as plain strings."""
    return {
        "number": movement.number,
        "native_id": movement.native_id,
        "movement_key": movement.movement_key,
        "group_key": movement.group_key,
        "kind": movement.kind,
        "role": movement.role,
        "asset": movement.asset,
        "amount": plain(movement.amount),
        "occurred_at_us": movement.occurred_at_us,
        "visible_at_us": movement.visible_at_us,
        "wallet": movement.wallet,
        "extra": dict(movement.extra),
    }


def key_json(key: TruthKey) -> dict[str, Any]:
    """The key with its secret parts: they are made up, and the demo connects with them."""
    return {
        "api_key": key.api_key,
        "secret": key.secret,
        "passphrase": key.passphrase,
        "permissions": sorted(key.permissions),
        "ip_allowlist": list(key.ip_allowlist),
        "expires_at_us": key.expires_at_us,
    }


def _requests(sandbox: "Sandbox", _: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"exchange": name, "request": what, "count": n} for (name, what), n in sorted(sandbox.requests.items())]


def _reset_requests(sandbox: "Sandbox", _: Mapping[str, Any]) -> dict[str, bool]:
    sandbox.requests.clear()
    return {"ok": True}


def _add_fault(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, bool]:
    sandbox.faults.add(
        Fault(
            exchange=asked["exchange"],
            path=asked.get("path", ""),
            kind=FaultKind(asked["kind"]),
            times=int(asked.get("times", 1)),
            after=int(asked.get("after", 0)),
            value=str(asked.get("value", asked.get("retry_after", ""))),
        )
    )
    return {"ok": True}


def _clear_faults(sandbox: "Sandbox", _: Mapping[str, Any]) -> dict[str, bool]:
    sandbox.faults.clear()
    return {"ok": True}


def _hide(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Serve a movement no longer, though it happened."""
    found = hide(_account(sandbox, asked), asked["movement_key"])
    return {"hidden": [movement_json(movement) for movement in found]}


def _trade(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Append one new trade, now: {exchange, uid?, market?, side?, amount?, price?, late_seconds?}."""
    account = _account(sandbox, asked)
    now_us = _now_us(sandbox)
    late_us = int(float(asked.get("late_seconds", 0)) * 1_000_000)
    trade = append_trade(
        account,
        now_us=now_us,
        visible_at_us=now_us + late_us if late_us else None,
        market=asked.get("market"),
        side=asked.get("side", "buy"),
        amount=Decimal(asked["amount"]) if "amount" in asked else None,
        price=Decimal(asked["price"]) if "price" in asked else None,
    )
    return trade_json(trade)


def _amend(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Send a trade with another fee from now on: {exchange, uid?, trade_key, fee_amount}."""
    account = _account(sandbox, asked)
    found = next((trade for trade in account.trades if trade.trade_key == asked["trade_key"]), None)
    if found is None:
        raise KeyError(asked["trade_key"])
    amended = replace(found, fee_amount=Decimal(asked["fee_amount"]))
    amend_trade(account, amended, now_us=_now_us(sandbox))
    return trade_json(amended)


def _key(sandbox: "Sandbox", asked: Mapping[str, Any]) -> dict[str, Any]:
    """Change a key: {exchange, uid?, api_key?, permissions?, ip_allowlist?, expires_at_us?, history_from_us?, history_to_us?, revoke?}."""
    account = _account(sandbox, asked)
    api_key = asked.get("api_key") or next(iter(account.keys))
    key = account.keys[api_key]
    if asked.get("revoke"):
        return key_json(account.keys.pop(api_key))
    changes: dict[str, Any] = {}
    if "permissions" in asked:
        changes["permissions"] = frozenset(asked["permissions"])
    if "ip_allowlist" in asked:
        changes["ip_allowlist"] = tuple(asked["ip_allowlist"])
    changes |= {name: asked[name] for name in ("expires_at_us", "history_from_us", "history_to_us") if name in asked}
    account.keys[api_key] = replace(key, **changes)
    return key_json(account.keys[api_key])
