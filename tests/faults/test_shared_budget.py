"""Processes that share an address never overrun its limit, the urgent goes first, and a ban is kept by all of them."""

import time

import pytest

from metrifly_pipeline.sandbox.faults import Fault, FaultKind
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from tests.faults.asker import main
from tests.faults.conftest import PATIENCE_SECONDS
from tests.scenarios.homes import SEED, Watched
from tests.support.forks import FORKS

PROCESSES = 4
TIMES = 7
OK, TOO_MANY = 200, 429
BAN_SECONDS = 2


@pytest.fixture
def exchange():
    """A local OKX with its real limits: 20 lists of instruments from one address in any two seconds."""
    account = generate("okx", SEED, trades=20, now_us=time.time_ns() // 1_000)
    sandbox = Sandbox([account], seed=SEED, clock=time.time)
    sandbox.faults = Watched()
    with sandbox:
        yield sandbox


def ask(exchange, controls, lanes):
    """Let processes ask at once, each by its control database and in its lane; how long each was told to wait."""
    pipes = [FORKS.Pipe(duplex=False) for _ in lanes]
    asking = [
        FORKS.Process(target=main, args=(control, exchange.base_url("okx"), lane, TIMES, told), daemon=True)
        for control, lane, (_, told) in zip(controls, lanes, pipes, strict=True)
    ]
    for process in asking:
        process.start()
    for process in asking:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in asking] == [0] * len(asking)
    return [heard.recv() for heard, _ in pipes]


def statuses(exchange):
    return [status for _, status in exchange.faults.answers]


def test_processes_that_share_an_address_never_overrun_it_and_sync_now_waits_least(exchange, tmp_path, figure):
    shared = f"sqlite:///{tmp_path}/control.sqlite"

    *sweeps, sync_now = ask(exchange, [shared] * PROCESSES, ["SWEEP"] * (PROCESSES - 1) + ["SYNC_NOW"])

    assert statuses(exchange) == [OK] * (PROCESSES * TIMES)
    assert sync_now < max(sweeps)
    figure(
        f"{TIMES} requests of sync now beside {PROCESSES - 1} sweeps that saturate a limit waited {sync_now:.1f} s in all"
    )


def test_the_same_processes_overrun_it_where_they_share_nothing(exchange, tmp_path):
    apart = [f"sqlite:///{tmp_path}/{number}.sqlite" for number in range(PROCESSES)]

    ask(exchange, apart, ["CONNECT"] * PROCESSES)

    assert TOO_MANY in statuses(exchange)


def test_after_a_ban_nobody_asks_again_before_its_end(exchange, tmp_path):
    shared = f"sqlite:///{tmp_path}/control.sqlite"
    path = "/api/v5/public/instruments"
    exchange.faults.add(Fault(exchange="okx", path=path, kind=FaultKind.STATUS_418, after=5, value=str(BAN_SECONDS)))

    ask(exchange, [shared] * PROCESSES, ["DAILY"] * PROCESSES)

    answers = exchange.faults.answers
    (banned,) = [place for place, (_, status) in enumerate(answers) if status != OK]
    began = answers[banned][0].now
    meanwhile = [request for request, _ in answers[banned + 1 :] if request.now < began + BAN_SECONDS]
    # What was on its way already can't be called back: at most one request of each of the others.
    assert len(meanwhile) < PROCESSES
    assert len(answers) == PROCESSES * TIMES + 1
