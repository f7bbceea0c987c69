"""What a request to Binance must pass before it is answered: weight limits, API key, timestamp, signature, permission, IP.

Sources: binance-spot-api-docs (rest-api.md: limits, timing and endpoint security; errors.md), developers.binance.com (wallet: general info,
limits of /sapi by endpoint).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from metrifly_pipeline.sandbox.dialects import Venue
from metrifly_pipeline.sandbox.limits import FixedWindow, SlidingWindow
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from metrifly_pipeline.sandbox.wire import Request, Response, json_response

WEIGHT_PER_MINUTE = {"api": 6_000, "sapi_ip": 12_000, "sapi_uid": 180_000}
"""/api shares one weight per IP; each endpoint of /sapi has one of its own, per IP or per account."""
USED_HEADER = {
    "api": "X-MBX-USED-WEIGHT-1M",
    "sapi_ip": "X-SAPI-USED-IP-WEIGHT-1M",
    "sapi_uid": "X-SAPI-USED-UID-WEIGHT-1M",
}
DEFAULT_RECV_WINDOW_MS = 5_000
LONGEST_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000
REFUSALS_BEFORE_BAN = 10
"""How many requests over the limit an IP may still send in a window before it is banned (Binance doesn't tell the number)."""
FIRST_BAN_SECONDS = 120
"""Bans last 2 minutes and grow, up to 3 days."""
LONGEST_BAN_SECONDS = 3 * 86_400
_KEY_FORM = re.compile(r"[A-Za-z0-9]{64}")


class RefusedError(Exception):
    """The request goes no further; `response` says why in Binance's words."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def refusal(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> RefusedError:
    """Binance's error body."""
    return RefusedError(json_response({"code": code, "msg": message}, status=status, headers=headers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an endpoint asks for."""

    weight: int
    bucket: str = "api"
    """`api`, `sapi_ip` or `sapi_uid`."""
    permission: str | None = None
    """One of `TruthKey.permissions`; None: any valid key."""
    signed: bool = True
    params: frozenset[str] = frozenset()
    """/api/v3 refuses a parameter that it doesn't read; /sapi ignores it."""
    per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and what."""

    account: TruthAccount
    key: TruthKey
    params: Mapping[str, str]


@dataclass(slots=True)
class _Ban:
    until: float = 0.0
    seconds: float = FIRST_BAN_SECONDS
    refused: int = 0
    window: int = -1


@dataclass(slots=True)
class Gate:
    """Lets requests through or raises RefusedError; keeps the counters of its venue."""

    venue: Venue
    weights: dict[tuple[str, ...], FixedWindow] = field(default_factory=dict)
    seconds: dict[tuple[str, ...], SlidingWindow] = field(default_factory=dict)
    bans: dict[str, _Ban] = field(default_factory=dict)

    def count(self, request: Request, rule: Rule, uid: str = "") -> dict[str, str]:
        """Take the request's weight.

        Returns:
            The headers that tell the used weight.
        """
        self._check_ban(request)
        who = uid if rule.bucket == "sapi_uid" else request.client_ip
        shared = () if rule.bucket == "api" else (request.path,)
        allowed = WEIGHT_PER_MINUTE[rule.bucket] * self.venue.scale
        window = self.weights.setdefault((rule.bucket, who, *shared), FixedWindow(allowed, 60.0))
        within = window.take(rule.weight, request.now)
        if rule.per_second is not None:
            paced = self.seconds.setdefault((who, request.path), SlidingWindow(rule.per_second * self.venue.scale, 1.0))
            within = paced.take(request.now) and within
        used = {USED_HEADER[rule.bucket]: f"{window.used:.0f}"}
        if not within:
            raise self._over(request, rule, window, used)
        return used

    def _check_ban(self, request: Request) -> None:
        ban = self.bans.get(request.client_ip)
        if ban is not None and request.now < ban.until:
            raise self._banned(ban, request)

    def _banned(self, ban: _Ban, request: Request) -> RefusedError:
        message = (
            f"Way too much request weight used; IP banned until {int(ban.until * 1_000)}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return refusal(418, -1003, message, {"Retry-After": f"{max(1, int(ban.until - request.now) + 1)}"})

    def _over(self, request: Request, rule: Rule, window: FixedWindow, used: Mapping[str, str]) -> RefusedError:
        ban = self.bans.setdefault(request.client_ip, _Ban())
        minute = int(request.now // 60)
        ban.refused = ban.refused + 1 if ban.window == minute else 1
        ban.window = minute
        if ban.refused > REFUSALS_BEFORE_BAN:
            ban.until = request.now + ban.seconds
            ban.seconds = min(LONGEST_BAN_SECONDS, ban.seconds * 2)
            ban.refused = 0
            return self._banned(ban, request)
        headers = {**used, "Retry-After": f"{int(window.retry_after(request.now)) + 1}"}
        if rule.bucket == "sapi_uid":
            return refusal(429, -1003, "Too many requests; current request has limited.", headers)
        message = (
            f"Too much request weight used; current limit is {window.maximum:.0f} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return refusal(429, -1003, message, headers)

    def enter(self, request: Request, rule: Rule) -> Caller:
        """Check key, parameters, signature, clock, IP and permission of a signed request."""
        denied = 401 if request.path.startswith("/api/") else 400
        api_key = request.headers.get("x-mbx-apikey", "")
        found = self.venue.by_key(api_key)
        if found is None and not _KEY_FORM.fullmatch(api_key):
            raise refusal(401, -2014, "API-key format invalid.")
        params = _params(request)
        _check_params(rule, params, strict=request.path.startswith("/api/"))
        not_for_you = refusal(denied, -2015, "Invalid API-key, IP, or permissions for action.")
        if found is None:
            raise not_for_you
        account, key = found
        _check_signature(request, key.secret, params["signature"])
        _check_time(params, request.now_ms)
        expired = key.expires_at_us is not None and request.now_us >= key.expires_at_us
        elsewhere = bool(key.ip_allowlist) and request.client_ip not in key.ip_allowlist
        if expired or elsewhere or (rule.permission is not None and rule.permission not in key.permissions):
            raise not_for_you
        return Caller(account=account, key=key, params=params)


def _params(request: Request) -> dict[str, str]:
    pairs = parse_qsl(request.query_string, keep_blank_values=True)
    pairs += parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    params = dict(pairs)
    if len(params) != len(pairs):
        raise refusal(400, -1101, "Duplicate values for a parameter detected.")
    return params


def missing(name: str) -> RefusedError:
    """A mandatory parameter isn't there."""
    return refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _check_params(rule: Rule, params: Mapping[str, str], *, strict: bool) -> None:
    for name in ("timestamp", "signature"):
        if not params.get(name):
            raise missing(name)
    for name in ("timestamp", "recvWindow"):
        if name in params:
            whole_number(params, name)
    if whole_number(params, "recvWindow", DEFAULT_RECV_WINDOW_MS) > LONGEST_RECV_WINDOW_MS:
        raise refusal(400, -1131, "recvWindow must be less than 60000.")
    read = params.keys() & (rule.params | {"timestamp", "signature", "recvWindow"})
    if strict and len(read) < len(params):
        message = f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(params)}'."
        raise refusal(400, -1104, message)


def whole_number(params: Mapping[str, str], name: str, default: int = 0) -> int:
    """A numeric parameter; the default where it isn't sent."""
    text = params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,20}", text):
        message = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        raise refusal(400, -1100, message)
    return int(text)


def _check_signature(request: Request, secret: str, given: str) -> None:
    """HMAC-SHA256, in hex, of query and body as sent, one after the other without a separator, less the signature itself."""
    signed = b"".join(
        b"&".join(part for part in raw.split(b"&") if not part.startswith(b"signature="))
        for raw in (request.query_string.encode(), request.body)
    )
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.lower().encode()):
        raise refusal(400, -1022, "Signature for this request is not valid.")


def _check_time(params: Mapping[str, str], now_ms: int) -> None:
    sent = int(params["timestamp"])
    if sent >= now_ms + AHEAD_MS:
        raise refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - sent > whole_number(params, "recvWindow", DEFAULT_RECV_WINDOW_MS):
        raise refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
