"""What an exchange changes becomes a new version; what it repeats, nothing; a rebuild from raw records says the same again."""

import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.lake_rows import RawRow, Room
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, BOB, START, TOY, Feed, rows_of

NORMALISED = ("trades", "movements", "balances", "quarantine")

STORIES = max(settings.default.max_examples // 10, 1)
"""Each story commits some dozen times, so there are fewer of them; `make fuzz` tells more."""


def everything(lake):
    return {name: rows_of(lake, name) for name in NORMALISED}


def versions(lake, key="1"):
    found = [row for row in rows_of(lake, "trades") if row["trade_key"] == key]
    return [(row["version"], row["amount"]) for row in sorted(found, key=lambda row: row["version"])]


def test_other_values_under_the_same_key_are_a_new_version(lake, alice):
    alice.take(alice.fill(1, amount="1"))
    outcome = alice.take(alice.fill(1, amount="2"))

    assert versions(lake) == [(1, Decimal(1)), (2, Decimal(2))]
    assert (outcome.trades_added, outcome.amended) == (0, 1)
    assert lake.counts()[ALICE].amended == 1


def test_an_amendment_is_found_although_its_time_has_moved(lake, alice):
    alice.take(alice.fill(1))
    alice.take(alice.fill(1, time=str(int(START.timestamp() * 1000) - 10**9)))

    assert [version for version, _ in versions(lake)] == [1, 2]


def test_the_same_values_written_otherwise_are_no_amendment(lake, alice):
    alice.take(alice.fill(1, amount="1.50", price="2e1"))
    outcome = alice.take(alice.fill(1, amount="1.5", price="20.0", order="another"))

    assert versions(lake) == [(1, Decimal("1.5"))]
    assert outcome.amended == 0


def test_several_versions_in_one_batch_follow_each_other(lake, alice):
    alice.take(*(alice.fill(1, amount=amount) for amount in ("1", "1.0", "2", "2.0", "1.00")))

    assert versions(lake) == [(1, Decimal(1)), (2, Decimal(2)), (3, Decimal(1))]


def test_the_oldest_of_equal_records_stands(lake, alice):
    first = alice.fill(1)
    alice.land(first)
    alice.new_lease()
    alice.take(alice.fill(1))

    assert [(row["seq"], row["recorded_at"]) for row in rows_of(lake, "trades")] == [(first.seq, first.fetched_at)]


def test_a_rebuild_gives_the_very_same_rows(lake, alice, bob):
    alice.take(alice.fill(1), alice.fill(2, amount="NaN"), alice.movement(1), alice.snapshot(XBT="1", EUR="2"))
    bob.take(bob.fill(1), bob.fill(2, amount="NaN"))
    alice.new_lease()
    alice.take(alice.fill(1, amount="3"), alice.movement(1, amount="2"), alice.snapshot(XBT="1"))
    before = everything(lake)

    outcome = alice.normalize(rebuild=True)

    assert everything(lake) == before
    assert (outcome.trades_added, outcome.movements_added, outcome.amended) == (0, 0, 0)
    assert alice.normalize().trades_added == 0


def test_a_rebuild_after_a_fix_takes_records_out_of_quarantine(lake, alice, bob, tmp_path):
    alice.take(alice.fill(1), alice.fill(2, side="BUY"))
    bob.take(bob.fill(2, side="BUY"))
    fixed = Room(
        exchange="toy",
        trades_sql=TOY.trades_sql.replace("payload ->> '$.side' AS side", "lower(payload ->> '$.side') AS side"),
        movements_sql=TOY.movements_sql,
        balances_sql=TOY.balances_sql,
        aliases=TOY.aliases,
    )
    again = Feed(open_lake(tmp_path / "lake", {"toy": fixed}))

    outcome = again.normalize(rebuild=True)

    assert outcome.trades_added == 1
    assert [row["trade_key"] for row in rows_of(lake, "trades") if row["connection_id"] == ALICE] == ["1", "2"]
    assert [row["connection_id"] for row in rows_of(lake, "quarantine")] == [BOB]


def test_a_rebuild_of_one_connection_leaves_the_others_alone(lake, alice, bob):
    alice.take(alice.fill(1))
    bob.take(bob.fill(1))
    others = [row for row in rows_of(lake, "trades") if row["connection_id"] == BOB]

    alice.normalize(rebuild=True)

    assert [row for row in rows_of(lake, "trades") if row["connection_id"] == BOB] == others
    assert len(rows_of(lake, "trades")) == 2


def test_a_rebuild_that_meets_another_commit_is_done_again(tmp_path):
    lake = open_lake(tmp_path / "lake", {"toy": TOY})
    alice = Feed(lake)
    alice.take(alice.fill(1))
    met = []

    def stall(label: str) -> None:
        if label == "normalise.before_commit" and not met:
            met.append(label)
            alice.take(alice.fill(2))

    slow = Feed(open_lake(tmp_path / "lake", {"toy": TOY}, reach=stall))
    slow.normalize(rebuild=True)

    assert met
    assert [row["trade_key"] for row in rows_of(lake, "trades")] == ["1", "2"]


def test_a_rebuild_without_the_lease_changes_nothing(lake, alice):
    alice.take(alice.fill(1))
    version = lake._tables.stored("trades").version

    assert alice.normalize(rebuild=True, held=False).lease_lost
    assert lake._tables.stored("trades").version == version


# The model: what the raw records say, read one after the other

Step = tuple[str, int, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "fill", "movement", "snapshot", "normalise", "lease", "takeover"]),
        st.integers(1, 3),
        st.sampled_from(["1", "2", "1.0", "NaN"]),
    ),
    min_size=3,
    max_size=14,
)


def play(feed: Feed, story: Iterable[Step]) -> None:
    """Do what the steps say; a new lease normalises first, a takeover does not."""
    for what, number, amount in story:
        if what == "normalise":
            feed.normalize()
        elif what == "lease":
            feed.normalize()
            feed.new_lease()
        elif what == "takeover":
            feed.new_lease()
        elif what == "snapshot":
            feed.land(feed.snapshot(**dict.fromkeys(("XBT", "EUR", "XBT_E")[:number], amount)))
        else:
            feed.land(feed.fill(number, amount=amount) if what == "fill" else feed.movement(number, amount=amount))
    feed.normalize()


def expected_versions(records: Iterable[RawRow]) -> dict[str, list[tuple[int, Decimal]]]:
    """Versions of each fill by its key: (seq, amount), where something other than before was said."""
    said: dict[str, list[tuple[int, Decimal]]] = {}
    for record in records:
        amount = record["payload"].split('"amount":"')[1].split('"')[0]
        if record["stream"] == "fills" and amount != "NaN":
            versions = said.setdefault(record["payload"].split('"id":"')[1].split('"')[0], [])
            if not versions or versions[-1][1] != Decimal(amount):
                versions.append((record["seq"], Decimal(amount)))
    return said


@settings(max_examples=STORIES)
@given(story=steps)
def test_whatever_happens_trades_are_what_the_raw_records_say_and_a_rebuild_agrees(story):
    with tempfile.TemporaryDirectory() as home:
        lake = open_lake(Path(home) / "lake", {"toy": TOY})
        feed = Feed(lake)
        play(feed, story)

        fills = [row for row in rows_of(lake, "raw_records") if row["stream"] == "fills"]
        stored: dict[str, list[tuple[int, Decimal]]] = {}
        for row in sorted(rows_of(lake, "trades"), key=lambda row: row["version"]):
            stored.setdefault(row["trade_key"], []).append((row["seq"], row["amount"]))
        assert stored == expected_versions(fills)
        assert all([row["version"] for row in rows_of(lake, "trades") if row["trade_key"] == key] for key in stored)

        before = everything(lake)
        feed.normalize(rebuild=True)
        assert everything(lake) == before


@settings(max_examples=STORIES)
@given(amounts=st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=6))
def test_what_the_exchange_said_last_stands_and_repeating_it_lands_nothing(amounts):
    with tempfile.TemporaryDirectory() as home:
        feed = Feed(open_lake(Path(home) / "lake", {"toy": TOY}))
        for amount in amounts:
            feed.take(feed.fill(1, amount=amount))
            feed.new_lease()

        assert versions(feed.lake)[-1][1] == Decimal(amounts[-1])
        assert feed.land(feed.fill(1, amount=amounts[-1])) == 0


@pytest.fixture(autouse=True)
def _listed(request):
    """Where a test uses the shared lake, it knows the market XBTEUR."""
    if "lake" in request.fixturenames:
        request.getfixturevalue("listed")
