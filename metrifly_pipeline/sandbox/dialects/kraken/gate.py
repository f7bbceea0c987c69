"""Who may ask: key, address, signature, nonce, permission and call counter, in this order, with Kraken's own errors.

Sources: docs.kraken.com, "Spot REST authentication", "API error messages", "Spot REST rate limits", "Get API Key Info".
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
from dataclasses import dataclass

from metrifly_pipeline.sandbox.dialects import Venue
from metrifly_pipeline.sandbox.limits import DecayingCounter
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from metrifly_pipeline.sandbox.wire import Request

MAXIMUM, DECAY = 15.0, 0.33
"""The call counter of the Starter level, the strictest; each API key has its own."""
PUBLIC_MAXIMUM, PUBLIC_DECAY = 15.0, 1.0
"""Public calls of one address: about one a second."""
HISTORY_COST = 2
"""What a ledger or trade history call adds; every other call adds 1."""

INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
PERMISSION_DENIED = "EGeneral:Permission denied"
RATE_LIMITED = "EAPI:Rate limit exceeded"
TOO_MANY_REQUESTS = "EGeneral:Too many requests"
INVALID_IP = "EAPI:Invalid IP address"
"""Kraken documents no error for an address that isn't on the key's list; the words are ours, the form is Kraken's."""

PERMISSIONS = {
    "read_balances": ("query-funds",),
    "read_trades": ("query-open-trades", "query-closed-trades"),
    "read_ledger": ("query-ledger",),
    "trade": ("modify-trades", "close-trades"),
    "withdraw": ("withdraw-funds",),
    "transfer": ("earn-funds",),
}
"""Kraken's names for what a key may do."""


class RefusedError(Exception):
    """Kraken's error text."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what."""

    account: TruthAccount
    key: TruthKey
    asked: dict[str, str]

    @property
    def history_ns(self) -> tuple[int | None, int | None]:
        """The span that the key's query start and end leave; both ends belong to it."""
        first, last = self.key.history_from_us, self.key.history_to_us
        return (None if first is None else first * 1_000 - 1, None if last is None else last * 1_000)


class Gate:
    """Lets requests in or refuses them."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._nonces: dict[str, int] = {}
        self._counters: dict[str, DecayingCounter] = {}
        self._public: dict[str, DecayingCounter] = {}

    def last_nonce(self, api_key: str) -> int:
        """The highest nonce that a key has used."""
        return self._nonces.get(api_key, 0)

    def private(self, request: Request, *, permission: str | None, cost: int = 1) -> Asker:
        """Check a private request.

        Args:
            request: As it arrived.
            permission: What the key needs to be allowed, in `TruthKey.permissions`' words; None = nothing.
            cost: What it adds to the key's call counter.

        Raises:
            RefusedError: With Kraken's error.
        """
        found = self._venue.by_key(request.headers.get("api-key", ""))
        if found is None:
            raise RefusedError(INVALID_KEY)
        account, key = found
        if key.expires_at_us is not None and request.now_us >= key.expires_at_us:
            raise RefusedError(INVALID_KEY)
        if not _ip_allowed(key, request.client_ip):
            raise RefusedError(INVALID_IP)
        asked = _parameters(request)
        self._check_nonce(key, asked, request)
        if permission is not None and permission not in key.permissions:
            raise RefusedError(PERMISSION_DENIED)
        counter = self._counters.setdefault(key.api_key, self._counter(MAXIMUM, DECAY))
        if not counter.take(cost, request.now):
            raise RefusedError(RATE_LIMITED)
        return Asker(account, key, asked)

    def public(self, request: Request) -> None:
        """Check a public request.

        Raises:
            RefusedError: Too many from this address.
        """
        counter = self._public.setdefault(request.client_ip, self._counter(PUBLIC_MAXIMUM, PUBLIC_DECAY))
        if not counter.take(1, request.now):
            raise RefusedError(TOO_MANY_REQUESTS)

    def _check_nonce(self, key: TruthKey, asked: dict[str, str], request: Request) -> None:
        nonce = asked.get("nonce", "")
        if not nonce.isdigit():
            raise RefusedError(INVALID_NONCE)
        if not hmac.compare_digest(request.headers.get("api-sign", ""), signature(key.secret, nonce, request)):
            raise RefusedError(INVALID_SIGNATURE)
        if int(nonce) <= self.last_nonce(key.api_key):
            raise RefusedError(INVALID_NONCE)
        self._nonces[key.api_key] = int(nonce)

    def _counter(self, maximum: float, decay: float) -> DecayingCounter:
        return DecayingCounter(maximum * self._venue.scale, decay * self._venue.scale)


def signature(secret: str, nonce: str, request: Request) -> str:
    """API-Sign: base64 of HMAC-SHA512 over path + SHA256(nonce + body), with the decoded secret."""
    digest = hashlib.sha256(nonce.encode() + request.body).digest()
    try:
        decoded = base64.b64decode(secret)
    except binascii.Error:
        return ""
    return base64.b64encode(hmac.digest(decoded, request.path.encode() + digest, "sha512")).decode()


def _parameters(request: Request) -> dict[str, str]:
    """A form, or JSON as Kraken takes it too."""
    if "json" not in request.headers.get("content-type", ""):
        return request.form
    try:
        asked = json.loads(request.body)
    except ValueError:
        return {}
    return {name: str(value) for name, value in asked.items()} if isinstance(asked, dict) else {}


def _ip_allowed(key: TruthKey, client_ip: str) -> bool:
    address = ipaddress.ip_address(client_ip)
    allowed = [ipaddress.ip_network(entry, strict=False) for entry in key.ip_allowlist]
    return not allowed or any(address in network for network in allowed)
