"""Small files are joined without a change to what anybody reads; files that a catalogue names stay."""

from datetime import timedelta
from pathlib import Path

import pytest

from metrifly_pipeline.lake.maintenance import KEPT, MOST_FILES
from tests.unit.lake.toy import publish, rows_of


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
