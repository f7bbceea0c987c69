"""Each record is typed once: what a commit carries, and who may make it."""

import duckdb
import pytest

from metrifly_pipeline.domain.lake_rows import NormalizeJob
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, TOY, Feed, rows_of, watermark


def test_nothing_new_commits_nothing_and_what_was_only_repeated_moves_the_watermark(lake, alice):
    alice.take(alice.fill(1))
    versions = lake._tables.versions()
    alice.normalize()
    assert lake._tables.versions() == versions

    alice.new_lease()
    alice.land(alice.fill(2))
    alice.new_lease()
    alice.land(alice.fill(2))
    before = watermark(lake, alice.app_id)
    assert alice.normalize().trades_added == 1
    after = watermark(lake, alice.app_id)
    assert (before >> 32, after >> 32) == (1, 3)


def test_a_connection_whose_lease_is_lost_is_dropped_and_the_others_go_on(lake, alice, bob):
    alice.land(alice.fill(1))
    bob.land(bob.fill(1))

    outcomes = lake.normalize([alice.job, bob.job], lambda: {bob.connection}, alice.fetched_at)

    assert (outcomes[alice.connection].lease_lost, outcomes[bob.connection].lease_lost) == (True, False)
    assert [trade["connection_id"] for trade in rows_of(lake, "trades")] == [bob.connection]
    assert watermark(lake, alice.app_id) is None
    assert watermark(lake, bob.app_id) is not None
    assert alice.normalize().trades_added == 1


def test_all_connections_of_a_batch_are_committed_together(lake, alice, bob):
    alice.land(alice.fill(1), alice.fill(2))
    bob.land(bob.fill(1))
    version = lake._tables.stored("trades").version

    lake.normalize([alice.job, bob.job], lambda: {alice.connection, bob.connection}, alice.fetched_at)

    assert lake._tables.stored("trades").version == version + 1
    assert len(rows_of(lake, "trades")) == 3


@pytest.mark.parametrize("budget", [1, 2, 3, 100])
def test_small_commits_give_what_one_large_commit_gives(tmp_path, budget):
    lake = open_lake(tmp_path / "lake", {"toy": TOY}, records_per_commit=budget)
    feed, other = Feed(lake), Feed(lake, token=4)
    other.connection = "toy-cccccccc"
    rows = [feed.fill(1), feed.fill(2), feed.fill(1, amount="3"), feed.fill(3, amount="NaN"), feed.movement(1)]
    feed.land(*rows)
    other.land(other.fill(9), other.fill(8))

    outcomes = lake.normalize([feed.job, other.job], lambda: {feed.connection, other.connection}, other.fetched_at)

    assert (outcomes[feed.connection].trades_added, outcomes[feed.connection].amended) == (2, 1)
    assert (outcomes[feed.connection].quarantined, outcomes[feed.connection].movements_added) == (1, 1)
    assert outcomes[other.connection].trades_added == 2


def test_a_file_is_sorted_by_connection_and_time(lake, alice, bob):
    bob.land(bob.fill(2), bob.fill(1))
    alice.land(alice.fill(9), alice.fill(3))
    lake.normalize([alice.job, bob.job], lambda: {alice.connection, bob.connection}, alice.fetched_at)

    (file,) = lake._tables.stored("trades").files()
    found = duckdb.execute("SELECT connection_id, trade_key FROM read_parquet($1)", [file.path]).fetchall()
    assert found == [(alice.connection, "3"), (alice.connection, "9"), (bob.connection, "1"), (bob.connection, "2")]


def test_the_watermark_of_a_worker_that_was_overtaken_never_goes_back(tmp_path):
    """Both read the same watermark; the one that commits second meets the other's commit, reloads and has nothing to do."""
    lake = open_lake(tmp_path / "lake", {"toy": TOY})
    alice = Feed(lake)
    alice.land(alice.fill(1), alice.fill(2))
    quick = Feed(open_lake(tmp_path / "lake", {"toy": TOY}))
    overtaken = []

    def stall(label: str) -> None:
        if label == "normalise.before_commit" and not overtaken:
            overtaken.append(quick.normalize())

    slow = Feed(open_lake(tmp_path / "lake", {"toy": TOY}, reach=stall))
    outcome = slow.normalize()

    assert overtaken[0].trades_added == 2
    assert outcome.trades_added == 0
    assert len(rows_of(lake, "trades")) == 2


def test_a_worker_that_lost_its_lease_while_it_typed_commits_nothing(tmp_path):
    lake = open_lake(tmp_path / "lake", {"toy": TOY})
    alice = Feed(lake)
    alice.land(alice.fill(1))
    held = [{ALICE}, set()]
    quick = Feed(open_lake(tmp_path / "lake", {"toy": TOY}))

    def stall(label: str) -> None:
        if label == "normalise.before_commit" and held:
            quick.normalize()
            alice.new_lease()
            alice.land(alice.fill(5))

    slow = open_lake(tmp_path / "lake", {"toy": TOY}, reach=stall)
    outcomes = slow.normalize(
        [NormalizeJob(connection=ALICE, exchange="toy", app_id=alice.app_id)], lambda: held.pop(0), alice.fetched_at
    )

    assert outcomes[ALICE].lease_lost
    assert [trade["trade_key"] for trade in rows_of(lake, "trades")] == ["1"]
