"""The steps of one connection's turn at its exchange; every page goes to the landing at once. `pulling` puts them in order."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.domain.planning import Step, discovered_streams, plan_fixed, plan_stream
from metrifly_pipeline.domain.ports import (
    Clock,
    ControlStore,
    CursorMove,
    ExchangeGateway,
    ExchangeSession,
    Finding,
    Lake,
)
from metrifly_pipeline.domain.reasons import MEANING, Family, Level, Reason
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.status import Connection, Lease
from metrifly_pipeline.domain.streams import EVERYTHING, CursorState, Stream
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.services.budgeting import LaneBudget
from metrifly_pipeline.services.judging import key_notices, refusals
from metrifly_pipeline.services.landing import Landing

ONCE_A_DAY = timedelta(hours=23)
DEEP_EVERY = timedelta(days=7)
MARKETS = (Stream.REFERENCE, "markets")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPorts:
    """What every turn of a run shares."""

    gateway: ExchangeGateway
    control: ControlStore
    lake: Lake
    landing: Landing
    clock: Clock
    normalize_now: Callable[[Connection], None]
    """Types what this connection has landed so far; symbols are discovered from the result."""
    allowed_ips: tuple[str, ...]
    landed_markets: dict[str, Sequence[Market]]
    """The list of each exchange that was landed last."""


class OutOfTimeError(Exception):
    """The slice's time is up; raised between two pages only, and never leaves this room."""


class Turn:
    """One connection, one session: every page goes to the landing at once."""

    def __init__(
        self,
        ports: PullPorts,
        connection: Connection,
        lease: Lease,
        session: ExchangeSession,
        budget: LaneBudget,
        deadline: datetime,
    ) -> None:
        """Pull for `connection` under `lease` until `deadline`; `session` takes its requests from `budget`."""
        self.ports = ports
        self.connection = connection
        self.lease = lease
        self.session = session
        self.budget = budget
        self.deadline = deadline
        self.spec: ExchangeSpec = ports.gateway.spec(connection.exchange)
        self.began = ports.clock()
        self.deep = connection.swept_at is None or self.began - connection.swept_at >= (
            self.spec.sweep_every or DEEP_EVERY
        )
        # A first import that goes on read all of it lately: read deeply again in each slice, a slow one would never come to what is left.
        checked_at = None if connection.first_import_done else connection.last_checked_at
        self._reads_deeply = self.deep and (checked_at is None or self.began - checked_at >= ONCE_A_DAY)
        self._read: set[tuple[Stream, str]] = set()
        self._known: Mapping[tuple[Stream, str], CursorState] | None = None
        self._has_pulled = False
        self._unreadable: frozenset[str] | None = None
        self._refused: set[tuple[Stream, str]] = set()
        self._refused_before: set[str] | None = None
        self._key_is_good = False

    # What the key may do

    def check_key(self) -> None:
        """Ask what the key may do, at most once a day, or again while it is in doubt; raises where it may not be used."""
        now = self.ports.clock()
        standing = self.ports.control.attention(self.connection.id)
        in_doubt = any(_doubts_the_key(item.reason) for item in standing)
        if not in_doubt:
            self._refused_before = set()
        probed_at = self.connection.probed_at
        if probed_at is not None and now - probed_at < ONCE_A_DAY and not in_doubt:
            return
        facts = self.session.probe()
        self._key_is_good = True
        known = self.connection.identity
        if known is not None and facts.identity is not None and facts.identity != known:
            raise ExchangeTroubleError(Reason.DIFFERENT_ACCOUNT)
        refused = refusals(facts, self.spec, self.ports.allowed_ips)
        notices = key_notices(facts, self.spec, now)
        if standing or notices:  # else there is nothing to replace
            self.ports.control.replace_findings(self.connection.id, "key", notices, now)
        if in_doubt:  # afterwards: what was acknowledged under the stream's name goes over to the key's
            self._take_over_refusals(facts)
        self._note_permissions(facts, now)
        if refused:
            raise ExchangeTroubleError(refused[0].reason, detail=refused[0].detail)
        self.ports.control.note_probe(self.connection.id, facts, now)

    def _note_permissions(self, facts: KeyFacts, now: datetime) -> None:
        permitted = {stream.stream.value: stream.stream.value not in facts.unreadable for stream in self.spec.streams}
        known = {state.stream: state.permitted for state in self.ports.control.stream_states(self.connection.id)}
        if known != known | permitted:
            self.ports.control.set_stream_permission(self.connection.id, permitted, now)
        self._unreadable = frozenset(name for name, may in (known | permitted).items() if not may)

    def explained(self, trouble: ExchangeTroubleError) -> ExchangeTroubleError:
        """Say that the key has run out where that is known and the exchange only says that it knows no such key."""
        ends = self.connection.key_expires_at
        undecided = trouble.reason in (Reason.KEY_INVALID, Reason.KEY_OR_IP_OR_PERMISSION)
        if not undecided or ends is None or ends > self.ports.clock():
            return trouble
        return ExchangeTroubleError(Reason.KEY_EXPIRED, detail=f"on {ends:%Y-%m-%d}")

    def _take_over_refusals(self, facts: KeyFacts) -> None:
        """What the key itself tells now need not be said again of a stream that an earlier sync was refused."""
        for stream in self.spec.streams:
            for scope in stream.scopes if stream.stream.value in facts.unreadable else ():
                now = self.ports.clock()
                self.ports.control.replace_findings(self.connection.id, _stage(stream, scope), [], now)

    def land_markets(self) -> None:
        """Land the list of markets where it changed; asked once a day."""
        now = self.ports.clock()
        asked = self.cursors().get(MARKETS, {}).get("asked_us")
        now_us = int(now.timestamp() * 1_000_000)
        if asked is not None and now_us - int(asked) < ONCE_A_DAY / timedelta(microseconds=1):
            return
        markets = self.session.markets()
        # One list serves many connections of a run: it is landed with the first.
        if self.ports.landed_markets.get(self.spec.name) is not markets:
            self.ports.lake.append_reference(reference_of(self.spec, markets, now))
            self.ports.landed_markets[self.spec.name] = markets
        self._move(MARKETS, {"asked_us": now_us})

    # Streams

    def fixed_steps(self) -> list[Step]:
        """Steps of all streams whose scopes are known beforehand and that the key may read."""
        return plan_fixed(self.spec, self.cursors(), self._denied(), now=self.ports.clock(), deep=self._reads_deeply)

    def count_ahead(self, steps: Sequence[Step]) -> None:
        """On a first import: ask how much the later steps hold, where the exchange tells, so that the time left is known early."""
        counted = {
            (scope.stream, scope.scope)
            for scope in self.ports.control.scope_progress(self.connection.id)
            if scope.planned or scope.state
        }
        for step in steps[1:]:
            place = (step.stream.stream, step.task.scope)
            if place not in counted and (planned := self._total(step)):
                self.ports.landing.move(
                    self.connection.id,
                    CursorMove(stream=place[0], scope=place[1], cursor=None, covered=None, planned=planned),
                )

    def _total(self, step: Step) -> int | None:
        """How much a step holds; of what the key may not read nothing is known, and pulling it says so."""
        try:
            return self.session.total(step.stream, step.task)
        except ExchangeTroubleError as trouble:
            if step.stream.required or trouble.reason is not Reason.PERMISSION_MISSING:
                raise
            return None

    def _denied(self) -> frozenset[str]:
        """Streams that the key may not read, as the probe said; a refusal met in this turn counts for its own scope only."""
        if self._unreadable is None:
            states = self.ports.control.stream_states(self.connection.id)
            self._unreadable = frozenset(state.stream for state in states if not state.permitted)
        return self._unreadable

    def pull_step(self, step: Step) -> None:
        """Pull one stream and scope; a missing permission marks an optional stream and lets the others go on."""
        stream, scope = step.stream, step.task.scope
        optional = not stream.required
        if optional and (stream.stream.value in self._denied() or (stream.stream, scope) in self._refused):
            return
        self._has_pulled = True
        ranks: Counter[str] | None = None if stream.id_field else Counter()
        try:
            for page in self.session.pull(stream, step.task):
                self.ports.landing.add(self.connection.id, page, ranks)
                if self.ports.clock() >= self.deadline:
                    raise OutOfTimeError
        except ExchangeTroubleError as trouble:
            if stream.required or not self._lacks_permission(trouble):
                raise
            self._deny(stream, scope)
        else:
            self._read.add((stream.stream, scope))
            if optional:
                self._permit(stream, scope)

    def _lacks_permission(self, trouble: ExchangeTroubleError) -> bool:
        """Whether only a permission is missing. Where the exchange doesn't tell, the key is asked for: if it still answers, it is good."""
        if trouble.reason is Reason.KEY_OR_IP_OR_PERMISSION:
            if not self._key_is_good:
                self.session.probe()
            self._key_is_good = True
            return True
        return trouble.reason is Reason.PERMISSION_MISSING

    def _deny(self, stream: StreamSpec, scope: str) -> None:
        now = self.ports.clock()
        self._refused.add((stream.stream, scope))
        self.ports.control.set_stream_permission(self.connection.id, {stream.stream.value: False}, now)
        part = "" if scope == EVERYTHING else f" ({scope})"
        detail = f"{stream.stream.value}{part}: switch on {stream.permission}"
        finding = Finding(reason=Reason.STREAM_NOT_PERMITTED, stream=stream.stream.value, detail=detail)
        self.ports.control.replace_findings(self.connection.id, _stage(stream, scope), [finding], now)

    def _permit(self, stream: StreamSpec, scope: str) -> None:
        """What an earlier sync was refused here is mended."""
        if self._refused_before is None:
            standing = self.ports.control.attention(self.connection.id)
            self._refused_before = {item.stream for item in standing if item.reason is Reason.STREAM_NOT_PERMITTED}
        if stream.stream.value in self._refused_before:
            now = self.ports.clock()
            self.ports.control.replace_findings(self.connection.id, _stage(stream, scope), [], now)

    # What discovery and the steps above share

    def steps(self, stream: StreamSpec, scopes: Sequence[str]) -> list[Step]:
        """Plan one stream for these scopes from where they stopped; what this turn has read is not read deeply again."""
        read = {scope for scope in scopes if (stream.stream, scope) in self._read}
        deeply = frozenset(scopes) - read if self._reads_deeply else frozenset()
        return plan_stream(self.spec, stream, scopes, self.cursors(), now=self.ports.clock(), deeply=deeply)

    def cursor(self, stream: Stream, scope: str) -> CursorState | None:
        """Where one scope stopped, as committed."""
        return self.cursors().get((stream, scope))

    def cursors(self) -> Mapping[tuple[Stream, str], CursorState]:
        """Where each stream and scope stopped, as committed: read once until the first step pulls, then each time."""
        if self._known is None or self._has_pulled:
            self._known = self.ports.control.cursors(self.connection.id)
        return self._known

    def _move(self, place: tuple[Stream, str], cursor: CursorState) -> None:
        self.ports.landing.move(
            self.connection.id,
            CursorMove(stream=place[0], scope=place[1], cursor=cursor, covered=None, ended="asked"),
        )


def reference_of(spec: ExchangeSpec, markets: Sequence[Market], now: datetime) -> list[ReferenceMarket]:
    """The markets as they are landed: one row for each name that a fill may call its market by, so that it resolves exactly.

    A market's own id goes before an alias, and an alias that two different markets claim names neither. Where an exchange is asked
    symbol by symbol, a fill is known by the id that was asked for; there an alias would only be one more symbol to ask, for the same fills.
    """
    named = {market.market_id: market for market in markets}
    claims: dict[str, list[Market]] = {}
    for market in () if discovered_streams(spec) else markets:
        for alias in market.aliases:
            claims.setdefault(alias, []).append(market)
    for alias, claimants in claims.items():
        if alias not in named and len({(market.base, market.quote) for market in claimants}) == 1:
            # Listed under this name while any of them can be traded.
            named[alias] = max(claimants, key=lambda market: market.active)
    return [
        ReferenceMarket(
            exchange=spec.name, market_id=name, base=market.base, quote=market.quote, active=market.active, seen_at=now
        )
        for name, market in named.items()
    ]


def _doubts_the_key(reason: Reason) -> bool:
    """Whether a standing reason is one that the key's owner may have mended at the exchange: then the key is asked again."""
    meaning = MEANING[reason]
    of_the_key = meaning.family in {Family.CREDENTIALS_VALID, Family.KEY_IS_READ_ONLY} and meaning.level is Level.ACTION
    return of_the_key or reason is Reason.STREAM_NOT_PERMITTED


def _stage(stream: StreamSpec, scope: str) -> str:
    """Under which name a refusal of one stream and scope is kept."""
    return f"stream:{stream.stream.value}:{scope}"
