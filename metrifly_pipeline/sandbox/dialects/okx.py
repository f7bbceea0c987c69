"""OKX, spot: the v5 endpoints that say what an account did. `okx_rows` renders, `okx_gate` checks; here are the endpoints and their pages.

Every list comes newest first, at most 100 rows a page. Fills and bills page by bill id, deposits, withdrawals, converts and funding bills
by time; `after` means older than, `before` newer than. Sources: okx.com/docs-v5, example payloads in ccxt 4.5.90 and python-okx 0.4.4.
Not modelled: orders, margin, derivatives, sub-accounts, the older archives.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from metrifly_pipeline.sandbox.dialects import RowFields, Venue
from metrifly_pipeline.sandbox.dialects.okx_gate import Caller, Gate, RefusedError, Rule, wrong
from metrifly_pipeline.sandbox.dialects.okx_listing import Listing, instrument_of
from metrifly_pipeline.sandbox.dialects.okx_rows import Book
from metrifly_pipeline.sandbox.rendered import Rendered
from metrifly_pipeline.sandbox.truth import TruthMarket
from metrifly_pipeline.sandbox.wire import Handler, Request, Response, json_response

PAGE = 100
DAY_MS = 86_400_000
KEPT_DAYS = 90
"""OKX shows the last three months."""
FUNDING_BILLS_DAYS = 30
INSTRUMENT_TYPES = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS"})

Answer = Callable[[Caller, Book, Request], bytes]

ROWS = {
    "/api/v5/trade/fills-history": RowFields(time="fillTime", amount="fillSz", price="fillPx"),
    "/api/v5/account/bills-archive": RowFields(time="ts", amount="balChg"),
    "/api/v5/asset/deposit-history": RowFields(time="ts", amount="amt"),
    "/api/v5/asset/withdrawal-history": RowFields(time="ts", amount="amt"),
    "/api/v5/asset/convert/history": RowFields(time="ts", amount="fillBaseSz"),
    "/api/v5/asset/bills": RowFields(time="ts", amount="balChg"),
}


def _data(rows: Iterable[bytes]) -> bytes:
    return b'{"code":"0","msg":"","data":[%b]}' % b",".join(rows)


def _whole(query: Mapping[str, str], name: str) -> int | None:
    """A numeric parameter; an empty one counts as not sent."""
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise wrong("51000", f"Parameter {name} error")
    return int(text)


def _limit(query: Mapping[str, str]) -> int:
    limit = _whole(query, "limit")
    if limit is None:
        return PAGE
    if not 1 <= limit <= PAGE:
        raise wrong("51000", "Parameter limit error")
    return limit


def _page(listing: Listing, request: Request, *, by_id: bool, filters: tuple[str, ...], days: int = KEPT_DAYS) -> bytes:
    """One page, newest first: within what is kept, between `before` and `after`, with the wanted values."""
    query = request.query
    limit = _limit(query)
    keys = listing.ids if by_id else listing.times_ms
    first, last = listing.since(request.now_ms - days * DAY_MS), len(listing)
    after, before = _whole(query, "after"), _whole(query, "before")
    begin, end = (_whole(query, "begin"), _whole(query, "end")) if by_id else (None, None)
    last = last if after is None else min(last, bisect_left(keys, after))
    first = first if before is None else max(first, bisect_right(keys, before))
    first = first if begin is None else max(first, listing.since(begin))
    last = last if end is None else min(last, listing.until(end))
    wanted = {name: query[name] for name in filters if query.get(name)}
    if not wanted:
        return _data(listing.written(place) for place in range(last - 1, max(first, last - limit) - 1, -1))
    places = (i for i in range(last - 1, first - 1, -1) if wanted.items() <= listing.rows[i].items())
    return _data(listing.written(place) for place in itertools.islice(places, limit))


def _instrument_type(query: Mapping[str, str], *, needed: bool) -> str:
    """The `instType` asked for; "" when it isn't said."""
    asked = query.get("instType", "")
    if needed and not asked:
        raise wrong("50014", "Parameter instType can not be empty")
    if asked and asked not in INSTRUMENT_TYPES:
        raise wrong("51000", "Parameter instType error")
    return asked


class Okx:
    """The dialect: each route is a rule to pass and an answer to give."""

    name = "okx"

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._gate = Gate(venue)
        self._books = Rendered(Book)

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Handlers by (METHOD, path)."""
        public = {
            "/api/v5/public/time": (Rule(calls=10, seconds=2), lambda r: [{"ts": str(r.now_ms)}]),
            "/api/v5/public/instruments": (Rule(calls=20, seconds=2), self._instruments),
        }
        handlers = {("GET", path): self._public(rule, answer) for path, (rule, answer) in public.items()}
        handlers |= {("GET", path): self._private(rule, answer) for path, (rule, answer) in self._signed().items()}
        return handlers

    def _signed(self) -> dict[str, tuple[Rule, Answer]]:
        ledger = Rule(calls=6, seconds=1, permission="read_ledger")
        history = ("ccy", "state", "txId")
        return {
            "/api/v5/account/config": (Rule(calls=5, seconds=2), lambda c, _b, _r: _encoded([_config(c)])),
            "/api/v5/account/balance": (Rule(calls=10, seconds=2, permission="read_balances"), _balance),
            "/api/v5/asset/asset-valuation": (Rule(calls=1, seconds=2, permission="read_balances"), _valuation),
            "/api/v5/asset/balances": (Rule(calls=6, seconds=1, permission="read_balances"), _funding_balances),
            "/api/v5/trade/fills-history": (Rule(calls=10, seconds=2, permission="read_trades"), _fills),
            "/api/v5/account/bills-archive": (Rule(calls=5, seconds=2, permission="read_ledger"), _bills),
            "/api/v5/asset/deposit-history": (
                ledger,
                lambda _, b, r: _page(b.deposits, r, by_id=False, filters=(*history, "depId")),
            ),
            "/api/v5/asset/withdrawal-history": (
                ledger,
                lambda _, b, r: _page(b.withdrawals, r, by_id=False, filters=(*history, "wdId")),
            ),
            "/api/v5/asset/convert/history": (ledger, lambda _, b, r: _page(b.converts, r, by_id=False, filters=())),
            "/api/v5/asset/bills": (
                ledger,
                lambda _, b, r: _page(
                    b.funding_bills, r, by_id=False, filters=("ccy", "type"), days=FUNDING_BILLS_DAYS
                ),
            ),
        }

    def unknown(self, _request: Request) -> Response:
        """What OKX answers to a path that it doesn't have."""
        return json_response({"msg": "Invalid request path", "code": "404"}, status=404)

    def rows(self, path: str, payload: Any) -> list[dict[str, Any]]:
        """The records inside a decoded answer; none in an error."""
        return list(payload.get("data", [])) if path in ROWS else []

    def row_fields(self, path: str) -> RowFields | None:
        """How those records call their time and amount."""
        return ROWS.get(path)

    def _instruments(self, request: Request) -> list[dict[str, str]]:
        """Only what is listed: a delisted market is gone."""
        if _instrument_type(request.query, needed=True) != "SPOT":
            return []
        wanted = request.query.get("instId", "")
        markets = {m.code: m for account in self._venue.accounts for m in account.markets.values() if m.listed}
        if wanted and wanted not in {instrument_of(market) for market in markets.values()}:
            raise wrong("51001", "Instrument ID doesn't exist.")
        return [_instrument(m) for _, m in sorted(markets.items()) if wanted in {"", instrument_of(m)}]

    def _public(self, rule: Rule, answer: Callable[[Request], list[dict[str, str]]]) -> Handler:
        def handle(request: Request) -> Response:
            try:
                self._gate.count(request, rule, request.client_ip)
                return Response(body=_encoded(answer(request)))
            except RefusedError as refused:
                return refused.response

        return handle

    def _private(self, rule: Rule, answer: Answer) -> Handler:
        def handle(request: Request) -> Response:
            try:
                caller = self._gate.enter(request, rule)
                return Response(body=answer(caller, self._books.of(caller.account, request.now_us), request))
            except RefusedError as refused:
                return refused.response

        return handle


def _encoded(data: list[dict[str, Any]]) -> bytes:
    return json_response({"code": "0", "msg": "", "data": data}).body


def _fills(_caller: Caller, book: Book, request: Request) -> bytes:
    listing = book.fills if _instrument_type(request.query, needed=True) == "SPOT" else Listing()
    return _page(listing, request, by_id=True, filters=("instId", "ordId", "subType"))


def _bills(_caller: Caller, book: Book, request: Request) -> bytes:
    _instrument_type(request.query, needed=False)
    return _page(book.bills, request, by_id=True, filters=("instType", "instId", "ccy", "type", "subType"))


def _balance(_caller: Caller, book: Book, request: Request) -> bytes:
    asked = set(filter(None, request.query.get("ccy", "").split(",")))
    details = [row for row in book.trading_balances if not asked or row["ccy"] in asked]
    names = ("adjEq", "borrowFroz", "imr", "mgnRatio", "mmr", "notionalUsd", "ordFroz", "upl")
    return _encoded(
        [{**dict.fromkeys(names, ""), "details": details, "isoEq": "0", "totalEq": "0", "uTime": str(request.now_ms)}]
    )


def _funding_balances(_caller: Caller, book: Book, request: Request) -> bytes:
    asked = set(filter(None, request.query.get("ccy", "").split(",")))
    return _encoded([dict(row) for row in book.funding_balances if not asked or row["ccy"] in asked])


def _valuation(caller: Caller, _book: Book, request: Request) -> bytes:
    """What each part of the account is worth in BTC. Prices aren't modelled: the trading and the funding account say 0."""
    details = {name: caller.account.elsewhere.get(name, "0") for name in ("classic", "earn", "funding", "trading")}
    return _encoded([{"details": details, "totalBal": "0", "ts": str(request.now_ms)}])


def _config(caller: Caller) -> dict[str, Any]:
    """What the key may do stands in `perm`; OKX has one permission for all reading, here it says whether trades may be read."""
    can = caller.key.permissions
    may = {
        "read_only": "read_trades" in can,
        "withdraw": "withdraw" in can,
        "trade": bool({"trade", "transfer"} & can),
    }
    return {
        "acctLv": "1",
        "acctStpMode": "cancel_maker",
        "autoLoan": False,
        "ctIsoMode": "automatic",
        "enableSpotBorrow": False,
        "feeType": "0",
        "greeksType": "PA",
        "ip": ",".join(caller.key.ip_allowlist),
        "kycLv": "3",
        "label": "Metrifly",
        "level": "Lv1",
        "levelTmp": "",
        "liquidationGear": "-1",
        "mainUid": caller.account.uid,
        "mgnIsoMode": "automatic",
        "opAuth": "0",
        "perm": ",".join(name for name, granted in may.items() if granted),
        "posMode": "net_mode",
        "roleType": "0",
        "settleCcy": "USDC",
        "spotBorrowAutoRepay": False,
        "spotOffsetType": "",
        "spotRoleType": "0",
        "spotTraderInsts": [],
        "stgyType": "0",
        "traderInsts": [],
        "type": "0",
        "uid": caller.account.uid,
    }


def _instrument(market: TruthMarket) -> dict[str, str]:
    empty = ("alias", "auctionEndTime", "ctMult", "ctType", "ctVal", "ctValCcy", "expTime", "instFamily", "optType")
    return {
        **dict.fromkeys((*empty, "settleCcy", "stk", "uly"), ""),
        "baseCcy": market.base,
        "category": "1",
        "instId": instrument_of(market),
        "instType": "SPOT",
        "lever": "1",
        "listTime": "1548133413000",
        "lotSz": "0.00000001",
        "maxLmtSz": "9999999999",
        "maxMktSz": "1000000",
        "minSz": "0.00001",
        "quoteCcy": market.quote,
        "ruleType": "normal",
        "state": "live",
        "tickSz": "0.1",
    }


def build(venue: Venue) -> Okx:
    """Make the dialect."""
    return Okx(venue)
