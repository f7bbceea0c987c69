"""Who is told when a connection's state changes, and what: one notification a change, none for what somebody knows already. Pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import AccountId, ReceiverId
from metrifly_pipeline.domain.reasons import Level, Reason
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import RefusedError

MAX_TRIES = 10
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=6)
_LONGEST_URL = 2_000
_LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^@\s<>,;:\"()\\]+@[^@\s<>,;:\"()\\]+")


class ReceiverKind(StrEnum):
    """How a receiver is reached."""

    WEBHOOK = "webhook"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where an account's notifications go, and how the last one fared."""

    id: ReceiverId
    account: AccountId
    kind: ReceiverKind
    address: str
    created_at: datetime
    waiting: int = 0
    """Notifications that were not delivered yet and will be tried again."""
    delivered_at: datetime | None = None
    """When one was delivered last."""
    trouble: str = ""
    """Why the newest was not delivered, in our words; empty where it was, or there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one receiver, claimed to be sent: its id stays the same however often it is tried."""

    number: int
    id: str
    receiver: ReceiverId
    attempt: int
    """From 1 on."""
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What became different on one connection since somebody was told."""

    told: frozenset[Reason]
    """What is to be remembered as told."""
    standing: tuple[Attention, ...] = ()
    new: frozenset[Reason] = frozenset()
    cured: tuple[Reason, ...] = ()

    @property
    def worth_telling(self) -> bool:
        """Whether somebody is to be notified."""
        return bool(self.new or self.cured)


def news(told: Collection[Reason], connection: Connection, attention: Sequence[Attention], now: datetime) -> News:
    """Compare what stands with what was told.

    Args:
        told: Reasons that were told and not called cured since.
        connection: Its stored state; of a disconnected one nothing is told.
        attention: What stands on it.
        now: Aware UTC; decides the level of what takes time to count.

    Returns:
        New are actions and notices that are not acknowledged and were not told. What was told and is gone is cured, except that what only a
        good sync can prove (it is still among `connection.ailing`) is held back until then, or forgotten when another action takes its place.
        What was acknowledged is forgotten in silence.
    """
    if connection.disconnected_at is not None:
        return News(told=frozenset())
    open_ones = tuple(item for item in attention if _is_open(item, now))
    current = {item.reason for item in open_ones}
    acknowledged = {item.reason for item in attention if item.acknowledged is not None}
    new = current - set(told)
    gone = set(told) - current - acknowledged
    held = gone & {Reason(each) for each in connection.ailing.split()}
    acting = {item.reason for item in open_ones if item.level(now) is Level.ACTION}
    kept = set() if new & acting else held
    cured = tuple(reason for reason in Reason if reason in gone - held)
    return News(told=frozenset(current | kept), standing=open_ones, new=frozenset(new), cured=cured)


def _is_open(item: Attention, now: datetime) -> bool:
    return item.acknowledged is None and item.level(now) is not Level.INFO


def pause_after(attempt: int, jitter: float) -> timedelta | None:
    """How long to wait after a try that failed: 30 s, then four times as long each, at most six hours; None: give up.

    `jitter` from 0 to 1 spreads it by a fifth both ways, so that many that failed together don't come back together.
    """
    if attempt >= MAX_TRIES:
        return None
    return min(_FIRST_PAUSE * (1 << 2 * (attempt - 1)), _LONGEST_PAUSE) * (0.8 + 0.4 * jitter)


def webhook_address(text: str) -> str:
    """The address as it is stored; RefusedError unless it is https, or http to this machine."""
    address = text.strip()
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise RefusedError("This is no usable URL.") from None
    if not host or len(address) > _LONGEST_URL or not address.isprintable() or " " in address:
        raise RefusedError("This is no usable URL: give one such as https://example.com/metrifly.")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("The URL must not hold a name or password: every notification is signed instead.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return address
    raise RefusedError(
        "Notifications go to https addresses only, or to http on this machine (127.0.0.1, ::1, localhost)."
    )


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def email_address(text: str) -> str:
    """The address as it is stored; RefusedError where it is none."""
    address = text.strip()
    if len(address) > _LONGEST_EMAIL or not address.isascii() or _EMAIL.fullmatch(address) is None:
        raise RefusedError("This is no e-mail address; give one such as ann@example.com.")
    return address


def shown_address(receiver: Receiver) -> str:
    """The address for listings: without a query, in which some services want a token."""
    head, mark, _query = receiver.address.partition("?")
    return f"{head}?..." if mark and receiver.kind is ReceiverKind.WEBHOOK else receiver.address
