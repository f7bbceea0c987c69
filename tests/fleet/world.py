"""The exchanges of a fleet: a process of its own with the local exchange, one clock that product and exchanges share, and the truth.

The clock only goes forward: each request takes its time, whoever sleeps turns it, and so does whoever waits for the next tick.
"""

import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.dialects import Venue
from metrifly_pipeline.sandbox.generate import empty_account, generate
from metrifly_pipeline.sandbox.live import append_trade
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from tests.fleet.plan import EXCHANGES, FOUNDED, Cause, Member, Plan
from tests.scenarios.comparing import truth_movements, truth_trades

SPAWN = multiprocessing.get_context("spawn")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ASKED_TOGETHER = 4
REQUEST_SECONDS = 0.1 / ASKED_TOGETHER
"""How long an answer takes, where so many ask at once."""
ADDRESSES = 2
"""The product asks from two addresses; both look the same here, so an address may do twice as much."""
HOUR_US = 3_600_000_000
LATE_SHARE = 0.1
FEWEST, MOST = 20, 60
"""Trades in a made-up history."""


class Clock:
    """Simulated time, the same in both processes."""

    def __init__(self, shared: Any) -> None:
        self.shared = shared

    @property
    def unix(self) -> float:
        return float(self.shared.value)

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=round(self.unix * 1_000_000))

    def pass_seconds(self, seconds: float) -> float:
        """Let time pass; what the clock says then."""
        with self.shared.get_lock():
            self.shared.value += seconds
            return float(self.shared.value)

    def wait_until(self, moment: datetime) -> None:
        """Let it be that moment, if it isn't later already."""
        with self.shared.get_lock():
            self.shared.value = max(self.shared.value, moment.timestamp())


@dataclass(frozen=True, slots=True)
class Opened:
    """An exchange account as its owner knows it."""

    uid: str
    key: TruthKey


@dataclass(frozen=True, slots=True)
class Truth:
    """What an exchange shows of one account, by key; see `tests.scenarios.comparing`."""

    trades: dict[str, tuple[Any, ...]]
    movements: dict[str, tuple[Any, ...]]


class World:
    """The product's side: asks the process of the exchanges."""

    def __init__(self, pipe: Connection, clock: Clock) -> None:
        self.clock = clock
        self._pipe = pipe
        self.base_urls: dict[str, str] = pipe.recv()

    def opened(self) -> list[Opened]:
        """Every member's account, in their order."""
        return list(self._ask("opened"))

    def patterns(self) -> dict[tuple[str, int], Opened]:
        """The accounts whose histories those have who were connected long ago."""
        return dict(self._ask("patterns"))

    def inject(self, number: int) -> None:
        """Let the member's cause begin."""
        self._ask("inject", number)

    def truth(self, number: int) -> Truth:
        """What stands in a member's account now."""
        found = self._ask("truth", number)
        assert isinstance(found, Truth)
        return found

    def used(self) -> dict[str, float]:
        """CPU-seconds of this process, requests answered."""
        return dict(self._ask("used"))

    def _ask(self, what: str, *given: Any) -> Any:
        self._pipe.send((what, given))
        return self._pipe.recv()


@contextmanager
def running_world(plan: Plan) -> Iterator[World]:
    """Start the exchanges, with their real limits."""
    shared = SPAWN.Value("d", FOUNDED.timestamp())
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(plan, shared, theirs), daemon=True)
    process.start()
    try:
        yield World(ours, Clock(shared))
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.terminate()


def serve(plan: Plan, shared: Any, pipe: Connection) -> None:
    """The process: serve until the other side closes the pipe."""
    clock = Clock(shared)
    accounts = Accounts(plan)
    sandbox = FleetSandbox(
        accounts.all, seed=plan.seed, clock=lambda: clock.pass_seconds(REQUEST_SECONDS), scale=ADDRESSES
    )
    with sandbox:
        pipe.send({exchange: sandbox.base_url(exchange) for exchange in EXCHANGES})
        answers = {
            "opened": lambda: [_opened(account) for account in accounts.members],
            "patterns": lambda: {place: _opened(account) for place, account in accounts.patterns.items()},
            "inject": lambda number: inject(plan.members[number], accounts.members[number], sandbox, clock),
            "truth": lambda number: _truth(accounts.members[number], round(clock.unix * 1_000_000)),
            "used": lambda: {"cpu": time.process_time(), "requests": float(sum(sandbox.requests.values()))},
        }
        while True:
            try:
                what, given = pipe.recv()
            except EOFError:
                return
            with sandbox.lock:
                answer = answers[what](*given)  # type: ignore[operator]
            pipe.send(answer)


class Accounts:
    """All accounts of the plan: the patterns, and the members that share their histories."""

    def __init__(self, plan: Plan) -> None:
        self.patterns = {
            (exchange, pattern): _made_up(exchange, plan.seed + pattern)
            for exchange in EXCHANGES
            for pattern in range(plan.patterns)
        }
        self.members = [self._member(plan, member) for member in plan.members]
        self.all = [*self.patterns.values(), *self.members]

    def _member(self, plan: Plan, member: Member) -> TruthAccount:
        own = plan.seed * 1_000_000 + member.number
        if member.connects_at is not None:
            return _made_up(member.exchange, own)
        like = self.patterns[member.exchange, member.pattern]
        opened = empty_account(member.exchange, own)
        account = replace(
            like,
            uid=opened.uid,
            keys=opened.keys,
            markets=dict(like.markets),
            trades=list(like.trades),
            movements=list(like.movements),
            amendments=list(like.amendments),
            counters=like.counters.copy(),
            hidden=set(),
        )
        _let_happen(account, member.news, random.Random(own), round(plan.quiet_from.timestamp()) * 1_000_000)
        return account


def _made_up(exchange: str, seed: int) -> TruthAccount:
    trades = random.Random(seed).randint(FEWEST, MOST)
    return generate(exchange, seed, trades=trades, now_us=round(FOUNDED.timestamp()) * 1_000_000)


def _let_happen(account: TruthAccount, news: Sequence[datetime], rng: random.Random, quiet_us: int) -> None:
    """Buys, after a deposit that pays for them; some are shown hours later than they happened, all before it is quiet."""
    for place, moment in enumerate(news):
        now_us = round(moment.timestamp() * 1_000_000)
        if place == 0:
            _grown(account).with_movement(amount="5000", at=moment - timedelta(minutes=5))
        shown_us = now_us + (rng.randint(1, 12) * HOUR_US if rng.random() < LATE_SHARE else 0)
        append_trade(account, now_us=now_us, visible_at_us=min(shown_us, quiet_us))


def _grown(account: TruthAccount) -> AccountBuilder:
    builder = AccountBuilder(account.exchange)
    builder.account = account
    return builder


def inject(member: Member, account: TruthAccount, sandbox: Sandbox, clock: Clock) -> None:
    """Let a member's cause begin."""
    assert member.injected is not None
    (key,) = account.keys.values()
    match member.injected.cause:
        case Cause.REVOKED:
            account.keys.clear()
        case Cause.SECRET_CHANGED:
            account.keys[key.api_key] = replace(key, secret=key.secret[::-1])
        case Cause.TRADING_ON:
            account.keys[key.api_key] = replace(key, permissions=key.permissions | {"trade"})
        case Cause.READING_OFF:
            account.keys[key.api_key] = replace(key, permissions=key.permissions - {"read_trades"})
        case Cause.IP_LIST:
            account.keys[key.api_key] = replace(key, ip_allowlist=("203.0.113.9",))
        case Cause.NONCES:
            sandbox._dialects["kraken"]._gate._nonces[key.api_key] = 10**18  # type: ignore[attr-defined]
        case Cause.HIDDEN:
            known = {movement.movement_key for movement in account.movements}
            _grown(account).with_movement(amount="777", at=clock.now.replace(microsecond=0))
            account.hidden |= {movement.movement_key for movement in account.movements} - known


def _opened(account: TruthAccount) -> Opened:
    (key,) = account.keys.values()
    return Opened(account.uid, key)


def _truth(account: TruthAccount, now_us: int) -> Truth:
    return Truth(truth_trades(account, now_us), truth_movements(account, now_us))


class IndexedVenue(Venue):
    """Finds an account by its key without looking at all others."""

    def by_key(self, api_key: str) -> tuple[TruthAccount, TruthKey] | None:
        """The account that this API key opens."""
        index = _INDEXES.setdefault(id(self), {})
        if not index:
            index.update({key: account for account in self.accounts for key in account.keys})
        account = index.get(api_key)
        key = None if account is None else account.keys.get(api_key)
        return None if account is None or key is None else (account, key)


_INDEXES: dict[int, dict[str, TruthAccount]] = {}


class FleetSandbox(Sandbox):
    """The local exchange with many accounts."""

    def _venue(self, exchange: str) -> Venue:
        own = [account for account in self.accounts if account.exchange == exchange]
        return IndexedVenue(exchange=exchange, accounts=own, seed=self.seed, scale=self.scale)
