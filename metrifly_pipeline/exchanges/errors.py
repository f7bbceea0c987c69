"""Errors of exchanges, of ccxt and of the wire, translated at this edge: room's table first, ccxt's class as the fallback.

No text of the library or of the exchange goes further than this file: ccxt's messages hold signed URLs and API keys.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isnan

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import ErrorRule
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

_CODE = re.compile(r"[\w:\- ]{1,60}")
_LONGEST_WAIT_SECONDS = 7 * 86_400.0

BY_CLASS: dict[str, tuple[Reason, bool]] = {
    "AuthenticationError": (Reason.KEY_INVALID, False),
    "PermissionDenied": (Reason.PERMISSION_MISSING, False),
    "AccountNotEnabled": (Reason.ACCOUNT_RESTRICTED, False),
    "AccountSuspended": (Reason.ACCOUNT_RESTRICTED, False),
    "RestrictedLocation": (Reason.ACCOUNT_RESTRICTED, False),
    "DDoSProtection": (Reason.RATE_LIMITED, True),
    "RateLimitExceeded": (Reason.RATE_LIMITED, True),
    "OnMaintenance": (Reason.MAINTENANCE, False),
    "ExchangeNotAvailable": (Reason.EXCHANGE_DOWN, True),
    "InvalidNonce": (Reason.CLOCK_SKEW, True),
    "ChecksumError": (Reason.UNEXPECTED_RESPONSE, False),
    "BadResponse": (Reason.UNEXPECTED_RESPONSE, False),
    "RequestTimeout": (Reason.NETWORK, True),
    "NetworkError": (Reason.NETWORK, True),
    "OperationFailed": (Reason.EXCHANGE_DOWN, True),
    "BaseError": (Reason.UNEXPECTED_RESPONSE, False),
}
"""ccxt's error classes by name (so that reading this table doesn't import ccxt); a subclass without a row means what its parent means."""

BY_STATUS: dict[int, tuple[Reason, bool]] = {
    401: (Reason.KEY_INVALID, False),
    403: (Reason.ACCOUNT_RESTRICTED, False),
    407: (Reason.NETWORK, False),
    408: (Reason.NETWORK, True),
    418: (Reason.RATE_LIMITED, True),
    429: (Reason.RATE_LIMITED, True),
    451: (Reason.ACCOUNT_RESTRICTED, False),
}
"""What an HTTP status means on its own. From 500 the exchange is down; everything else is an answer we don't know."""

_SERVER_ERRORS = 500
_RATE_STATUSES = (418, 429)


def of_class(error: type[BaseException]) -> tuple[Reason, bool]:
    """What a ccxt error class means, and whether to ask again; the nearest ancestor in the table decides."""
    for ancestor in error.__mro__:
        if ancestor.__name__ in BY_CLASS:
            return BY_CLASS[ancestor.__name__]
    return Reason.UNEXPECTED_RESPONSE, False


def of_status(status: int) -> tuple[Reason, bool]:
    """What an HTTP status means when the body says nothing."""
    if status >= _SERVER_ERRORS:
        return Reason.EXCHANGE_DOWN, True
    return BY_STATUS.get(status, (Reason.UNEXPECTED_RESPONSE, False))


def of_rules(rules: tuple[ErrorRule, ...], code: str, message: str) -> tuple[Reason, bool] | None:
    """The first row of a room's table that fits; None where none does."""
    for rule in rules:
        if (not rule.code or rule.code == code) and (not rule.pattern or re.search(rule.pattern, message)):
            return rule.reason, rule.retry
    return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), a week at most; None where it is missing or unreadable."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return None if isnan(seconds) else min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)


def trouble(meaning: tuple[Reason, bool], status: int, code: str, wait: float | None = None) -> ExchangeTroubleError:
    """Make our error. A 429 or 418 is a rate limit whatever the body says; a code is kept only where it looks like one."""
    reason, retry = meaning
    if status in _RATE_STATUSES:
        reason, retry = Reason.RATE_LIMITED, True
    short = code if _CODE.fullmatch(code) else ""
    # A rate limit that says not to try again is a lockout.
    of_address = reason is Reason.RATE_LIMITED and (status in _RATE_STATUSES or not retry)
    return ExchangeTroubleError(reason, code=short, retry=retry, retry_after_seconds=wait, of_address=of_address)


def unexpected(detail: str) -> ExchangeTroubleError:
    """An answer that can't be understood; `detail` is ours and holds nothing of the answer."""
    return ExchangeTroubleError(Reason.UNEXPECTED_RESPONSE, detail=detail)
