"""The exchanges' room: finding, describing and opening exchanges, and asking them within their limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.lake_rows import Room
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.spec import ExchangeSpec, Limit, StreamSpec
from metrifly_pipeline.domain.streams import Page, RawRecord, Span, Task


class Budget(Protocol):
    """Hands out requests in blocks, shared by all processes through the control database."""

    def take(self, bucket: str, limit: Limit, weight: int, gate: str) -> None:
        """Wait until `weight` units of `bucket` are ours and `gate`, which stands before several buckets, is open.

        Raises ExchangeTroubleError(RATE_LIMITED) past a bounded wait.
        """

    def pause(self, name: str, seconds: float) -> None:
        """Let nobody take from this bucket, or from any behind this gate, for `seconds` (after a 429, 418 or ban)."""


class ExchangeSession(Protocol):
    """An opened, read-only client of one exchange account. Every call may raise ExchangeTroubleError."""

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests sent so far, by ccxt method name."""

    def probe(self) -> KeyFacts:
        """Ask what the key may do."""

    def can_read(self, stream: StreamSpec) -> bool:
        """Try the smallest read of a stream; False where the key lacks the permission, raises for every other trouble."""

    def markets(self) -> Sequence[Market]:
        """All markets, delisted ones too where the exchange lists them."""

    def glimpse(self, stream: StreamSpec, scope: str, span: Span) -> Sequence[RawRecord]:
        """Read a few records inside a span with as few requests as that takes, the oldest ones where they can be asked for."""

    def total(self, stream: StreamSpec, task: Task) -> int | None:
        """How many records a task's closed span holds, in one request; None where the exchange does not tell, or nothing is to be asked."""

    def pull(self, stream: StreamSpec, task: Task) -> Iterator[Page]:
        """Yield pages until the task is done; each page is parsed and checked before it is yielded."""

    def close(self) -> None:
        """Let go of sockets and secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One exchange a person may search for; without a room it can't be linked directly."""

    name: str
    title: str
    has_room: bool


class ExchangeGateway(Protocol):
    """The door to exchanges."""

    def search(self, text: str) -> Sequence[CatalogEntry]:
        """Every exchange whose name or title contains `text` (any case), linked ones first."""

    def spec(self, exchange: str) -> ExchangeSpec:
        """The room's spec; NotFoundError for no such exchange, RefusedError for one without a room."""

    def room(self, exchange: str) -> Room:
        """The room's SQL and aliases."""

    def rooms(self) -> Mapping[str, Room]:
        """All rooms by exchange."""

    def candidate_symbols(self, exchange: str, codes: set[str], markets: Sequence[Market]) -> Sequence[str]:
        """Market ids that an exchange account with these asset codes may have traded on, likeliest first."""

    def open(self, exchange: str, credential: Credential, *, base_url: str | None, budget: Budget) -> ExchangeSession:
        """Open a session.

        A `base_url` other than literal loopback raises RefusedError; so does a malformed credential as
        ExchangeTroubleError with its reason.
        """
