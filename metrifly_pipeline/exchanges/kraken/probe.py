"""What Kraken answers in a form of its own: error envelope, key permissions, markets, clock."""

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.exchanges.room import Call, Json, no_error


def error_of(status: int, body: Json) -> tuple[str, str] | None:
    """Kraken's envelope is `{"error": ["ECategory:What happened:more"], ...}`, mostly at status 200; a W begins a mere warning."""
    listed = body.get("error") if isinstance(body, dict) else None
    errors = [str(item) for item in listed if not str(item).startswith("W")] if isinstance(listed, list) else []
    if errors:
        return ":".join(errors[0].split(":")[:2]), errors[0]
    return no_error(status, body)


def check(body: Json, method: str) -> bool:
    """Every good answer is `{"error": [], "result": ...}`, its result a mapping."""
    del method
    return isinstance(body, dict) and isinstance(body.get("error"), list) and isinstance(body.get("result"), dict)


def probe(call: Call) -> KeyFacts:
    """Ask GetApiKeyInfo, which needs no permission. Source: docs.kraken.com, get-api-key-info."""
    facts = call("privatePostGetApiKeyInfo")["result"]
    permissions = {str(item) for item in facts.get("permissions", ())}
    readable = {"ledger": "query-ledger" in permissions, "balances": "query-funds" in permissions}
    return KeyFacts(
        identity=facts.get("iban") or None,
        can_read_trades=bool(permissions & {"query-closed-trades", "query-open-trades"}),
        can_read_balances=readable["balances"],
        can_trade=bool(permissions & {"modify-trades", "close-trades", "create-orders"}),
        can_withdraw="withdraw-funds" in permissions,
        can_transfer=bool(permissions & {"add-funds", "earn-funds"}),
        ip_allowlist=tuple(str(item) for item in facts.get("ipAllowlist") or ()),
        expires_at=_moment(facts.get("validUntil")),
        history_from=_moment(facts.get("queryFrom")),
        history_to=_moment(facts.get("queryTo")),
        unreadable=tuple(stream for stream, may in readable.items() if not may),
    )


def markets(call: Call) -> Sequence[Market]:
    """Ask AssetPairs; fills name a pair by its id (XXBTZUSD), newer ones by its altname (XBTUSD)."""
    return tuple(
        Market(
            market_id=str(pair),
            base=str(row["base"]),
            quote=str(row["quote"]),
            active=row.get("status", "online") == "online",
            aliases=tuple(str(row[name]) for name in ("altname", "wsname") if name in row),
        )
        for pair, row in call("publicGetAssetPairs")["result"].items()
    )


def server_time(call: Call) -> float:
    """Ask Kraken's clock, unix seconds."""
    return float(call("publicGetTime")["result"]["unixtime"])


def _moment(seconds: str | int | None) -> datetime | None:
    """A unix second as Kraken writes it; "0" and nothing mean none."""
    number = float(seconds or 0)
    return datetime.fromtimestamp(number, tz=UTC) if number else None


class _Nonces:
    """Microseconds that only rise."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = Lock()

    def next(self, now_us: int) -> int:
        """Now, or one more than the last where that is not above it."""
        with self._lock:
            self._last = max(now_us, self._last + 1)
            return self._last


_NONCES = _Nonces()
"""One for the whole process, so that two sessions of one key don't meet."""


def configure(exchange: Any) -> None:
    """Sign with microseconds that only rise: Kraken refuses a nonce that is not above the key's last one, for ever.

    Milliseconds would lock a key out that another program has used with finer ones.
    """
    exchange.incrementing_nonce = lambda: _NONCES.next(int(exchange.microseconds()))
