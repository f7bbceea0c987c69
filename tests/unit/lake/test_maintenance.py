"""Small files are joined without a change to what anybody reads; files that a catalogue names stay."""

from datetime import timedelta
from pathlib import Path

import pytest

from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.lake.maintenance import KEPT, MOST_FILES
from tests.unit.lake.toy import BOB, TOY, Feed, publish, rows_of


@pytest.fixture
def many(lake, alice):
    """More raw files than are let stand."""
    for number in range(MOST_FILES + 1):
        alice.land(alice.fill(number))
    alice.normalize()
    return lake


def parquet(lake, name="raw_records"):
    return set((lake._tables.folder / name).glob("*.parquet"))


def test_many_small_files_are_joined_and_say_the_same(many, alice):
    before = rows_of(many, "raw_records")

    outcome = many.maintain()

    assert outcome.joined == {"raw_records": MOST_FILES + 1}
    assert len(many._tables.raw.files()) == 1
    assert rows_of(many, "raw_records") == before
    assert many.maintain().joined == {}
    alice.new_lease()
    assert alice.land(alice.fill(3), alice.fill(1_000)) == 1
    assert alice.normalize().trades_added == 1


def test_small_files_are_joined_at_any_time_and_large_ones_are_left_alone(many, alice, bob, monkeypatch):
    alice.land(*(alice.fill(1_000 + number) for number in range(2_000)))
    many.maintain()
    (large,) = many._tables.raw.files()
    monkeypatch.setattr("metrifly_pipeline.lake.maintenance.SMALL_BYTES", large.bytes - 1)
    for number in range(MOST_FILES):
        bob.land(bob.fill(number))
    assert many.join_small_files() == {}  # as many as are let stand
    bob.land(bob.fill(MOST_FILES))
    before = rows_of(many, "raw_records")

    assert many.join_small_files() == {"raw_records": MOST_FILES + 1}

    assert large in many._tables.raw.files()
    assert len(many._tables.raw.files()) < MOST_FILES / 2
    assert rows_of(many, "raw_records") == before
    assert bob.normalize().trades_added == MOST_FILES + 1


@pytest.mark.parametrize("joining", ["join_small_files", "maintain"])
def test_whoever_lands_and_types_while_others_join_notices_nothing(many, alice, tmp_path, joining):
    """What is read and what is committed lie on both sides of the joining, in another process' handles."""
    other = open_lake(tmp_path / "lake", {"toy": TOY})
    bob = Feed(other, BOB)
    bob.land(bob.fill(1))
    commit = other._tables.stored("trades").commit

    def joined_just_before(*args, **kwargs):
        alice.land(alice.fill(500))
        assert getattr(many, joining)()
        return commit(*args, **kwargs)

    other._tables.stored("trades").commit = joined_just_before
    assert bob.normalize().trades_added == 1
    other._tables.stored("trades").commit = commit

    assert len(many._tables.raw.files()) == 1
    assert bob.land(bob.fill(1), bob.fill(2)) == 1
    assert bob.normalize().trades_added == 1
    assert alice.normalize().trades_added == 1
    assert len(rows_of(many, "trades")) == MOST_FILES + 4


def test_joined_files_stay_for_readers_of_older_catalogues(many):
    publish(many)
    before = parquet(many)

    outcome = many.maintain()

    assert outcome.removed["raw_records"] == 0
    assert parquet(many) > before
    assert many.query("SELECT count(*) FROM trades")[1] == [(MOST_FILES + 1,)]


def test_what_is_joined_is_on_the_disk_too(many, monkeypatch):
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(many._tables.raw._durability, "_fsync", fsync)

    many.maintain()

    (joined,) = many._tables.raw.files()
    assert joined.path in synced


def test_files_are_kept_for_a_week():
    assert timedelta(days=7) == KEPT
