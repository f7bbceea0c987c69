"""What the tests of exchanges share: a wire that answers what a test puts on it, and a clock that sleeping moves."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.gateway import Gateway
from metrifly_pipeline.exchanges.session import Session

API_KEY = "planted-api-key-41f9"
SECRET = "cGxhbnRlZC1zZWNyZXQtN2MyZQ=="
PASSPHRASE = "planted-passphrase-9b"
BASE_URL = "http://127.0.0.1:8101"


@dataclass
class FakeAnswer:
    status: int = 200
    data: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeWire:
    """Stands for the pool of connections: keeps what is sent, answers from a list or a function."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.answers: list[FakeAnswer | Exception] = []
        self.always: Callable[[str, str], FakeAnswer] | None = None

    def put(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(
            FakeAnswer(status, data, {name.replace("_", "-"): value for name, value in headers.items()})
        )

    def request(self, method: str, url: str, **_options: Any) -> FakeAnswer:
        self.sent.append((method, url))
        if self.always is not None:
            return self.always(method, url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clear(self) -> None:
        pass


@dataclass
class FakeBudget:
    taken: list[tuple[str, Limit, int]] = field(default_factory=list)
    paused: list[tuple[str, float]] = field(default_factory=list)
    gates: set[str] = field(default_factory=set)

    def take(self, bucket: str, limit: Limit, weight: int, gate: str) -> None:
        self.taken.append((bucket, limit, weight))
        self.gates.add(gate)

    def pause(self, name: str, seconds: float) -> None:
        self.paused.append((name, seconds))


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = datetime(2025, 6, 1, 12, tzinfo=UTC)
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Opened:
    """An opened session with everything around it in reach."""

    session: Session
    wire: FakeWire
    budget: FakeBudget
    time: Time

    @property
    def client(self) -> Any:
        return self.session._client


@pytest.fixture
def gateway():
    time = Time()
    made = Gateway(clock=time.clock, sleep=time.sleep, rng=random.Random(1), limit_scale=10.0)
    made.time = time
    return made


@pytest.fixture
def opened(gateway):
    def make(exchange: str = "kraken", *, base_url: str | None = BASE_URL) -> Opened:
        budget, wire = FakeBudget(), FakeWire()
        session = gateway.open(exchange, Credential(API_KEY, SECRET, PASSPHRASE), base_url=base_url, budget=budget)
        session._client.metrifly_pool = wire
        return Opened(session, wire, budget, gateway.time)

    return make


@pytest.fixture(params=catalog.room_names())
def exchange(request):
    return request.param
