"""A long first import comes in slices: the first is short, each shows what it has, and together they bring everything once."""

from datetime import timedelta
from itertools import pairwise, takewhile

import pytest

from metrifly_pipeline.domain.status import Outcome, Status, SyncKind
from metrifly_pipeline.exchanges.session import Session
from metrifly_pipeline.sandbox.generate import generate
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import SEED

FIRST, LATER = timedelta(seconds=30), timedelta(minutes=10)
ONE_MORE_PAGE = timedelta(seconds=10)
"""A slice ends between two pages; at Kraken's real limits the page under way may have to wait so long."""
TRADES = 2_000
SLOW_TRADES = 700
PAGE = 50
MOST_SLICES = 30


@pytest.fixture
def account(home):
    made = generate("kraken", SEED, trades=TRADES, now_us=home.time.now_us)
    home.start(made, scale=1.0)
    return made


def test_a_long_import_shows_trades_after_half_a_minute_and_goes_on_by_itself_until_all_are_there(home, account):
    connection = home.connect(account).id
    told = []
    while batches := home.product.requesting.batches():
        for batch in batches:
            assert batch.kind is SyncKind.FIRST_IMPORT
            (report,) = home.product.syncing.sync(batch.connections, batch.kind)
            home.publish()
            told.append((report.run, home.value("SELECT count(*) FROM trades")))
            if report.run.outcome is Outcome.CONTINUES:
                assert home.view(connection).status is Status.IMPORTING

    runs = [run for run, _ in told]
    assert [run.outcome for run in runs] == [Outcome.CONTINUES] * (len(runs) - 1) + [Outcome.ADDED]
    assert len(runs) >= 3
    lasted = [run.finished_at - run.started_at for run in runs]
    assert FIRST <= lasted[0] <= FIRST + ONE_MORE_PAGE
    assert all(LATER <= each <= LATER + ONE_MORE_PAGE for each in lasted[1:-1])
    assert lasted[-1] <= LATER + ONE_MORE_PAGE
    assert told[0][1] > 0
    assert all(earlier <= later for (_, earlier), (_, later) in pairwise(told))
    assert_exact(home, connection)
    assert home.differences() == {}
    assert home.view(connection).status is Status.UP_TO_DATE


@pytest.fixture
def slow(home, monkeypatch):
    """An import whose every answer takes minutes: its account, and the connection's id."""
    account = generate("kraken", SEED, trades=SLOW_TRADES, now_us=home.time.now_us)
    home.start(account)
    connection = home.connect(account).id
    send, product = Session._send, home.product

    def takes_its_time(session, endpoint, params):
        home.time.turn(seconds=100)
        product.syncing._leasing.renew_all()  # as it is meanwhile, every half minute
        return send(session, endpoint, params)

    monkeypatch.setattr(Session, "_send", takes_its_time)
    return connection


def slices(home):
    for _ in range(MOST_SLICES):
        for batch in home.product.requesting.batches():
            for report in home.product.syncing.sync(batch.connections, batch.kind):
                yield report, report.requests.get("privatePostTradesHistory", 0)


def test_where_each_answer_takes_minutes_a_slice_still_comes_further_and_asks_once_for_what_is_done(home, slow):
    of_trades = [asked for _, asked in slices(home)]

    assert home.view(slow).status is Status.UP_TO_DATE
    home.publish()
    assert_exact(home, slow)
    assert max(of_trades) > 1
    assert set(of_trades[4:]) == {1}
    assert len(of_trades) > 8


def test_an_import_that_stood_still_for_a_day_looks_again_at_what_it_had_done_and_then_goes_on(home, slow):
    going_on = slices(home)
    next(asked for _, asked in going_on if asked > 1)
    done = next(report for report, asked in going_on if asked == 1)
    assert done.run.outcome is Outcome.CONTINUES
    home.time.turn(hours=25)

    after = [asked for _, asked in going_on]

    again = list(takewhile(lambda asked: asked > 1, after))
    assert 0 < sum(again) <= SLOW_TRADES // PAGE + len(again)
    assert set(after[len(again) :]) == {1}
    assert home.view(slow).status is Status.UP_TO_DATE
    home.publish()
    assert_exact(home, slow)


def test_who_asks_during_an_import_is_told_how_far_it_is(home, account):
    connection = home.connect(account).id
    (batch,) = home.product.requesting.batches()
    list(home.product.syncing.sync(batch.connections, batch.kind))
    (asked,) = home.product.requesting.file([connection])
    home.product.control.acquire_lease(connection, "somebody", home.time.now, LATER)

    told = home.product.requesting.answer(asked)

    progress = home.view(connection).progress
    assert 0 < progress.percent < 100
    assert told.text == f"waiting behind the running sync, {progress.text}"
    assert told.text.endswith(" min left")
