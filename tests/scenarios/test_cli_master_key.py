"""`metrifly master-key` as a person types it; no key is ever printed."""

import base64
import sqlite3
from contextlib import closing

import pytest

from metrifly_pipeline.settings import Settings

OLD, NEW = (base64.b64encode(each * 32).decode() for each in (b"o", b"n"))


@pytest.fixture
def filled(bench):
    """A connection and a webhook, both sealed."""
    connection = bench.connect()
    bench("notify", "add", "webhook", "https://example.com/hook")
    return connection


def the_key():
    return Settings().master_key_file.read_text().strip()


def test_the_key_is_rotated_checked_and_shown_by_fingerprint_alone(bench, filled):
    old, before = the_key(), bench.json("master-key", "fingerprint")
    assert bench.json("master-key", "check") == {"readable": {before["current"]: 2}, "unreadable": []}

    said = bench.told("master-key", "rotate")

    new, after = the_key(), bench.json("master-key", "fingerprint")
    assert f"Moved 2 sealed rows from master key {before['current']} to {after['current']}." in said
    assert "Back up the new key file" in said
    assert (before["pending"], after["pending"]) == (None, None)
    assert old != new
    assert before["current"] != after["current"]
    checked = bench.told("master-key", "check")
    assert f"2 sealed rows can be opened, under master key {after['current']}." in checked
    for key in (old, new):
        assert key not in said + checked + str(after) + bench("master-key", "fingerprint")
    assert "added 1 trade" in bench("sync", filled, "--here")


def test_what_cannot_be_opened_is_named_and_keeps_the_old_key(bench, filled):
    with closing(sqlite3.connect(Settings().home / "control.sqlite")) as db:
        db.execute("UPDATE credentials SET fingerprint = 'damaged'")
        db.commit()

    checked = bench.told("master-key", "check", status=1)
    assert f"{filled} can't be opened" in checked
    assert "1 sealed row can be opened" in checked
    (damaged,) = bench.json("master-key", "check", status=1)["unreadable"]
    assert (damaged["id"], damaged["cure"]) == (filled, f"metrifly replace-key {filled}")

    refused = bench.told("master-key", "rotate", status=1)
    assert f"{filled} (`metrifly replace-key {filled}`)" in refused
    assert "has not ended" in bench.told("master-key", "fingerprint")

    bench(damaged["cure"])
    assert "Moved 0 sealed rows" in bench.told("master-key", "rotate")
    assert "2 sealed rows can be opened" in bench.told("master-key", "check")


def test_a_key_of_the_environment_moves_to_the_one_beside_it(bench, monkeypatch):
    monkeypatch.setenv("METRIFLY_MASTER_KEY", OLD)
    connection = bench.connect()
    assert "METRIFLY_NEW_MASTER_KEY" in bench.told("master-key", "rotate", status=1)
    monkeypatch.setenv("METRIFLY_NEW_MASTER_KEY", NEW)

    said = bench.told("master-key", "rotate")

    assert "Moved 1 sealed row from" in said
    assert "Put the value of METRIFLY_NEW_MASTER_KEY into METRIFLY_MASTER_KEY" in said
    monkeypatch.delenv("METRIFLY_NEW_MASTER_KEY")
    assert f"{connection} can't be opened" in bench.told("master-key", "check", status=1)
    retired = bench.told("notify", "add", "webhook", "https://example.com/hook", status=1)
    assert "was retired" in retired
    monkeypatch.setenv("METRIFLY_MASTER_KEY", NEW)
    assert "1 sealed row can be opened" in bench.told("master-key", "check")
    assert not [key for key in (OLD, NEW) if key in said + retired]


@pytest.mark.parametrize("command", ["fingerprint", "rotate"])
def test_before_anything_is_sealed_there_is_no_key_to_tell_or_to_change(bench, command):
    said = bench.told("master-key", command, status=1)

    assert "There is no master key yet" in said
    assert not Settings().master_key_file.exists()
    connection = bench.connect()
    Settings().master_key_file.unlink()
    assert "credentials sealed with it are stored; put it back" in bench.told("master-key", command, status=1)
    assert connection in bench("connections")
