"""Erasing a connection rewrites its files without its rows; purging removes just what still holds them, once nobody is shown it."""

import os
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.lake.erasing import BEING_WRITTEN
from metrifly_pipeline.lake.maintenance import LARGE_BYTES
from tests.scenarios.scanning import find_under
from tests.unit.lake.toy import ALICE, BOB, TOY, Feed, portfolio, publish, rows_of

TABLES = ("raw_records", "trades", "movements", "balances", "quarantine")


class Numbered(Feed):
    """A feed whose app id, as the product's, names nobody."""

    @property
    def app_id(self):
        return {ALICE: "41", BOB: "42"}[self.connection]


@pytest.fixture
def alice(lake):
    return Numbered(lake)


@pytest.fixture
def bob(lake):
    return Numbered(lake, BOB)


@pytest.fixture
def shared(listed, alice, bob):
    """A published lake in which both have rows in every table, in files of their own and, joined, in the same."""
    for feed in (alice, bob):
        feed.take(feed.fill(1), feed.fill(2, amount="NaN"), feed.movement(1, amount="1000"), feed.snapshot(XBT="2"))
    for name in TABLES:
        listed._tables.stored(name).compact(LARGE_BYTES)
    alice.take(alice.fill(3))
    bob.take(bob.fill(4))
    publish(listed)
    return listed


def erase(lake, alice):
    """Delete her, and publish without her."""
    lake.erase({ALICE: alice.app_id})
    publish(lake, [portfolio(BOB)], change_seq=2)


def now():
    """When files that were written just now are young."""
    return datetime.now(UTC)


def left(lake):
    """Files of the lake that name her."""
    return set(find_under(lake._tables.folder.parent, {"alice": ALICE.encode()}))


def test_rows_of_others_in_the_same_files_stay_exactly_as_they_are(shared, alice):
    before = {name: [row for row in rows_of(shared, name) if row["connection_id"] == BOB] for name in TABLES}
    assert all(len(rows_of(shared, name)) > len(before[name]) > 0 for name in TABLES)

    erase(shared, alice)
    assert left(shared)
    assert shared.purge([ALICE], now())

    assert left(shared) == set()
    assert {name: rows_of(shared, name) for name in TABLES} == before


def test_nobody_lands_or_types_what_was_erased_and_others_go_on(shared, alice, bob):
    late = Numbered(open_lake(shared._tables.folder.parent, {"toy": TOY}))
    late.token, late._next = alice.token, alice._next
    late.land(late.fill(5))  # its handles are warm, and a row waits to be typed
    erase(shared, alice)

    assert late.lake.append_raw([late.fill(6)], {ALICE: late.token}, {ALICE: late.app_id}) == {}
    assert late.normalize().trades_added == 0
    late.new_lease()
    assert late.lake.append_raw([late.fill(7)], {ALICE: late.token}, {ALICE: late.app_id}) == {}

    assert bob.take(bob.fill(8)).trades_added == 1
    assert {row["connection_id"] for name in TABLES for row in rows_of(shared, name)} == {BOB}


def test_files_that_a_published_catalogue_may_name_are_not_purged(shared, alice):
    shared.erase({ALICE: alice.app_id})  # and not published yet
    before = {path.name for path in shared._tables.folder.rglob("*.parquet")}

    assert not shared.purge([ALICE], now())

    assert {path.name for path in shared._tables.folder.rglob("*.parquet")} == before
    publish(shared, [portfolio(BOB)], change_seq=2)
    assert shared.purge([ALICE], now())


def test_just_the_files_that_hold_its_rows_are_purged(shared, alice, bob):
    bob.take(bob.fill(9))
    shared._tables.stored("trades").compact(LARGE_BYTES)  # Bob's files are replaced, too, for another reason
    folder = shared._tables.folder / "trades"
    holders = {path.name: set(pq.read_table(path)["connection_id"].to_pylist()) for path in folder.glob("*.parquet")}
    erase(shared, alice)

    assert shared.purge([ALICE], now())

    still = {path.name for path in folder.glob("*.parquet")}
    assert holders.keys() & still == {name for name, held in holders.items() if ALICE not in held}
    assert sorted(map(len, holders.values())) == [1, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("place", ["delta/trades/part-0-killed.parquet", "spill/duckdb_temp_storage.tmp"])
def test_what_a_killed_process_left_goes_when_nobody_can_be_writing_it_any_more(shared, alice, place):
    unfinished = shared._tables.folder.parent / place
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(b"PAR1 not whole")
    erase(shared, alice)

    assert not shared.purge([ALICE], now())
    assert unfinished.exists()

    written = (now() - BEING_WRITTEN - timedelta(minutes=1)).timestamp()
    os.utime(unfinished, (written, written))
    assert shared.purge([ALICE], now())
    assert not unfinished.exists()


def test_processes_that_had_the_tables_open_go_on_after_the_log_was_cut(shared, alice):
    other = open_lake(shared._tables.folder.parent, {"toy": TOY})
    bob = Numbered(other, BOB, token=2)
    bob.take(bob.fill(10))
    erase(shared, alice)
    assert shared.purge([ALICE], now())
    assert not (shared._tables.raw.log / f"{0:020d}.json").exists()

    assert bob.take(bob.fill(11)).trades_added == 1
    assert bob.take(bob.fill(11)).trades_added == 0
    assert other.maintain().removed.keys() >= set(TABLES)
    assert bob.normalize(rebuild=True).trades_added == 0
    publish(other, [portfolio(BOB)], change_seq=3)
    assert other.query("SELECT count(*) FROM trades")[1] == [(4,)]
    fresh = open_lake(shared._tables.folder.parent, {"toy": TOY})
    assert rows_of(fresh, "trades") == rows_of(other, "trades")


def test_what_others_commit_meanwhile_is_kept(listed, alice, bob, tmp_path):
    alice.take(alice.fill(1))
    beside = Numbered(open_lake(tmp_path / "lake", {"toy": TOY}), BOB)
    met = []

    def meanwhile(label):
        if label == "erase.before_commit" and len(met) < 2:
            met.append(beside.take(beside.fill(20 + len(met))).trades_added)

    lake = open_lake(tmp_path / "lake", {"toy": TOY}, reach=meanwhile)

    lake.erase({ALICE: alice.app_id})

    assert met == [1, 1]
    assert [row["connection_id"] for row in rows_of(lake, "trades")] == [BOB, BOB]
    assert len(rows_of(lake, "raw_records")) == 2
