"""A local exchange for every room that there is, its truth, and sessions on simulated time."""

import copy
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.spec import ExchangeSpec, Limit, StreamSpec
from metrifly_pipeline.domain.streams import Paging
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.gateway import Gateway
from metrifly_pipeline.exchanges.session import Session
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from tests.contract.exchanges import reading
from tests.contract.exchanges.reading import Raw

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = 80


class Time:
    """One clock for both sides; sleeping moves it."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def unix(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class LeakyBudget:
    """The product's budget as a model: a bucket that refills, on simulated time."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._used: dict[str, tuple[float, datetime]] = {}
        self.paused: list[float] = []

    def take(self, bucket: str, limit: Limit, weight: int, gate: str) -> None:
        while True:
            used, since = self._used.get(bucket, (0.0, self._time.now))
            left = max(0.0, used - (self._time.now - since).total_seconds() * limit.per_second)
            if left + weight <= limit.capacity:
                self._used[bucket] = (left + weight, self._time.now)
                return
            self._used[bucket] = (left, self._time.now)
            self._time.sleep((left + weight - limit.capacity) / limit.per_second + 0.001)

    def pause(self, name: str, seconds: float) -> None:
        self.paused.append(seconds)


@dataclass
class Venue:
    """One local exchange with one account, and all that a test needs to read it."""

    exchange: str
    account: TruthAccount
    sandbox: Sandbox
    time: Time
    gateway: Gateway
    budget: LeakyBudget
    opened: list[Session] = field(default_factory=list)

    @property
    def spec(self) -> ExchangeSpec:
        return catalog.hooks(self.exchange).spec

    @property
    def key(self) -> TruthKey:
        return next(iter(self.account.keys.values()))

    def open(self, key: TruthKey | None = None, **changed: str) -> Session:
        key = replace(key or self.key, **changed)
        credential = Credential(key.api_key, key.secret, key.passphrase)
        session = self.gateway.open(
            self.exchange, credential, base_url=self.sandbox.base_url(self.exchange), budget=self.budget
        )
        self.opened.append(session)
        return session

    def change_key(self, **changed: Any) -> None:
        self.account.keys[self.key.api_key] = replace(self.key, **changed)

    def fills(self) -> tuple[StreamSpec, str]:
        """The stream of trades and a scope in which there are some."""
        stream = next(stream for stream in self.spec.streams if stream.required)
        return stream, self.scopes(stream)[0]

    def scopes(self, stream: StreamSpec) -> list[str]:
        """The stream's own scopes; where symbols are discovered, those traded on, the busiest first."""
        if stream.scopes:
            return list(stream.scopes)
        counted = Counter(trade.trade_key.split(":")[1] for trade in self.account.trades)
        return [symbol for symbol, _ in counted.most_common()]

    def read(self, session: Session, raw: Raw | None = None) -> Raw:
        """Read every stream and scope to its end."""
        raw = raw or Raw()
        for stream in self.spec.streams:
            for scope in self.scopes(stream):
                assert reading.pull(session, stream, scope, raw, self.time.now, self.spec.settle)
        return raw

    def asked(self) -> int:
        return sum(self.sandbox.requests.values())


@pytest.fixture(params=catalog.room_names())
def exchange(request):
    return request.param


@pytest.fixture(scope="session")
def generated():
    made = {}

    def make(exchange: str, trades: int) -> TruthAccount:
        if (exchange, trades) not in made:
            made[exchange, trades] = generate(exchange, SEED, trades=trades, now_us=int(NOW.timestamp()) * 1_000_000)
        return copy.deepcopy(made[exchange, trades])

    return make


@pytest.fixture
def venue(exchange, generated):
    venues = []

    def make(*, trades: int = 300, scale: float = 1e6, limit_scale: float = 1e6, timeout_seconds: float = 5.0) -> Venue:
        time = Time()
        account = generated(exchange, trades)
        sandbox = Sandbox([account], seed=SEED, clock=time.unix, scale=scale)
        sandbox.start()
        gateway = Gateway(
            clock=time.clock,
            sleep=time.sleep,
            rng=random.Random(SEED),
            limit_scale=limit_scale,
            timeout_seconds=timeout_seconds,
        )
        made = Venue(exchange, account, sandbox, time, gateway, LeakyBudget(time))
        venues.append(made)
        return made

    yield make
    for made in venues:
        for session in made.opened:
            session.close()
        made.sandbox.stop()


def paged(spec: ExchangeSpec) -> list[StreamSpec]:
    """Every stream that isn't a snapshot."""
    return [stream for stream in spec.streams if stream.paging is not Paging.SNAPSHOT]
