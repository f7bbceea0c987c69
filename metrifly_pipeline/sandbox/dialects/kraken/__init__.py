"""Kraken (spot): its paths, answers and errors. Everything is answered at status 200 with `{"error": [...], ...}`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from metrifly_pipeline.sandbox.dialects import RowFields, Venue
from metrifly_pipeline.sandbox.dialects.kraken import reference
from metrifly_pipeline.sandbox.dialects.kraken.codes import code_named, decimals_of, fixed
from metrifly_pipeline.sandbox.dialects.kraken.gate import HISTORY_COST, PERMISSIONS, Asker, Gate, RefusedError
from metrifly_pipeline.sandbox.dialects.kraken.index import Index, InvalidArgumentError, Item
from metrifly_pipeline.sandbox.dialects.kraken.render import Books, render
from metrifly_pipeline.sandbox.rendered import Rendered
from metrifly_pipeline.sandbox.wire import Handler, Request, Response, json_response

PRIVATE, PUBLIC = "/0/private/", "/0/public/"
_ROWS = {"TradesHistory": "trades", "Ledgers": "ledger"}
_FIELDS = {
    "TradesHistory": RowFields(time="time", amount="vol", price="price"),
    "Ledgers": RowFields(time="time", amount="amount"),
}
_WITHOUT_POSITION = {"", "all", "no position"}
_YES = {"true", "1"}


def build(venue: Venue) -> "KrakenDialect":
    """Make the dialect."""
    return KrakenDialect(venue)


class KrakenDialect:
    """Kraken as its accounts see it."""

    def __init__(self, venue: Venue) -> None:
        self._gate = Gate(venue)
        self._books: Rendered[Books] = Rendered(render)

    @property
    def name(self) -> str:
        """Its name."""
        return "kraken"

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """The read calls; Kraken's private ones are POST."""
        public: dict[str, Callable[[Request], Any]] = {
            "Time": _time,
            "SystemStatus": _system_status,
            "Assets": _assets,
            "AssetPairs": _asset_pairs,
        }
        routes = {("GET", PUBLIC + method): self._public(answer) for method, answer in public.items()}
        routes |= {
            ("POST", PRIVATE + "TradesHistory"): self._private(self._trades, "read_trades", HISTORY_COST),
            ("POST", PRIVATE + "Ledgers"): self._private(self._ledgers, "read_ledger", HISTORY_COST),
            ("POST", PRIVATE + "QueryTrades"): self._private(self._query_trades, "read_trades"),
            ("POST", PRIVATE + "QueryLedgers"): self._private(self._query_ledgers, "read_ledger"),
            ("POST", PRIVATE + "Balance"): self._private(self._balance, "read_balances"),
            ("POST", PRIVATE + "BalanceEx"): self._private(self._balance_ex, "read_balances"),
            ("POST", PRIVATE + "GetApiKeyInfo"): self._private(self._key_info, None),
        }
        return routes

    def unknown(self, request: Request) -> Response:
        """Every path Kraken doesn't have, its writing methods included: nothing can be traded here."""
        del request
        return _error("EGeneral:Unknown method")

    def rows(self, path: str, payload: Any) -> list[dict[str, Any]]:
        """The records of an answer of TradesHistory or Ledgers."""
        name = _ROWS.get(path.removeprefix(PRIVATE), "")
        rows = payload.get("result", {}).get(name, {}) if isinstance(payload, dict) else {}
        return list(rows.values())

    def row_fields(self, path: str) -> RowFields | None:
        """Their names of time and amount."""
        return _FIELDS.get(path.removeprefix(PRIVATE))

    def _public(self, answer: Callable[[Request], Any]) -> Handler:
        def handle(request: Request) -> Response:
            try:
                self._gate.public(request)
                return json_response({"error": [], "result": answer(request)})
            except RefusedError as refused:
                return _error(str(refused))

        return handle

    def _private(self, answer: Callable[[Asker, Request], Response], permission: str | None, cost: int = 1) -> Handler:
        def handle(request: Request) -> Response:
            try:
                return answer(self._gate.private(request, permission=permission, cost=cost), request)
            except RefusedError as refused:
                return _error(str(refused))
            except InvalidArgumentError as invalid:
                return _error(f"EGeneral:Invalid arguments:{invalid}")

        return handle

    def _trades(self, asker: Asker, request: Request) -> Response:
        index = self._books.of(asker.account, request.now_us).trades
        if asker.asked.get("type", "") not in _WITHOUT_POSITION:
            index = Index([])
        page = index.page(asker.asked, asker.history_ns)
        with_ledgers = asker.asked.get("ledgers", "").lower() in _YES
        rows = ",".join(item.text_with_ledgers if with_ledgers else item.text for item in page.items)
        return _text(f'{{"error":[],"result":{{"count":{page.count},"trades":{{{rows}}}}}}}')

    def _ledgers(self, asker: Asker, request: Request) -> Response:
        asked = asker.asked
        index = self._filtered(self._books.of(asker.account, request.now_us).ledger, asked)
        page = index.page(asked, asker.history_ns)
        count = "" if asked.get("without_count", "").lower() in _YES else f'"count":{page.count},'
        rows = ",".join(item.text for item in page.items)
        return _text(f'{{"error":[],"result":{{{count}"ledger":{{{rows}}}}}}}')

    @staticmethod
    def _filtered(index: Index, asked: Mapping[str, str]) -> Index:
        if asked.get("aclass", "currency") not in {"currency", "all", ""}:
            return Index([])
        wanted_type = asked.get("type", "all") or "all"
        wanted = asked.get("asset", "all") or "all"
        if wanted_type == "all" and wanted == "all":
            return index
        codes = {code_named(name.strip()) for name in wanted.split(",")}

        def belongs(item: Item) -> bool:
            return wanted_type in {"all", item.type} and (wanted == "all" or item.code in codes)

        return index.part((wanted_type, wanted), belongs)

    def _query_trades(self, asker: Asker, request: Request) -> Response:
        return _found(self._books.of(asker.account, request.now_us).trades, asker.asked.get("txid", ""))

    def _query_ledgers(self, asker: Asker, request: Request) -> Response:
        return _found(self._books.of(asker.account, request.now_us).ledger, asker.asked.get("id", ""))

    def _balance(self, asker: Asker, request: Request) -> Response:
        balances = self._books.of(asker.account, request.now_us).balances
        return _result({code: fixed(total, decimals_of(code)) for code, total in sorted(balances.items())})

    def _balance_ex(self, asker: Asker, request: Request) -> Response:
        """A quarter of the bitcoin stands in open orders: `balance` includes what `hold_trade` names."""
        balances = self._books.of(asker.account, request.now_us).balances
        rows = {}
        for code, total in sorted(balances.items()):
            decimals = decimals_of(code)
            held = (total / 4).quantize(Decimal(1).scaleb(-decimals)) if code == "XXBT" else Decimal(0)
            rows[code] = {"balance": fixed(total, decimals), "hold_trade": fixed(held, decimals)}
        return _result(rows)

    def _key_info(self, asker: Asker, request: Request) -> Response:
        key = asker.key
        names = [name for ours, names in PERMISSIONS.items() if ours in key.permissions for name in names]
        return _result(
            {
                "apiKeyName": "metrifly",
                "apiKey": key.api_key,
                "nonce": str(self._gate.last_nonce(key.api_key)),
                "nonceWindow": 0,
                "permissions": names,
                "iban": asker.account.uid,
                "validUntil": _second(key.expires_at_us),
                "queryFrom": _second(key.history_from_us),
                "queryTo": _second(key.history_to_us),
                "createdTime": "1672531200",
                "modifiedTime": "1672531200",
                "ipAllowlist": list(key.ip_allowlist),
                "lastUsed": str(int(request.now)),
            }
        )


def _second(moment_us: int | None) -> str:
    """A unix second; "0" where nothing is set."""
    return "0" if moment_us is None else str(moment_us // 1_000_000)


def _time(request: Request) -> dict[str, Any]:
    moment = datetime.fromtimestamp(int(request.now), tz=UTC)
    return {"unixtime": int(request.now), "rfc1123": moment.strftime("%a, %d %b %y %H:%M:%S +0000")}


def _system_status(request: Request) -> dict[str, Any]:
    moment = datetime.fromtimestamp(int(request.now), tz=UTC)
    return {"status": "online", "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _assets(request: Request) -> dict[str, Any]:
    return _chosen(reference.assets(), request.query.get("asset", ""), "altname")


def _asset_pairs(request: Request) -> dict[str, Any]:
    return _chosen(reference.asset_pairs(request.now_us), request.query.get("pair", ""), "altname")


def _chosen(rows: dict[str, Any], wanted: str, name: str) -> dict[str, Any]:
    names = set(filter(None, wanted.split(",")))
    return {code: row for code, row in rows.items() if not names or code in names or row[name] in names}


def _found(index: Index, wanted: str) -> Response:
    items = [index.find(identity) for identity in wanted.split(",")]
    rows = ",".join(item.text for item in items if item is not None)
    return _text(f'{{"error":[],"result":{{{rows}}}}}')


def _result(result: Any) -> Response:
    return json_response({"error": [], "result": result})


def _text(body: str) -> Response:
    return Response(body=body.encode())


def _error(text: str) -> Response:
    return json_response({"error": [text]})
