"""What a person types for an entry, read strictly: wrong input is refused with words that say what is right. Pure."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

from metrifly_pipeline.domain.entries import PLACES, WHOLE_DIGITS
from metrifly_pipeline.domain.planning import FIRST_EXCHANGE_DAY
from metrifly_pipeline.domain.trouble import RefusedError

MOST_NOTE = 500
_AMOUNT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_ASSET = re.compile(r"[^\W_][\w.$-]{0,31}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_amount(text: str, name: str) -> Decimal:
    """A decimal with every digit: a sign, at most 20 digits before the point and 18 behind it, nothing else.

    Raises:
        RefusedError: It is anything else: an exponent, a comma, NaN, a blank within. `name` says which field.
    """
    typed = text.strip()
    found = _AMOUNT.fullmatch(typed)
    if found is None:
        message = f"{name} {shown(typed)} is not a number; write digits and a point, such as 1234.5, without an exponent or commas"
        raise RefusedError(message)
    sign, whole, part = found.group(1), found.group(2).lstrip("0"), (found.group(3) or "").rstrip("0")
    if len(whole) > WHOLE_DIGITS or len(part) > PLACES:
        message = (
            f"{name} {shown(typed)} has too many digits; at most {WHOLE_DIGITS} before the point and {PLACES} after it"
        )
        raise RefusedError(message)
    value = Decimal(f"{whole or '0'}.{part}" if part else whole or "0")
    return value.copy_negate() if sign == "-" and value else value


def read_moment(text: str, now: datetime, *, zoneless: bool = False) -> datetime:
    """A day (its first moment, UTC), or a moment with its zone; microseconds, UTC.

    Args:
        text: What was written.
        now: Nothing happens later.
        zoneless: Whether a moment without a zone is one in UTC.

    Raises:
        RefusedError: It is no date, has a time without a zone where it needs one, lies before 2009-01-03 or after `now`.
    """
    typed = text.strip()
    try:
        moment = (
            datetime.combine(date.fromisoformat(typed), time(), UTC)
            if _DAY.fullmatch(typed)
            else datetime.fromisoformat(typed)
        )
    except ValueError:
        message = (
            f"{shown(typed)} is not a date; write a day such as 2024-01-31, or a moment such as 2024-01-31T12:30:00Z"
        )
        raise RefusedError(message) from None
    if moment.tzinfo is None and zoneless:
        moment = moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        message = (
            f"{shown(typed)} has no time zone; end it with Z for UTC or with an offset such as +01:00, or give the day"
        )
        raise RefusedError(message)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise RefusedError(f"{shown(typed)} is too far away to be a date") from None
    if moment < FIRST_EXCHANGE_DAY:
        raise RefusedError(
            f"{shown(typed)} lies before {FIRST_EXCHANGE_DAY:%Y-%m-%d}, when there was no crypto asset yet"
        )
    if moment > now:
        raise RefusedError(f"{shown(typed)} lies in the future; record what has happened")
    return moment


def read_asset(text: str, name: str) -> str:
    """An asset's code of ours, in capitals.

    Raises:
        RefusedError: It can't be a code: empty, longer than 32 characters, or with blanks or signs other than . _ $ - within.
    """
    typed = text.strip().upper()
    if not _ASSET.fullmatch(typed):
        raise RefusedError(f"{name} {shown(text.strip())} is not an asset's code; write one such as BTC or EUR")
    return typed


def read_note(text: str) -> str:
    """Words of one's own, on one line.

    Raises:
        RefusedError: They are too long.
    """
    typed = " ".join(text.split())
    if len(typed) > MOST_NOTE:
        raise RefusedError(f"The note has {len(typed)} characters; at most {MOST_NOTE}")
    return typed


def shown(text: str) -> str:
    """Somebody's words within ours: quoted, and no longer than a line."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")  # noqa: PLR2004 - a line's worth
