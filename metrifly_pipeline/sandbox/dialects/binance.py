"""Binance, spot: /api/v3 and the parts of /sapi that say what an account did.

One file a concern: `binance_codes` (names, numbers), `binance_rows` (rendering), `binance_gate` (limits, signatures), `binance_spot` and
`binance_wallet` (endpoints); here they are put together.

Sources: binance-spot-api-docs (rest-api.md, errors.md), developers.binance.com (wallet, convert, fiat), example payloads in ccxt 4.5.90 and
python-binance 1.0.37. Not modelled: orders, margin, futures, sub-accounts; RSA and Ed25519 keys.
"""

from collections.abc import Callable, Mapping
from typing import Any

from metrifly_pipeline.sandbox.dialects import RowFields, Venue
from metrifly_pipeline.sandbox.dialects import binance_spot as spot
from metrifly_pipeline.sandbox.dialects import binance_wallet as wallet
from metrifly_pipeline.sandbox.dialects.binance_gate import Caller, Gate, RefusedError, Rule
from metrifly_pipeline.sandbox.dialects.binance_rows import Book, render
from metrifly_pipeline.sandbox.rendered import Rendered
from metrifly_pipeline.sandbox.truth import TruthMarket
from metrifly_pipeline.sandbox.wire import JSON_HEADERS, Handler, Request, Response, json_response

Answer = Callable[[Caller, Book, Request], Any]
"""Bytes that are JSON already, or a value to write as JSON."""

ROWS = {
    "/api/v3/myTrades": ((), RowFields(time="time", amount="qty", price="price")),
    "/sapi/v1/capital/deposit/hisrec": ((), RowFields(time="insertTime", amount="amount")),
    "/sapi/v1/capital/withdraw/history": ((), RowFields(time="applyTime", amount="amount")),
    "/sapi/v1/convert/tradeFlow": (("list",), RowFields(time="createTime", amount="fromAmount")),
    "/sapi/v1/asset/assetDividend": (("rows",), RowFields(time="divTime", amount="amount")),
    "/sapi/v1/fiat/payments": (("data",), RowFields(time="createTime", amount="sourceAmount")),
}
"""Where an answer's records stand, and how they call their time and amount."""


def _sapi(weight: int, permission: str | None, bucket: str = "sapi_ip", per_second: int | None = None) -> Rule:
    return Rule(weight=weight, bucket=bucket, permission=permission, per_second=per_second)


class Binance:
    """The dialect: each route is a rule to pass and an answer to give."""

    name = "binance"

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._gate = Gate(venue)
        self._books = Rendered(render)

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Handlers by (METHOD, path)."""
        public = {
            "/api/v3/ping": (1, lambda _: {}),
            "/api/v3/time": (1, lambda request: {"serverTime": request.now_ms}),
            "/api/v3/exchangeInfo": (20, lambda request: spot.exchange_info(self._symbols(request), request)),
        }
        handlers = {("GET", path): self._public(weight, answer) for path, (weight, answer) in public.items()}
        handlers |= {where: self._private(rule, answer) for where, (rule, answer) in self._signed().items()}
        return handlers

    def _signed(self) -> dict[tuple[str, str], tuple[Rule, Answer]]:
        account = Rule(weight=20, permission="read_balances", params=frozenset({"omitZeroBalances"}))
        trades = Rule(weight=20, permission="read_trades", params=spot.MY_TRADES_PARAMS)
        withdrawals = _sapi(18_000, "read_ledger", "sapi_uid", per_second=10)
        return {
            ("GET", "/api/v3/account"): (account, lambda c, b, _: spot.account(c, b)),
            ("GET", "/api/v3/myTrades"): (trades, lambda c, b, r: spot.my_trades(c, b, self._symbols(r))),
            ("GET", "/sapi/v1/account/apiRestrictions"): (_sapi(1, None), lambda c, _b, _r: wallet.restrictions(c)),
            ("GET", "/sapi/v1/capital/deposit/hisrec"): (
                _sapi(1, "read_ledger"),
                lambda c, b, r: wallet.deposits(c, b, r.now_ms),
            ),
            ("GET", "/sapi/v1/capital/withdraw/history"): (
                withdrawals,
                lambda c, b, r: wallet.withdrawals(c, b, r.now_ms),
            ),
            ("GET", "/sapi/v1/convert/tradeFlow"): (
                _sapi(3_000, "read_ledger", "sapi_uid"),
                lambda c, b, _: wallet.converts(c, b),
            ),
            ("GET", "/sapi/v1/asset/assetDividend"): (
                _sapi(10, "read_ledger"),
                lambda c, b, r: wallet.dividends(c, b, r.now_ms),
            ),
            ("GET", "/sapi/v1/asset/dribblet"): (
                _sapi(1, "read_ledger"),
                lambda c, b, r: wallet.dust(c, b, r.now_ms),
            ),
            ("GET", "/sapi/v1/fiat/payments"): (
                _sapi(1, "read_ledger"),
                lambda c, b, r: wallet.payments(c, b, r.now_ms),
            ),
            ("GET", "/sapi/v1/fiat/orders"): (
                _sapi(90_000, "read_ledger", "sapi_uid"),
                lambda c, _b, _r: wallet.fiat_orders(c),
            ),
            ("GET", "/sapi/v1/asset/wallet/balance"): (_sapi(60, "read_balances"), lambda c, _b, _r: wallet.worths(c)),
            ("POST", "/sapi/v1/asset/get-funding-asset"): (
                _sapi(1, "read_balances"),
                lambda c, b, _: wallet.funding_assets(c, b),
            ),
            ("POST", "/sapi/v3/asset/getUserAsset"): (
                _sapi(5, "read_balances"),
                lambda c, b, _: wallet.user_assets(c, b),
            ),
        }

    def unknown(self, _request: Request) -> Response:
        """Binance's web server answers for paths that it doesn't have, in HTML."""
        body = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center></body>\r\n</html>"
        return Response(status=404, body=body, headers={"Content-Type": "text/html"})

    def rows(self, path: str, payload: Any) -> list[dict[str, Any]]:
        """The records inside a decoded answer; none in an error."""
        if path not in ROWS:
            return []
        for name in ROWS[path][0]:
            payload = payload.get(name, [])
        return payload if isinstance(payload, list) else []

    def row_fields(self, path: str) -> RowFields | None:
        """How those records call their time and amount."""
        return ROWS[path][1] if path in ROWS else None

    def _symbols(self, request: Request) -> Mapping[str, tuple[TruthMarket, str]]:
        return spot.listed_symbols(self._venue.accounts, request.now_us)

    def _public(self, weight: int, answer: Callable[[Request], Any]) -> Handler:
        rule = Rule(weight=weight, signed=False)

        def handle(request: Request) -> Response:
            try:
                used = self._gate.count(request, rule)
                return json_response(answer(request), headers=used)
            except RefusedError as refused:
                return refused.response

        return handle

    def _private(self, rule: Rule, answer: Answer) -> Handler:
        def handle(request: Request) -> Response:
            try:
                return self._answer(request, rule, answer)
            except RefusedError as refused:
                return refused.response

        return handle

    def _answer(self, request: Request, rule: Rule, answer: Answer) -> Response:
        by_account = rule.bucket == "sapi_uid"
        used = {} if by_account else self._gate.count(request, rule)
        caller = self._gate.enter(request, rule)
        if by_account:
            used = self._gate.count(request, rule, caller.account.uid)
        payload = answer(caller, self._books.of(caller.account, request.now_us), request)
        if isinstance(payload, bytes):
            return Response(body=payload, headers={**JSON_HEADERS, **used})
        return json_response(payload, headers=used)


def build(venue: Venue) -> Binance:
    """Make the dialect."""
    return Binance(venue)
