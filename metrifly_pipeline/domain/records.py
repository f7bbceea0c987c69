"""Small facts that cross room borders: what a key may do, balances, markets."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What the exchange says a key may do. None means that the exchange does not tell."""

    identity: str | None
    """What stays the same when a key is replaced: the exchange account's own id; None where the exchange tells none."""
    can_read_trades: bool | None
    can_read_balances: bool | None
    can_trade: bool | None
    can_withdraw: bool | None
    can_transfer: bool | None = None
    ip_allowlist: tuple[str, ...] | None = None
    """Empty tuple: no restriction. None: not told."""
    expires_at: datetime | None = None
    history_from: datetime | None = None
    history_to: datetime | None = None
    """Where the key itself cuts history off."""
    elsewhere: tuple[str, ...] = ()
    """Balances on products that no stream covers, in words: `futures: worth 0.5 BTC`; empty where the exchange does not tell."""
    unreadable: tuple[str, ...] = ()
    """Streams that the key is not permitted to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One market as the exchange lists it; `base` and `quote` are the exchange's own asset codes."""

    market_id: str
    base: str
    quote: str
    active: bool
    aliases: tuple[str, ...] = ()
    """Other ids under which fills name it (kraken: altname, wsname)."""
