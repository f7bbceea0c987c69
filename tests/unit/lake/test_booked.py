"""What the exchange's ledger books for an execution counts, whatever was stated with it, and whichever of the two arrives first."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, START, TOY, Feed, publish, rows_of

BATCHES = st.lists(st.booleans(), min_size=5, max_size=5)
MARKET = ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)


pytestmark = pytest.mark.usefixtures("listed")


def taken(feed, number, trade, code, amount, **changed):
    """A line of the ledger: what was taken for a trade; an amount below 0 was paid."""
    line = {"kind": "trade_fee", "role": "fee", "group": str(trade), "code": code, "amount": amount}
    return feed.movement(number, Stream.LEDGER, **(line | changed))


def moved(feed, number, trade, code, amount):
    """A line of the ledger: what a trade moved of one asset."""
    return feed.movement(
        number, Stream.LEDGER, kind="trade_leg", role="main", group=str(trade), code=code, amount=amount
    )


def fees(lake):
    publish(lake)
    rows = lake.query("SELECT trade_key, fee_asset, fee_amount FROM trades")[1]
    return {key: (asset, amount) for key, asset, amount in rows}


def sums(lake):
    return dict(lake.query("SELECT asset, sum(amount) FROM legs GROUP BY asset")[1])


@pytest.fixture
def three(alice):
    """Three trades that state 0.1 EUR each; the ledger says EUR for the first, XBT for the second and nothing of the third."""
    rows = [alice.fill(1), alice.fill(2), alice.fill(3)]
    return [*rows, taken(alice, "L1", 1, "EUR", "-0.0999"), taken(alice, "L2", 2, "XBT", "-0.002")]


def test_a_trade_shows_what_was_taken_for_it_and_states_no_more(lake, alice, three):
    alice.take(*three)

    assert fees(lake) == {
        "1": ("EUR", Decimal("0.0999")),
        "2": ("BTC", Decimal("0.002")),
        "3": ("EUR", Decimal("0.1")),  # the control: without the ledger's word the stated fee stands
    }
    assert sums(lake) == {"BTC": 6 - Decimal("0.002"), "EUR": -3 * 201 - Decimal("0.0999") - Decimal("0.1")}
    assert set(lake.query("SELECT fee_amount FROM trades_history")[1]) == {(Decimal("0.1"),)}


def test_it_is_no_movement_and_counted_as_none(lake, alice, three):
    outcome = alice.take(*three, alice.movement("D1"))

    published = publish(lake)
    assert (outcome.trades_added, outcome.movements_added) == (3, 1)
    assert (published.rows["movements"], lake.counts()[ALICE].movements) == (1, 1)
    for table in ("movements", "movements_history"):
        assert lake.query(f"SELECT movement_key FROM {table}")[1] == [("D1",)]  # noqa: S608 - our own names
    assert lake.query("SELECT count(*) FROM portfolio_transactions WHERE source = 'movement'")[1] == [(1,)]


@settings(max_examples=6)  # each makes a lake and publishes it
@given(order=st.permutations(range(5)), ends_batch=BATCHES)
def test_in_whatever_order_and_batches_they_arrive_the_fees_are_the_same(tmp_path_factory, order, ends_batch):
    lake = open_lake(tmp_path_factory.mktemp("lake"), {"toy": TOY}, fsync=lambda _file: None)
    lake.append_reference([MARKET])
    feed = Feed(lake)
    make = [
        lambda: feed.fill(1),
        lambda: feed.fill(2),
        lambda: feed.fill(3),
        lambda: taken(feed, "L1", 1, "EUR", "-0.0999"),
        lambda: taken(feed, "L2", 2, "XBT", "-0.002"),
    ]
    for place, number in enumerate(order):
        feed.land(make[number]())
        if ends_batch[place]:
            feed.normalize()
    feed.normalize()
    before = {name: rows_of(lake, name) for name in ("trades", "movements")}

    feed.normalize(rebuild=True)

    assert fees(lake) == {"1": ("EUR", Decimal("0.0999")), "2": ("BTC", Decimal("0.002")), "3": ("EUR", Decimal("0.1"))}
    assert {name: rows_of(lake, name) for name in before} == before


@pytest.mark.parametrize("first", ["L0", "L9"])
def test_a_fee_taken_in_two_assets_makes_a_leg_of_each_and_the_stated_one_is_shown_whole(lake, alice, first):
    lines = [taken(alice, "L1", 1, "EUR", "-0.05"), taken(alice, "L2", 1, "EUR", "-0.03")]
    alice.take(alice.fill(1), *lines, taken(alice, first, 1, "XBT", "-0.001"))

    assert fees(lake) == {"1": ("EUR", Decimal("0.08"))}
    assert sums(lake) == {"BTC": 2 - Decimal("0.001"), "EUR": -201 - Decimal("0.08")}


def test_a_rebate_comes_in(lake, alice):
    alice.take(alice.fill(1), taken(alice, "L1", 1, "EUR", "0.05"))

    assert fees(lake) == {"1": ("EUR", Decimal("-0.05"))}
    assert sums(lake)["EUR"] == -201 + Decimal("0.05")


def test_a_fee_that_the_exchange_corrects_counts_once_as_corrected(lake, alice):
    alice.take(alice.fill(1), taken(alice, "L1", 1, "XBT", "-0.002"))

    outcome = alice.take(taken(alice, "L1", 1, "XBT", "-0.003"))

    assert fees(lake) == {"1": ("BTC", Decimal("0.003"))}
    assert sums(lake)["BTC"] == 2 - Decimal("0.003")
    assert (outcome.movements_added, outcome.amended) == (0, 0)


def test_a_fee_without_its_trade_counts_by_itself_until_the_trade_is_there(lake, alice, bob):
    alice.take(taken(alice, "L1", 1, "XBT", "-0.002"))
    bob.take(bob.fill(1))

    assert fees(lake) == {"1": ("EUR", Decimal("0.1"))}  # another connection's trade with the same key
    assert sums(lake) == {"BTC": 2 - Decimal("0.002"), "EUR": -201 - Decimal("0.1")}

    alice.take(alice.fill(1))
    publish(lake)
    assert sums(lake)["BTC"] == 4 - Decimal("0.002")
    assert {row.asset: row.ledger for row in lake.reconcile([ALICE])} == {}


def test_reconciliation_counts_what_was_taken(lake, alice, three):
    alice.take(*three, alice.snapshot(XBT="5.998", EUR="-603.1999"))

    assert {row.asset: row.difference for row in lake.reconcile()} == {"BTC": 0, "EUR": 0}


def test_legs_are_what_the_ledger_booked_and_the_trade_states_its_own_cost(lake, alice):
    outcome = alice.take(alice.fill(1), alice.fill(2), moved(alice, "L1", 1, "EUR", "-200.9999"))

    assert (outcome.trades_added, outcome.movements_added) == (2, 0)
    publish(lake)
    fee = Decimal("0.1")
    assert sums(lake) == {
        "BTC": 4,
        "EUR": -Decimal("200.9999") - 201 - 2 * fee,
    }  # the control: the second stands as stated
    assert lake.query("SELECT DISTINCT cost FROM trades")[1] == [(Decimal(201),)]
    assert lake.query("SELECT count(*) FROM movements")[1] == [(0,)]


def test_of_a_trade_whose_ledger_is_there_in_part_the_rest_stands_as_stated(lake, alice):
    alice.take(alice.fill(1), moved(alice, "L1", 1, "XBT", "1.9999"))
    publish(lake)
    assert sums(lake) == {"BTC": Decimal("1.9999"), "EUR": -201 - Decimal("0.1")}

    alice.take(moved(alice, "L2", 1, "EUR", "-200.9999"), taken(alice, "L3", 1, "EUR", "-0.0999"))
    publish(lake)
    assert sums(lake) == {"BTC": Decimal("1.9999"), "EUR": -Decimal("200.9999") - Decimal("0.0999")}


def test_a_line_of_the_ledger_counts_without_its_trade_and_once_with_it(lake, alice, bob):
    alice.take(moved(alice, "L1", 1, "EUR", "-200.9999"))
    bob.take(bob.fill(1))
    publish(lake)
    assert sums(lake) == {"BTC": 2, "EUR": -201 - Decimal("0.1") - Decimal("200.9999")}

    alice.take(alice.fill(1))
    publish(lake)
    assert sums(lake) == {"BTC": 4, "EUR": -201 - 2 * Decimal("0.1") - Decimal("200.9999")}


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_pair_of_two_forms_of_one_asset_moves_what_was_booked_once(lake, alice, side):
    sign = 1 if side == "buy" else -1
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTXBT.E", base="XBT", quote="XBT.E", active=True, seen_at=START)]
    )
    alice.take(
        alice.fill(1, market="XBTXBT.E", side=side, fee="0"),
        moved(alice, "L1", 1, "XBT", str(sign * 10)),
        moved(alice, "L2", 1, "XBT.E", str(sign * Decimal("-9.6"))),
    )
    publish(lake)

    legs = lake.query('SELECT "role", asset_code, amount FROM legs ORDER BY ALL')[1]
    assert legs == [("base", "XBT", sign * 10), ("quote", "XBT.E", sign * Decimal("-9.6"))]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_of_a_pair_that_says_no_assets_what_was_booked_stands_and_not_its_name(lake, alice, side):
    sign = 1 if side == "buy" else -1
    alice.take(
        alice.fill(1, market="XBTEUR.d", side=side, fee="0"),
        moved(alice, "L1", 1, "XBT", str(sign)),
        moved(alice, "L2", 1, "EUR", str(-30_000 * sign)),
    )
    publish(lake)

    assert sums(lake) == {"BTC": sign, "EUR": -30_000 * sign}
