"""Fixtures of the local exchange: a clock that tests turn, a Sandbox that starts in milliseconds, generated accounts."""

import asyncio
from datetime import UTC, datetime

import pytest

from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SEED = 20_260_301


def micros(moment):
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


class Clock:
    """The exchanges' clock, turned by hand."""

    def __init__(self, now=NOW):
        self.now = now.timestamp()

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += seconds


@pytest.fixture(autouse=True)
def event_loop_of_its_own():
    """python-binance takes the thread's event loop, makes one where there is none, and closes neither."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(clock):
    """Start a Sandbox over accounts or builders; everything is stopped after the test."""
    started = []

    def starter(*accounts, scale=1_000_000.0, seed=SEED):
        own = [getattr(account, "account", account) for account in accounts]
        sandbox = Sandbox(own, seed=seed, clock=clock, scale=scale)
        sandbox.start()
        started.append(sandbox)
        return sandbox

    yield starter
    for sandbox in started:
        sandbox.stop()


@pytest.fixture(scope="session")
def generated():
    """A generated account of an exchange, made once a size; tests must not change it."""
    made = {}

    def make(exchange, trades=400):
        if (exchange, trades) not in made:
            made[exchange, trades] = generate(exchange, SEED, trades=trades, now_us=micros(NOW))
        return made[exchange, trades]

    return make
