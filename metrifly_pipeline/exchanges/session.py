"""An opened, read-only client of one exchange account: budget, retries, checks and paging around the transport."""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from metrifly_pipeline.domain.buckets import Bucket, gate
from metrifly_pipeline.domain.ports import Budget
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts, Market
from metrifly_pipeline.domain.spec import Endpoint, Limit, StreamSpec
from metrifly_pipeline.domain.streams import Page, Paging, RawRecord, Span, Task
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.guard import ReadOnlyViolation, sections
from metrifly_pipeline.exchanges.paging.glimpse import glimpse
from metrifly_pipeline.exchanges.paging.registry import DRIVERS
from metrifly_pipeline.exchanges.paging.rows import bounds, dig, scope_params, to_us
from metrifly_pipeline.exchanges.retrying import Patience, Sleep, pursue
from metrifly_pipeline.exchanges.room import Json, RoomHooks

Clock = Callable[[], datetime]

_GLIMPSE = timedelta(hours=1)
MARKETS_KEPT = timedelta(minutes=15)
"""How long a list of markets may be taken for today's: a run over many connections of an exchange asks for it once, not once each."""


class Listed:
    """The markets that exchanges listed lately, shared by all sessions of a process: they are the same for every key. Safe for threads."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, tuple[datetime, Sequence[Market]]] = {}
        self._asking: dict[str, threading.Lock] = {}

    def of(self, place: str, now: datetime, ask: Callable[[], Sequence[Market]]) -> Sequence[Market]:
        """What the exchange at `place` lists; whoever else wants to know it meanwhile waits for the one who asks."""
        with self._asking.setdefault(place, threading.Lock()):
            asked_at, known = self._known.get(place, (now, None))
            if known is None or not now - MARKETS_KEPT < asked_at <= now:
                known = tuple(ask())
                self._known[place] = (now, known)
            return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a session is given from outside: time, waiting, chance, patience, and how its limits are told apart."""

    clock: Clock
    sleep: Sleep
    rng: random.Random
    budget: Budget
    patience: Patience = field(default_factory=Patience)
    limit_scale: float = 1.0
    egress: str = "local"
    """The address requests leave from; processes with the same one share the limits per IP."""
    listed: Listed = field(default_factory=Listed)
    place: str = ""
    """`@127.0.0.1:8101` for a local exchange, so that its limits aren't mixed with the real one's."""


class Session:
    """One exchange account, read only. It holds a secret: its text tells nothing and it can't be pickled."""

    def __init__(self, hooks: RoomHooks, client: Any, surroundings: Surroundings, api_key: str) -> None:
        """Take the room, the guarded ccxt object and what is around; the key only names its own limit, hashed."""
        self._hooks, self._client, self._around = hooks, client, surroundings
        self._requests: Counter[str] = Counter()
        self._endpoints = {endpoint.method: endpoint for endpoint in hooks.spec.endpoints}
        self._rows_paths = {stream.endpoint: stream.rows_path for stream in hooks.spec.streams}
        self._key = hashlib.blake2b(api_key.encode(), digest_size=8, person=b"limit-by-key").hexdigest()
        self._buckets = {name: self._bucket(name, limit) for name, limit in hooks.spec.limits.items()}
        self._gate = gate(hooks.spec.name, surroundings.place, surroundings.egress)
        self._markets: Sequence[Market] | None = None
        self._synced = False

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests sent so far, by ccxt method name."""
        return dict(self._requests)

    def probe(self) -> KeyFacts:
        """Ask what the key may do."""
        return self._hooks.probe(self.call)

    def markets(self) -> Sequence[Market]:
        """All markets, as any session of this process was told them lately; the same object as long as it is the same list."""
        if self._markets is None:
            around, hooks = self._around, self._hooks
            place = hooks.spec.name + around.place
            self._markets = around.listed.of(place, around.clock(), lambda: hooks.markets(self.call))
        return self._markets

    def can_read(self, stream: StreamSpec) -> bool:
        """Try the smallest read of a stream; False where the key lacks the permission, raises for every other trouble."""
        now = self._around.clock()
        params = scope_params(replace(stream, page_size=1), self._first_scope(stream)) | dict(stream.fixed)
        if stream.paging is not Paging.SNAPSHOT:
            params |= bounds(stream, to_us(now - _GLIMPSE), to_us(now))
        if "from_id" in stream.names:
            params[stream.names["from_id"]] = "0"
        try:
            self.call(stream.endpoint, params)
        except ExchangeTroubleError as trouble:
            if trouble.reason is Reason.PERMISSION_MISSING:
                return False
            raise
        return True

    def glimpse(self, stream: StreamSpec, scope: str, span: Span) -> Sequence[RawRecord]:
        """Read a few records inside a span, the oldest ones where they can be asked for."""
        return glimpse(stream, scope, span, lambda params: self.call(stream.endpoint, params))

    def total(self, stream: StreamSpec, task: Task) -> int | None:
        """How many records a task's closed span holds; None where the exchange does not tell."""
        if stream.paging is not Paging.OFFSET_IN_WINDOW:
            return None
        asked = scope_params(stream, task.scope) | bounds(stream, to_us(task.since), to_us(task.settled_until))
        found = dig(self.call(stream.endpoint, asked), stream.names["total"])
        return int(found) if str(found).isdecimal() else None

    def pull(self, stream: StreamSpec, task: Task) -> Iterator[Page]:
        """Yield pages until the task is done; each page is parsed and checked before it is yielded."""
        method = stream.endpoint
        return DRIVERS[stream.paging](stream, task, lambda params: self.call(method, params))

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Json:
        """Ask one allowed endpoint within the budget, as often as patience allows; return the checked answer."""
        endpoint = self._endpoints.get(method)
        if endpoint is None:
            raise ReadOnlyViolation(f"not an allowed read: {method}")
        bucket, limit = self._buckets[endpoint.bucket]
        around = self._around
        return pursue(
            lambda: self._ask(endpoint, bucket, limit, params or {}),
            patience=around.patience,
            sleep=around.sleep,
            rng=around.rng,
            limited=lambda trouble, seconds: around.budget.pause(
                self._gate if trouble.of_address or limit.shared_by == "ip" else bucket, seconds
            ),
        )

    def try_signing(self) -> None:
        """Sign a private read without sending it, so that a malformed credential is found at once."""
        for endpoint in self._hooks.spec.endpoints:
            if "private" in "".join(sections(endpoint.section)).lower():
                self._client.metrifly_sign(endpoint.path, endpoint.section, endpoint.verb)
                return

    def close(self) -> None:
        """Let go of sockets and secrets."""
        client = self._client
        if client is not None:
            client.metrifly_pool.clear()
            client.apiKey = client.secret = client.password = ""
        self._client = None

    def _ask(self, endpoint: Endpoint, bucket: str, limit: Limit, params: Mapping[str, Any]) -> Json:
        self._around.budget.take(bucket, limit, endpoint.weight, self._gate)
        try:
            return self._send(endpoint, params)
        except ExchangeTroubleError as trouble:
            if trouble.reason is not Reason.CLOCK_SKEW:
                raise
            self._resync(trouble)
        self._around.budget.take(bucket, limit, endpoint.weight, self._gate)
        return self._send(endpoint, params)

    def _send(self, endpoint: Endpoint, params: Mapping[str, Any]) -> Json:
        if self._client is None:
            message = "the session is closed"
            raise ValueError(message)
        self._requests[endpoint.method] += 1
        body = getattr(self._client, endpoint.method)(dict(params))
        if not self._hooks.check(body, endpoint.method):
            raise errors.unexpected("the answer has another shape than this endpoint's")
        path = self._rows_paths.get(endpoint.method)
        if path and dig(body, path) is None:
            raise errors.unexpected("the rows are not where they should be")
        return body

    def _resync(self, trouble: ExchangeTroubleError) -> None:
        """Ask the exchange's clock, once a session; a second disagreement is the caller's to see."""
        if self._synced or self._hooks.server_time is None:
            trouble.retry = False
            raise trouble
        self._synced = True
        ours = self._around.clock().timestamp()
        theirs = self._hooks.server_time(self.call)
        self._client.options["timeDifference"] = int((ours - theirs) * 1000)

    def _bucket(self, name: str, limit: Limit) -> tuple[str, Limit]:
        around = self._around
        bucket = Bucket(
            exchange=self._hooks.spec.name,
            place=around.place,
            limit=name,
            shared_by=limit.shared_by,
            sharer=self._key if limit.shared_by == "key" else around.egress,
        )
        scaled = (
            limit
            if around.limit_scale == 1.0
            else replace(
                limit,
                capacity=int(limit.capacity * around.limit_scale),
                per_second=limit.per_second * around.limit_scale,
            )
        )
        return str(bucket), scaled

    def _first_scope(self, stream: StreamSpec) -> str:
        if stream.scopes:
            return stream.scopes[0]
        markets = self.markets()
        return next((market.market_id for market in markets if market.active), markets[0].market_id if markets else "")

    def __repr__(self) -> str:
        """Tell nothing."""
        return f"<session {self._hooks.spec.name}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: it holds a secret."""
        message = "an exchange session is never pickled"
        raise TypeError(message)
