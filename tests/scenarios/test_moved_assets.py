"""Where symbols are found by what moved: a sync without news looks nowhere, and whatever landed is looked at once, whoever landed it."""

import pytest

from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.trouble import OwnFaultError
from metrifly_pipeline.sandbox.live import append_trade


@pytest.fixture
def it(imported):
    made = imported("binance")
    made.home.time.turn(hours=1)
    made.home.sync(made.connection)  # what the import left to look at
    return made


@pytest.fixture
def looked(it, monkeypatch):
    """From which sequence number on it was asked what moved, each time; while `fault` stands, that fails."""
    lake, asked, fault = it.home.product.lake, [], []
    moved = lake.moved_asset_codes

    def asks(connection, after_seq):
        asked.append(after_seq)
        if fault:
            raise fault.pop()
        return moved(connection, after_seq)

    monkeypatch.setattr(lake, "moved_asset_codes", asks)
    return asked, fault


def trade(it):
    it.home.time.turn(hours=1)
    append_trade(it.account, now_us=it.home.time.now_us)
    it.home.time.turn(hours=1)


def test_a_sync_without_news_does_not_ask_what_moved_and_one_with_news_does(it, looked):
    asked, _ = looked
    idle = it.home.sync(it.connection).run.outcome
    of_the_idle = list(asked)
    trade(it)

    report = it.home.sync(it.connection)

    assert (idle, of_the_idle) == (Outcome.NOTHING_NEW, [])
    assert report.run.trades_added == 1
    assert asked


def test_what_a_sync_landed_that_died_before_it_looked_is_looked_at_by_the_next(it, looked):
    asked, fault = looked
    trade(it)
    fault.append(KeyError())
    with pytest.raises(OwnFaultError):
        it.home.sync(it.connection)
    assert len(asked) == 1
    landed = it.home.stored("balances")

    report = it.home.sync(it.connection)

    assert it.home.stored("balances") == landed  # nothing moved since, and yet it was looked
    assert asked[1] == asked[0]
    assert report.run.trades_added == 1
