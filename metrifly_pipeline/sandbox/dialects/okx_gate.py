"""What a request to OKX must pass before it is answered: headers, clock, key, environment, passphrase, signature, IP, permission, limits.

Sources: okx.com/docs-v5 (REST authentication, error codes of the API class, rate limits by endpoint and user id). OKX documents 50119 and 50120
with status 200; observed were 401, which is what stands here.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from metrifly_pipeline.sandbox.dialects import Venue
from metrifly_pipeline.sandbox.limits import SlidingWindow
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from metrifly_pipeline.sandbox.wire import Request, Response, json_response

CLOCK_SECONDS = 30.0
"""A timestamp further than this from OKX's clock has expired."""
HEADERS = (
    ("OK-ACCESS-KEY", "50103"),
    ("OK-ACCESS-PASSPHRASE", "50104"),
    ("OK-ACCESS-SIGN", "50106"),
    ("OK-ACCESS-TIMESTAMP", "50107"),
)
_KEY_FORM = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


class RefusedError(Exception):
    """The request goes no further; `response` says why in OKX's words."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def denied(code: str, message: str, status: int = 401) -> RefusedError:
    """An error of the gateway: there is no `data` in it."""
    return RefusedError(json_response({"msg": message, "code": code}, status=status))


def wrong(code: str, message: str, status: int = 400) -> RefusedError:
    """An error of the endpoint, in the full envelope."""
    return RefusedError(json_response({"code": code, "data": [], "msg": message}, status=status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an endpoint asks for: a permission (None: any valid key), and how many calls it takes in how many seconds."""

    calls: int
    seconds: float
    permission: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    account: TruthAccount
    key: TruthKey


@dataclass(slots=True)
class Gate:
    """Lets requests through or raises RefusedError; keeps the counters of its venue."""

    venue: Venue
    windows: dict[tuple[str, str], SlidingWindow] = field(default_factory=dict)

    def count(self, request: Request, rule: Rule, who: str) -> None:
        """Count a call of that user id or IP."""
        allowed = rule.calls * self.venue.scale
        window = self.windows.setdefault((who, request.path), SlidingWindow(allowed, rule.seconds))
        if not window.take(request.now):
            raise denied("50011", "Too Many Requests", 429)

    def enter(self, request: Request, rule: Rule) -> Caller:
        """Check everything that a private request must bring."""
        for name, code in HEADERS:
            if not request.headers.get(name.lower()):
                raise denied(code, f'Request header "{name}" can not be empty.')
        _check_time(request)
        account, key = self._key(request)
        if request.headers.get("x-simulated-trading") == "1":
            raise denied("50101", "APIKey does not match current environment.")
        if not hmac.compare_digest(key.passphrase.encode(), request.headers["ok-access-passphrase"].encode()):
            raise denied("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
        _check_signature(request, key.secret)
        if key.ip_allowlist and request.client_ip not in key.ip_allowlist:
            raise denied("50110", f"Your IP {request.client_ip} is not included in your API key's IP whitelist.")
        if rule.permission is not None and rule.permission not in key.permissions:
            raise denied("50120", "This API key doesn't have permission to use this function")
        self.count(request, rule, account.uid)
        return Caller(account=account, key=key)

    def _key(self, request: Request) -> tuple[TruthAccount, TruthKey]:
        api_key = request.headers["ok-access-key"]
        found = self.venue.by_key(api_key)
        if found is None and not _KEY_FORM.fullmatch(api_key):
            raise denied("50111", "Invalid OK-ACCESS-KEY")
        if found is None or (found[1].expires_at_us is not None and request.now_us >= found[1].expires_at_us):
            raise denied("50119", "API key doesn't exist")
        return found


def _check_time(request: Request) -> None:
    text = request.headers["ok-access-timestamp"]
    if not _TIME_FORM.fullmatch(text):
        raise denied("50112", "Invalid OK-ACCESS-TIMESTAMP")
    sent = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    if abs(sent.timestamp() - request.now) > CLOCK_SECONDS:
        raise denied("50102", "Timestamp request expired")


def _check_signature(request: Request, secret: str) -> None:
    """HMAC-SHA256, in base64, of timestamp, method, path with query, and body, all as sent."""
    query = f"?{request.query_string}" if request.query_string else ""
    signed = f"{request.headers['ok-access-timestamp']}{request.method}{request.path}{query}".encode() + request.body
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, request.headers["ok-access-sign"].encode()):
        raise denied("50113", "Invalid Sign")
