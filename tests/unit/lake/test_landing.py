"""What lands, what counts as being there, and what a worker that was overtaken may do."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, ReferenceMarket
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake import open_lake
from tests.unit.lake.toy import ALICE, BOB, START, TOY, Feed, rows_of


def test_a_record_lands_once_under_one_lease(lake, alice):
    assert alice.land(alice.fill(1), alice.fill(2)) == 2
    assert alice.land(alice.fill(2), alice.fill(3)) == 1
    assert [row["seq"] - SEQ_PER_TOKEN for row in rows_of(lake, "raw_records")] == [1, 2, 4]


def test_equal_records_of_one_scan_are_told_apart_by_their_rank(lake, alice):
    assert alice.land(alice.row(Stream.FILLS, "X", {"a": 1}), alice.row(Stream.FILLS, "X", {"a": 1}, rank=1)) == 2
    assert alice.land(alice.row(Stream.FILLS, "X", {"a": 1}), alice.row(Stream.FILLS, "X", {"a": 1}, rank=2)) == 1


def test_the_same_record_in_another_scope_stream_or_connection_is_another_one(lake, alice, bob):
    assert alice.land(alice.row(Stream.FILLS, "X", {"a": 1}), alice.row(Stream.FILLS, "Y", {"a": 1})) == 2
    assert alice.land(alice.row(Stream.LEDGER, "X", {"a": 1})) == 1
    assert bob.land(bob.row(Stream.FILLS, "X", {"a": 1})) == 1


def test_a_normalised_record_is_there_for_the_next_lease(lake, alice):
    alice.take(alice.fill(1), alice.fill(2))
    alice.new_lease()

    assert alice.land(alice.fill(1), alice.fill(2)) == 0
    assert alice.land(alice.fill(2), alice.fill(3)) == 1


def test_a_record_without_a_time_is_found_again_too(lake, alice):
    alice.take(alice.fill(1, time=None), alice.fill(2))
    alice.new_lease()

    assert alice.land(alice.fill(1, time=None)) == 0


def test_what_another_lease_landed_and_nobody_normalised_does_not_count(lake, alice):
    alice.land(alice.fill(1))
    alice.new_lease()

    assert alice.land(alice.fill(1)) == 1
    assert alice.normalize().trades_added == 1


def test_only_the_table_that_a_stream_feeds_makes_its_records_count(lake, alice):
    alice.land(alice.fill(1))
    alice.normalize()
    alice.land(alice.movement(1))
    alice.new_lease()

    assert alice.land(alice.fill(1), alice.movement(1)) == 1


def test_another_process_under_the_same_lease_finds_what_was_landed(lake, alice, tmp_path):
    alice.land(alice.fill(1))
    again = Feed(open_lake(tmp_path / "lake", {"toy": TOY}))
    again._next = 10

    assert again.land(again.fill(1), again.fill(2)) == 1


def test_a_worker_that_was_overtaken_lands_nothing_once_its_successor_has(lake, alice, tmp_path):
    late = Feed(open_lake(tmp_path / "lake", {"toy": TOY}), token=1)
    late.land(late.fill(1))
    alice.token = 2
    alice.take(alice.fill(1))

    assert late.lake.append_raw([late.fill(2)], {ALICE: 1}, {ALICE: late.app_id}) == {}
    assert [row["seq"] // SEQ_PER_TOKEN for row in rows_of(lake, "raw_records")] == [1, 2]
    assert alice.land(alice.fill(2)) == 1
    assert alice.normalize().trades_added == 1


def test_an_overtaken_connection_does_not_hold_up_the_others_of_its_batch(lake, alice, bob):
    alice.token = 2
    alice.land(alice.fill(1))
    late = Feed(lake, ALICE, token=1)

    landed = lake.append_raw([late.fill(7), bob.fill(1)], {ALICE: 1, BOB: 1}, {ALICE: late.app_id, BOB: bob.app_id})

    assert landed == {BOB: 1}


def test_a_number_given_out_twice_under_one_lease_is_refused(lake, alice):
    alice.land(alice.fill(1), alice.fill(2))
    alice._next = 0

    with pytest.raises(LakeConflictError, match="does not rise"):
        alice.land(alice.fill(3))
    assert len(rows_of(lake, "raw_records")) == 2


def test_two_processes_landing_for_different_connections_both_land(lake, alice, tmp_path):
    bob = Feed(open_lake(tmp_path / "lake", {"toy": TOY}), BOB)
    for number in range(3):
        assert alice.land(alice.fill(number)) == 1
        assert bob.land(bob.fill(number)) == 1
    assert len(rows_of(lake, "raw_records")) == 6


def test_a_snapshot_lands_only_where_it_differs_from_the_newest(lake, alice):
    assert alice.land(alice.snapshot(XBT="1"), alice.snapshot(XBT="1"), alice.snapshot(XBT="2")) == 2
    alice.normalize()
    alice.new_lease()
    assert alice.land(alice.snapshot(XBT="2")) == 0
    assert alice.land(alice.snapshot(XBT="1")) == 1
    assert alice.land(alice.snapshot("earn", XBT="1")) == 1


def test_a_record_that_returns_to_a_state_it_had_is_landed_again(lake, alice):
    alice.take(alice.fill(1, amount="1"))
    alice.take(alice.fill(1, amount="2"))
    alice.new_lease()

    assert alice.land(alice.fill(1, amount="2")) == 0
    assert alice.land(alice.fill(1, amount="1")) == 1


def test_added_files_are_on_the_disk_before_the_log_and_both_directories(tmp_path):
    order: list[str] = []

    def fsync(descriptor: int) -> None:
        order.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        os.fsync(descriptor)

    reached: list[str] = []
    lake = open_lake(
        tmp_path / "lake", {"toy": TOY}, fsync=fsync, reach=lambda label: reached.append(f"{label} {len(order)}")
    )
    alice = Feed(lake)
    alice.land(alice.fill(0))
    order.clear()
    reached.clear()

    alice.land(alice.fill(1))

    table = tmp_path / "lake" / "delta" / "raw_records"
    kinds = [Path(path).suffix or Path(path).name for path in order]
    assert kinds == [".parquet", ".json", "raw_records", "_delta_log"]
    assert order[2:] == [str(table), str(table / "_delta_log")]
    assert reached == ["land.before_commit 0", "land.after_commit 0", "land.after_fsync 4"]


def test_markets_land_only_where_they_are_new_or_changed(lake):
    market = ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)
    later = ReferenceMarket(
        exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=False, seen_at=START + timedelta(days=1)
    )

    assert [lake.append_reference([market]) for _ in range(2)] == [1, 0]
    assert lake.append_reference([later]) == 1
    assert lake.markets("toy") == [later]
    assert lake.markets("other") == []
