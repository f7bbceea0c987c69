"""Reads a whole OKX history through python-okx and through ccxt, into the truth's own words."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ccxt
from okx.Account import AccountAPI
from okx.Convert import ConvertAPI
from okx.Funding import FundingAPI
from okx.PublicData import PublicAPI
from okx.Trade import TradeAPI

from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey

PAGE = 100
Ask = Callable[[dict[str, Any]], dict[str, Any]]
Legs = dict[str, tuple[str, Decimal, int]]
"""By movement key: code, signed amount, time in milliseconds."""


class Clients:
    """python-okx's clients of one key, as functions of parameters."""

    def __init__(self, base_url: str, key: TruthKey, *, flag: str = "0") -> None:
        self._said = {
            "api_key": key.api_key,
            "api_secret_key": key.secret,
            "passphrase": key.passphrase,
            "flag": flag,
            "domain": base_url,
        }
        self._opened: dict[type, Any] = {}

    def _client(self, kind: type) -> Any:
        """Each of python-okx's clients loads certificates when it is made: only those that are asked."""
        if kind not in self._opened:
            self._opened[kind] = kind(**self._said)
        return self._opened[kind]

    @property
    def trade(self) -> TradeAPI:
        return self._client(TradeAPI)

    @property
    def account(self) -> AccountAPI:
        return self._client(AccountAPI)

    @property
    def funding(self) -> FundingAPI:
        return self._client(FundingAPI)

    @property
    def convert(self) -> ConvertAPI:
        return self._client(ConvertAPI)

    @property
    def public(self) -> PublicAPI:
        return self._client(PublicAPI)

    def close(self) -> None:
        for client in self._opened.values():
            client.close()

    def fills(self, params: dict[str, Any]) -> dict[str, Any]:
        """python-okx's own method leaves out `begin` and `end`."""
        return self.trade._request_with_params("GET", "/api/v5/trade/fills-history", {"instType": "SPOT", **params})

    def bills(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.account.get_account_bills_archive(**params)

    def deposits(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.funding.get_deposit_history(**params)

    def withdrawals(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.funding.get_withdrawal_history(**params)

    def converts(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.convert.get_convert_history(**params)


class CcxtClient:
    """The same through ccxt's implicit methods."""

    def __init__(self, base_url: str, key: TruthKey) -> None:
        self.exchange = ccxt.okx(
            {
                "apiKey": key.api_key,
                "secret": key.secret,
                "password": key.passphrase,
                "number": str,
                "enableRateLimit": False,
                "options": {"fetchMarkets": {"types": ["spot"]}},
            }
        )
        self.exchange.urls["api"] = {"rest": base_url}
        self.exchange.has["fetchCurrencies"] = False

    def fills(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.exchange.privateGetTradeFillsHistory({"instType": "SPOT", **params})

    def bills(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.exchange.privateGetAccountBillsArchive(params)

    def deposits(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.exchange.privateGetAssetDepositHistory(params)

    def withdrawals(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.exchange.privateGetAssetWithdrawalHistory(params)

    def converts(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.exchange.privateGetAssetConvertHistory(params)


def backwards(ask: Ask, field: str, limit: int = PAGE) -> Iterator[dict[str, Any]]:
    """All rows, newest first: the next page is older than the last row's id or time."""
    params: dict[str, Any] = {"limit": str(limit)}
    while True:
        answer = ask(params)
        assert (answer["code"], answer["msg"]) == ("0", "")
        yield from answer["data"]
        if len(answer["data"]) < limit:
            return
        params = {"limit": str(limit), "after": answer["data"][-1][field]}


def trades_of(client: Clients | CcxtClient, limit: int = PAGE) -> dict[str, tuple[Any, ...]]:
    """Every fill by its bill id; OKX's fee is negative when paid."""
    rows = list(backwards(client.fills, "billId", limit))
    assert [int(row["billId"]) for row in rows] == sorted((int(row["billId"]) for row in rows), reverse=True)
    assert len({row["billId"] for row in rows}) == len(rows)
    return {
        row["billId"]: (
            row["instId"],
            row["side"],
            Decimal(row["fillPx"]),
            Decimal(row["fillSz"]),
            row["feeCcy"],
            -Decimal(row["fee"]),
            int(row["ts"]),
        )
        for row in rows
    }


def true_trades(account: TruthAccount) -> dict[str, tuple[Any, ...]]:
    return {
        t.trade_key: (
            f"{t.market.base}-{t.market.quote}",
            t.side,
            t.price,
            t.amount,
            t.fee_asset,
            t.fee_amount,
            t.executed_at_us // 1_000,
        )
        for t in account.trades
    }


def movements_of(client: Clients | CcxtClient) -> Legs:
    """Every deposit, withdrawal, convert, and each bill that is neither of a trade, a convert nor a move between accounts."""
    legs: Legs = {}

    def add(key: str, code: str, amount: str, row: dict[str, Any], sign: int = 1) -> None:
        assert key not in legs
        legs[key] = (code, sign * Decimal(amount), int(row["ts"]))

    for row in backwards(client.deposits, "ts"):
        add(f"deposit:{row['depId']}", row["ccy"], row["amt"], row)
    for row in backwards(client.withdrawals, "ts"):
        add(f"withdrawal:{row['wdId']}", row["ccy"], row["amt"], row, -1)
        if Decimal(row["fee"]):
            add(f"withdrawal:{row['wdId']}:fee", row["feeCcy"], row["fee"], row, -1)
    for row in backwards(client.converts, "ts"):
        base = "received" if row["side"] == "buy" else "disposed"
        quote = "disposed" if row["side"] == "buy" else "received"
        sign = 1 if row["side"] == "buy" else -1
        add(f"convert:{row['tradeId']}:{base}", row["baseCcy"], row["fillBaseSz"], row, sign)
        add(f"convert:{row['tradeId']}:{quote}", row["quoteCcy"], row["fillQuoteSz"], row, -sign)
    for row in backwards(client.bills, "billId"):
        if row["type"] not in {"1", "2", "27"}:
            add(f"bill:{row['billId']}", row["ccy"], row["balChg"], row)
    return legs


def true_movements(account: TruthAccount) -> Legs:
    return {m.movement_key: (m.asset, m.amount, m.occurred_at_us // 1_000) for m in account.movements}
