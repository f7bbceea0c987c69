"""The transport: ccxt signs, this file guards, sends, checks and translates. Only implicit endpoints are ever called.

ccxt's own `fetch` would log signed requests, follow redirects, turn a broken body into an empty list and put URLs into its errors;
it is replaced whole, `fetch2` (which signs and retries) too.
"""

import importlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from types import MethodType
from typing import Any, ClassVar, NoReturn

import certifi
import orjson
import urllib3

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.guard import ReadOnlyGuard, SignedRequest, leaves, move_urls, origin_of, sections
from metrifly_pipeline.exchanges.room import Json, RoomHooks

Clock = Callable[[], datetime]

_HEADERS = {"User-Agent": "metrifly", "Accept-Encoding": "gzip"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLY = 1_024
_FLOAT = re.compile(rb"[:,\[]\s*-?[0-9]+[.eE]")
"""Seen in the first bytes of an answer, it spares parsing twice; seen or not seen wrongly, it changes nothing."""
_ERROR_STATUS = 400
_REDIRECT_STATUS = 300


@cache
def ccxt_module() -> Any:
    """Import ccxt (0.6 s, 75 MB) when the first exchange is opened, and keep its loggers from printing keys."""
    module = importlib.import_module("ccxt")
    for name in ("ccxt", "ccxt.base", "ccxt.base.exchange"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return module


def exact_json(text: str | bytes) -> Json:
    """Parse JSON so that every number which isn't an integer stays the text of its own digits (NaN and Infinity too).

    orjson (ccxt brings it) is much faster and makes a float of what is no 64-bit integer: where it made none, nothing was lost. What it
    refuses (NaN, half a surrogate pair, broken JSON) the standard library takes or refuses.
    """
    if isinstance(text, str) or not _FLOAT.search(text, 0, _EARLY):
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        else:
            if not _holds_float(parsed):
                return parsed
    return json.loads(text, parse_float=str, parse_constant=str)


def _holds_float(value: Json) -> bool:
    """Whether a float stands anywhere in it; a level at a time, since a page's rows are all alike."""
    level: Sequence[Json] = [value]
    while level:
        kinds = set(map(type, level))
        if float in kinds:
            return True
        if kinds == {dict}:
            level = list(chain.from_iterable(map(dict.values, level)))
        else:
            inner = (
                each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)
            )
            level = list(chain.from_iterable(inner)) if kinds & {dict, list} else ()
    return False


class ReadOnlyMixin:
    """What is put in front of a ccxt exchange class. It refuses to be pickled, and never speaks of what it sends."""

    metrifly_guard: ReadOnlyGuard
    metrifly_hooks: RoomHooks
    metrifly_clock: Clock
    metrifly_pool: urllib3.PoolManager
    metrifly_timeout: float
    metrifly_data: ClassVar[Sequence[str]] = ()
    sign: Callable[..., dict[str, Any]]
    handle_errors: Callable[..., Any]

    def fetch2(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Json:
        """Sign one allowed read and send it."""
        del config
        self.metrifly_guard.allow_route(api, method, path)
        request = self.metrifly_sign(path, api, method, params)
        self.metrifly_guard.expect(request)
        return self.fetch(request.url, request.verb, request.headers, request.body)

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Json:
        """Send the request just signed; return its parsed, non-empty answer."""
        request = SignedRequest(url, method, headers, body)
        self.metrifly_guard.allow_request(request)
        answer = self._send(request)
        return self._read(request, answer.status, answer.headers, answer.data)

    def on_json_response(self, response_body: str) -> Json:
        """Where ccxt itself would parse an answer: with exact numbers."""
        return exact_json(response_body)

    def milliseconds(self) -> int:
        """The injected clock, so that signed timestamps follow it."""
        return self.microseconds() // 1000

    def microseconds(self) -> int:
        """The injected clock."""
        passed = self.metrifly_clock() - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds

    def seconds(self) -> int:
        """The injected clock."""
        return self.microseconds() // 1_000_000

    def metrifly_sign(self, path: str, api: Any, verb: str, params: Any = None) -> SignedRequest:
        """Sign one read; a credential that can't becomes our own error."""
        try:
            signed = self.sign(path, list(sections(api)), verb, params or {})
        except Exception as error:  # noqa: BLE001 - malformed credentials raise anything on 21 exchanges
            names = {ancestor.__name__ for ancestor in type(error).__mro__}
            reason = Reason.KEY_INVALID if "AuthenticationError" in names else Reason.SECRET_WRONG
            raise ExchangeTroubleError(reason, detail="it can't be used to sign a request") from None
        return SignedRequest(signed["url"], signed["method"], signed["headers"], signed["body"])

    def _send(self, request: SignedRequest) -> urllib3.BaseHTTPResponse:
        try:
            return self.metrifly_pool.request(
                request.verb,
                request.url,
                body=request.body.encode() if request.body else None,
                headers=_HEADERS | dict(request.headers or {}),
                redirect=False,
                retries=False,
                timeout=self.metrifly_timeout,
            )
        except (urllib3.exceptions.HTTPError, OSError):
            raise ExchangeTroubleError(Reason.NETWORK, retry=True) from None
        except (ValueError, UnicodeError):
            raise ExchangeTroubleError(Reason.KEY_INVALID, detail="it can't be sent") from None

    def _read(self, request: SignedRequest, status: int, headers: Mapping[str, str], data: bytes) -> Json:
        try:
            body = exact_json(data)
        except (ValueError, RecursionError):
            body = None
        readable = isinstance(body, list) or (isinstance(body, dict) and bool(body))
        found = self.metrifly_hooks.error_of(status, body) if readable else None
        if found is not None:
            raise self._translate(request, status, headers, data, body, *found) from None
        if status >= _REDIRECT_STATUS or not readable:
            raise self._translate(request, status, headers, data, body if readable else None, "", "") from None
        return body

    def _translate(
        self,
        request: SignedRequest,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        body: Json,
        code: str,
        message: str,
    ) -> ExchangeTroubleError:
        known = errors.of_rules(self.metrifly_hooks.spec.errors, code, message) if code else None
        wait = errors.retry_after(headers, self.metrifly_clock())
        if known is None:
            known = self._ask_ccxt(request, status, headers, data, body)
        if known is None or (known[0] is Reason.UNEXPECTED_RESPONSE and status >= _ERROR_STATUS):
            known = errors.of_status(status)
        return errors.trouble(known, status, code, wait)

    def _ask_ccxt(
        self, request: SignedRequest, status: int, headers: Mapping[str, str], data: bytes, body: Json
    ) -> tuple[Reason, bool] | None:
        """Let ccxt name an error that no row of the room's table knows; only the class of what it raises is looked at."""
        text = data.decode("utf-8", "replace")
        if body is None or not text:
            return None
        try:
            self.handle_errors(status, "", request.url, request.verb, dict(headers), text, body, {}, None)
        except Exception as error:  # noqa: BLE001 - its text may hold the signed URL, so only its class is used
            return errors.of_class(type(error))
        return None

    def __dir__(self) -> Iterable[str]:
        """The names; while a client is made that isn't the first of its exchange, without methods.

        ccxt's constructor goes through all names to spell each in a second way, and that is two thirds of what it costs to make a client. For
        methods it does so on the class, where the first client has left them.
        """
        is_made = "metrifly_guard" in vars(self)
        return super().__dir__() if is_made else type(self).metrifly_data or super().__dir__()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: it holds a secret."""
        message = "an exchange client is never pickled"
        raise TypeError(message)


@cache
def client_class(exchange: str) -> type[Any]:
    """The guarded class of one exchange; KeyError where ccxt no longer has it."""
    module = ccxt_module()
    if exchange not in module.exchanges:
        raise KeyError(exchange)
    return type(f"ReadOnly_{exchange}", (ReadOnlyMixin, getattr(module, exchange)), {})


def make_client(
    hooks: RoomHooks, credential: Credential, *, base_url: str | None, clock: Clock, timeout_seconds: float
) -> Any:
    """Make one guarded ccxt object: exact numbers, no throttle of its own (the budget has that), never verbose."""
    try:
        made = client_class(hooks.spec.name)(
            {
                "apiKey": credential.api_key,
                "secret": credential.secret,
                "password": credential.passphrase,
                "number": str,
                "enableRateLimit": False,
                "verbose": False,
                "timeout": int(timeout_seconds * 1000),
            }
        )
    except KeyError:
        raise ExchangeTroubleError(Reason.EXCHANGE_UNSUPPORTED) from None
    kind = type(made)
    if not kind.metrifly_data:
        kind.metrifly_data = [name for name in dir(made) if not isinstance(getattr(made, name), MethodType)]
    made.session.close()
    origins = {origin_of(made.implode_hostname(url)) for url in leaves(made.urls.get("api"))}
    if base_url is not None:
        made.urls = move_urls(made.urls, base_url)
    made.metrifly_guard = ReadOnlyGuard(hooks.spec.endpoints, origins, base_url)
    made.metrifly_hooks = hooks
    made.metrifly_clock = clock
    made.metrifly_timeout = timeout_seconds
    made.metrifly_pool = urllib3.PoolManager(num_pools=4, maxsize=1, ca_certs=certifi.where())
    hooks.configure(made)
    return made
