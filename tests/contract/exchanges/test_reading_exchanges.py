"""What is read over HTTP is exactly what happened, on every exchange that has a room."""

import itertools
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest

from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.sandbox.live import amend_trade, append_trade
from tests.contract.exchanges import reading
from tests.contract.exchanges.conftest import paged
from tests.contract.exchanges.reading import Raw

EXACT = Context(prec=80)
PLACES = Decimal(1).scaleb(-18)


def true_trades(account, now):
    us = int(now.timestamp() * 1_000_000)
    return {
        t.trade_key: (
            t.native_id, t.market.base, t.market.quote, t.side, t.price, t.amount, t.cost, t.fee_asset, t.fee_amount, t.executed_at_us
        )
        for t in account.shown_trades(us)
    }  # fmt: skip


def true_movements(account, now):
    us = int(now.timestamp() * 1_000_000)
    return {
        m.movement_key: (m.native_id, m.group_key, m.kind, m.role, m.asset, m.amount, m.occurred_at_us)
        for m in account.shown_movements(us)
    }


def with_derived_cost(trade):
    if trade[6] is not None:
        return trade
    cost = EXACT.multiply(trade[4], trade[5]).quantize(PLACES, ROUND_HALF_EVEN, context=EXACT)
    return (*trade[:6], cost, *trade[7:])


def assert_same(found, true):
    assert found.keys() == true.keys()
    wrong = {key: (found[key], true[key]) for key in true if found[key] != true[key]}
    assert not wrong, list(wrong.items())[:3]


def compare(venue, session, raw):
    now = venue.time.now
    room = catalog.room(venue.exchange)
    found = reading.trades(room, raw, session.markets(), now)
    assert_same({key: with_derived_cost(trade) for key, trade in found.items()}, true_trades(venue.account, now))
    assert_same(reading.movements(room, raw, now), true_movements(venue.account, now))
    held = {asset: amount for asset, amount in venue.account.balances(int(now.timestamp() * 1e6)).items() if amount}
    assert reading.balances(room, raw, now) == held


def test_every_trade_movement_and_balance_is_read_exactly(venue):
    it = venue()
    session = it.open()

    raw = it.read(session)

    compare(it, session, raw)
    assert len(true_trades(it.account, it.time.now)) >= 290
    assert len(true_movements(it.account, it.time.now)) > 30


def test_a_second_reading_without_news_adds_nothing_and_asks_once_a_stream(venue):
    it = venue()
    session = it.open()
    raw = it.read(session)
    landed = len(raw.records)
    it.sandbox.requests.clear()
    it.time.sleep(60)

    it.read(session, raw)

    assert len(raw.records) == landed
    assert it.asked() == sum(len(it.scopes(stream)) for stream in it.spec.streams)


def test_a_reading_broken_off_after_every_page_comes_to_the_same(venue):
    it = venue(trades=200)
    session = it.open()
    broken = Raw()
    for stream in it.spec.streams:
        for scope in it.scopes(stream):
            for _ in range(400):
                before = broken.cursors.get((stream.stream, scope))
                if reading.pull(session, stream, scope, broken, it.time.now, it.spec.settle, pages=1):
                    break
                if broken.cursors.get((stream.stream, scope)) == before:  # a tail moves no cursor: let it end
                    assert reading.pull(session, stream, scope, broken, it.time.now, it.spec.settle)
                    break
            else:
                pytest.fail(f"{stream.endpoint} never came to its end")

    compare(it, session, broken)


def test_the_exchanges_real_limits_are_never_run_into(venue):
    it = venue(trades=300, scale=1.0, limit_scale=1.0)
    session = it.open()

    it.read(session)

    assert it.budget.paused == []


def test_a_key_that_only_reads_is_told_so_with_its_account(venue):
    it = venue(trades=20)
    facts = it.open().probe()

    assert facts.identity == it.account.uid
    assert facts.can_read_trades is not False  # Binance doesn't tell
    assert facts.can_read_balances
    assert facts.can_trade is False
    assert facts.can_withdraw is False


@pytest.mark.parametrize(("permission", "fact"), [("trade", "can_trade"), ("withdraw", "can_withdraw")])
def test_a_key_that_may_do_more_is_told_so(venue, permission, fact):
    it = venue(trades=20)
    it.change_key(permissions=it.key.permissions | {permission})

    assert getattr(it.open().probe(), fact) is True


def test_markets_name_base_and_quote_in_the_exchanges_own_codes(venue):
    it = venue(trades=20)
    codes = reading.Codes(catalog.room(it.exchange).aliases)
    listed = {
        (codes.asset(market.base, it.time.now), codes.asset(market.quote, it.time.now))
        for market in it.open().markets()
        if market.active
    }

    assert {(m.base, m.quote) for m in it.account.markets.values() if m.listed} <= listed


def test_every_stream_can_be_tried_for_its_permission(venue):
    it = venue(trades=60)
    session = it.open()

    assert all(session.can_read(stream) for stream in it.spec.streams)


def test_a_trade_that_comes_meanwhile_is_in_the_next_reading(venue):
    it = venue(trades=60)
    session = it.open()
    raw = it.read(session)
    it.time.sleep(90)
    trade = append_trade(it.account, now_us=int(it.time.unix() * 1e6))
    it.time.sleep(5)

    it.read(session, raw)

    assert trade.trade_key in reading.trades(catalog.room(it.exchange), raw, session.markets(), it.time.now)


def test_spans_of_every_stream_are_proven_from_the_edge_of_history_to_the_last_minute(venue):
    it = venue(trades=60)
    session = it.open()
    for stream in paged(it.spec):
        scope = it.scopes(stream)[0]
        task = reading.task(stream, scope, None, it.time.now, it.spec.settle)
        spans = sorted(
            (page.covered.start, page.covered.end) for page in session.pull(stream, task) if page.covered is not None
        )

        assert spans[0][0] <= task.since
        assert (task.settled_until - spans[-1][1]).total_seconds() < 1
        assert all(after[0] <= before[1] for before, after in itertools.pairwise(spans))


def test_an_amended_record_arrives_as_a_further_version(venue):
    it = venue(trades=60)
    now_us = int(it.time.unix() * 1e6)
    trade = append_trade(it.account, now_us=now_us)
    it.time.sleep(90)
    session = it.open()
    raw = it.read(session)
    before = len(reading.payloads(raw, Stream.FILLS))
    amend_trade(it.account, replace(trade, fee_amount=Decimal("0.5")), now_us=now_us + 100_000_000)
    it.time.sleep(3600)

    it.read(session, raw)

    assert len(reading.payloads(raw, Stream.FILLS)) == before + 1
    compare(it, session, raw)
