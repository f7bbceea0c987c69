"""A symbol that its exchange has removed entirely takes nothing along: neither the others' news nor its own history."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.live import append_trade, forget_market
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW


@pytest.fixture
def traded(home):
    """A Binance account that has traded on three symbols, imported; then a week passes and the sweep is due."""
    account = (
        AccountBuilder("binance", first_at=NOW - timedelta(days=5))
        .with_movement(asset="USDT", amount="200000")
        .with_fill(market="BTC/USDT", amount="0.5")
        .with_fill(market="SOL/USDT", amount="5")
        .with_fill(market="XMR/USDT", amount="3")
    )
    home.start(account)
    connection = home.imported(account)
    home.publish()
    home.time.turn(days=8)
    home.asked()
    return account.account, connection


def asked_symbols(home):
    requests = [request for request, _ in home.seen.answers if request.path.endswith("myTrades")]
    return [request.query["symbol"] for request in requests]


def coverage(home, connection, symbol):
    rows = home.product.control.coverage(connection)
    return [(row.span.end, row.ended) for row in rows if (row.stream, row.scope) == (Stream.FILLS.value, symbol)]


def test_the_sweep_goes_on_past_a_symbol_that_is_gone_and_loses_nothing_of_it(home, traded):
    account, connection = traded
    ((proven_to, _),) = coverage(home, connection, "XMRUSDT")
    swept_at = home.product.control.connection(connection).swept_at
    forget_market(account, "XMR/USDT")
    for market in ("BTC/USDT", "SOL/USDT"):
        append_trade(account, now_us=home.time.now_us - 3_600_000_000, market=market)

    report = home.sync(connection)
    home.publish()

    assert report.run.outcome is Outcome.ADDED
    assert asked_symbols(home).count("XMRUSDT") == 1
    assert_exact(home, connection)  # the trades of XMRUSDT among them
    assert home.value("SELECT count(*) FROM trades WHERE market = 'XMRUSDT'") == 1
    assert home.differences() == {}
    assert home.product.control.connection(connection).swept_at > swept_at
    assert coverage(home, connection, "XMRUSDT") == [(proven_to, "gone")]
    assert coverage(home, connection, "SOLUSDT")[0][0] > proven_to


def test_a_symbol_that_is_gone_is_not_asked_again_before_the_next_sweep(home, traded):
    account, connection = traded
    forget_market(account, "XMR/USDT")
    home.sync(connection)
    home.asked()

    home.sync(connection)
    assert "XMRUSDT" not in asked_symbols(home)

    home.time.turn(days=8)
    home.sync(connection)
    assert "XMRUSDT" in asked_symbols(home)


def test_a_first_import_that_asks_for_it_in_vain_is_whole(home):
    """Markets ever seen are asked, those that another connection saw long ago too."""
    older = AccountBuilder("binance", seed=2).with_movement(asset="USDT").with_fill(market="XMR/USDT", amount="0.3")
    newer = AccountBuilder("binance", seed=3).with_movement(asset="USDT").with_fill(market="SOL/USDT", amount="1")
    home.start(older, newer)
    home.imported(older)
    home.time.turn(days=30)
    forget_market(older.account, "XMR/USDT")
    home.asked()

    connection = home.imported(newer)

    home.publish()
    assert_exact(home, connection)
    assert asked_symbols(home).count("XMRUSDT") == 1
    assert coverage(home, connection, "XMRUSDT") == []
    assert home.product.control.connection(connection).first_import_done


@pytest.mark.parametrize("code", [-1100, -1130])
def test_another_refusal_of_a_symbol_still_fails_the_run(home, traded, code):
    account, connection = traded
    append_trade(account, now_us=home.time.now_us - 3_600_000_000, market="BTC/USDT")
    body = f'{{"code":{code},"msg":"Invalid symbol."}}'
    home.fault("binance", FaultKind.BODY, "myTrades", times=1_000, value=body)

    report = home.sync(connection)

    assert report.run.outcome is Outcome.FAILED
    assert report.run.reason == Reason.UNEXPECTED_RESPONSE.value
    assert coverage(home, connection, "XMRUSDT")[0][1] != "gone"
    home.mend()
    home.time.turn(hours=1)
    assert home.sync(connection).run.trades_added == 1
