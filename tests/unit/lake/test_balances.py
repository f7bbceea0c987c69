"""Balances: one row per change, and what is missing from a newer snapshot of the same scope has become 0."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, TOY, Feed, rows_of

STORIES = max(settings.default.max_examples // 10, 1)
"""Each story commits some dozen times, so there are fewer of them; `make fuzz` tells more."""


def told(lake):
    return [(row["scope"], row["wallet"], row["asset_code"], row["total"]) for row in rows_of(lake, "balances")]


def newest(lake):
    standing = {}
    for row in sorted(rows_of(lake, "balances"), key=lambda row: row["seq"]):
        standing[row["scope"], row["wallet"], row["asset_code"]] = (row["total"], row["available"])
    return {place: values for place, values in standing.items() if values[0] != 0}


def test_a_row_is_added_only_where_a_value_changed(lake, alice):
    alice.take(alice.snapshot(XBT="1", EUR="5"))
    outcome = alice.take(alice.snapshot(XBT="2", EUR="5.0"))

    assert outcome.balances_added == 1
    assert sorted(told(lake)) == [
        ("spot", "spot", "EUR", Decimal(5)),
        ("spot", "spot", "XBT", Decimal(1)),
        ("spot", "spot", "XBT", Decimal(2)),
    ]


def test_what_is_missing_from_a_newer_snapshot_became_0_in_its_scope_only(lake, alice):
    alice.take(alice.snapshot(XBT="1", EUR="5"), alice.snapshot("funding", XBT="7"))
    alice.take(alice.snapshot(EUR="5"))

    assert newest(lake) == {
        ("spot", "spot", "EUR"): (Decimal(5), Decimal(5)),
        ("funding", "funding", "XBT"): (Decimal(7), Decimal(7)),
    }
    assert told(lake)[-1] == ("spot", "spot", "XBT", Decimal(0))


def test_an_empty_snapshot_is_understood(lake, alice):
    alice.take(alice.snapshot(XBT="1"))
    outcome = alice.take(alice.snapshot())

    assert newest(lake) == {}
    assert outcome.quarantined == 0


def test_zeros_that_were_never_anything_else_add_nothing(lake, alice):
    assert alice.take(alice.snapshot(XBT="0", EUR="0.00")).balances_added == 0
    assert alice.take(alice.snapshot(XBT="0", EUR="1")).balances_added == 1


def test_a_total_is_added_up_where_the_exchange_tells_only_its_parts(lake, alice):
    alice.take(
        alice.row(
            Stream.BALANCES, "spot", {"XBT": {"free": "1.5", "locked": "0.25"}, "EUR": {"free": "1e1", "locked": "0"}}
        )
    )

    assert newest(lake) == {
        ("spot", "spot", "XBT"): (Decimal("1.75"), Decimal("1.5")),
        ("spot", "spot", "EUR"): (Decimal(10), Decimal(10)),
    }


def test_a_snapshot_with_one_unreadable_number_is_held_back_whole(lake, alice):
    alice.take(alice.snapshot(XBT="1"))
    huge = "9" * 20
    outcome = alice.take(
        alice.snapshot(XBT="2", EUR="NaN"), alice.row(Stream.BALANCES, "spot", {"XBT": {"free": huge, "locked": huge}})
    )

    assert newest(lake) == {("spot", "spot", "XBT"): (Decimal(1), Decimal(1))}
    assert outcome.quarantined == 2
    assert [row["reason"] for row in rows_of(lake, "quarantine")] == [
        "available: not a number",
        "total: more than 20 integer digits",
    ]


def test_two_codes_of_one_asset_in_two_wallets_are_two_balances(lake, alice):
    alice.take(alice.snapshot(XBT="1", XBT_E="2"))

    assert newest(lake) == {
        ("spot", "spot", "XBT"): (Decimal(1), Decimal(1)),
        ("spot", "earn", "XBT.E"): (Decimal(2), Decimal(2)),
    }
    assert [row.reported for row in lake.reconcile()] == [Decimal(3)]


def test_an_account_that_never_held_anything_is_reconciled_too(lake, alice):
    alice.take(alice.snapshot(), alice.movement(1, amount="3"))

    (row,) = lake.reconcile([ALICE])
    assert (row.asset, row.reported, row.ledger, row.difference) == ("BTC", Decimal(0), Decimal(3), Decimal(-3))


def test_a_connection_that_was_never_asked_for_balances_is_not_reconciled(lake, alice, bob):
    alice.take(alice.movement(1))
    bob.take(bob.movement(1), bob.snapshot(XBT="1"))

    assert [(row.connection, row.difference) for row in lake.reconcile()] == [(bob.connection, Decimal(0))]


snapshots = st.dictionaries(
    st.sampled_from(["XBT", "XBT_E", "EUR", "WAT"]), st.sampled_from(["0", "1", "2.50", "2.5"]), max_size=4
)


@settings(max_examples=STORIES)
@given(
    story=st.lists(st.tuples(st.sampled_from(["spot", "funding"]), snapshots, st.booleans()), min_size=1, max_size=8)
)
def test_the_newest_rows_are_the_newest_snapshots(story):
    with tempfile.TemporaryDirectory() as home:
        feed = Feed(open_lake(Path(home) / "lake", {"toy": TOY}))
        last = {}
        for wallet, totals, normalises in story:
            feed.land(feed.snapshot(wallet, **totals))
            last[wallet] = totals
            if normalises:
                feed.normalize()
                feed.new_lease()
        feed.normalize()

        expected = {
            (wallet, "earn" if code == "XBT_E" else wallet, code.replace("_", ".")): (Decimal(total), Decimal(total))
            for wallet, totals in last.items()
            for code, total in totals.items()
            if Decimal(total) != 0
        }
        assert newest(feed.lake) == expected
        stored = rows_of(feed.lake, "balances")
        feed.normalize(rebuild=True)
        assert rows_of(feed.lake, "balances") == stored
