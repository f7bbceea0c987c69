"""The steps of docs/operations.md, taken one by one: a home is backed up, restored and moved, and the numbers are still right."""

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

AMOUNT = "SELECT CAST(sum(amount) AS VARCHAR) AS amount FROM trades"


def back_up(home: Path, to: Path) -> None:
    """As the page's table says: the key apart, the database by SQLite's own backup, the lake without its warehouse and logs last."""
    (to / "apart").mkdir(parents=True)
    shutil.copy(home / "vault" / "master.key", to / "apart")
    with sqlite3.connect(home / "control.sqlite") as source, sqlite3.connect(to / "control.sqlite") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    for ignored in ("_delta_log", None):
        shutil.copytree(
            home / "lake",
            to / "lake",
            ignore=shutil.ignore_patterns("warehouse", *([ignored] if ignored else [])),
            dirs_exist_ok=True,
        )


def restore(backup: Path, home: Path) -> None:
    shutil.copytree(backup / "lake", home / "lake")
    shutil.copy(backup / "control.sqlite", home)
    (home / "vault").mkdir()
    shutil.copy(backup / "apart" / "master.key", home / "vault")
    (home / "vault" / "master.key").chmod(0o600)


def trade(bench, amount, **ago):
    bench.account.with_fill(market="BTC/USD", amount=amount, at=datetime.now(UTC) - timedelta(**ago))


@pytest.fixture
def saved(bench, tmp_path):
    """A home that was backed up, and then went on for one trade."""
    bench.connect()
    bench("sync", "--all", "--here")
    back_up(tmp_path / "home", tmp_path / "backup")
    trade(bench, "0.25", minutes=50)
    assert "added 1 trade" in bench("sync", "--all", "--here")
    return tmp_path / "backup"


def test_a_restored_home_opens_its_keys_and_reads_what_came_since_the_backup_once(bench, saved, tmp_path, monkeypatch):
    home = tmp_path / "restored"
    restore(saved, home)
    monkeypatch.setenv("METRIFLY_HOME", str(home))
    bench("master-key", "check")
    trade(bench, "0.125", minutes=40)

    assert "added 2 trades" in bench("sync", "--all", "--here")

    assert bench.json("query", AMOUNT) == [{"amount": "0.875000000000000000"}]
    assert "already up to date" in bench("sync", "--all", "--here")


def test_a_restored_home_without_its_key_says_so_and_the_key_of_that_time_mends_it(bench, saved, tmp_path, monkeypatch):
    home = tmp_path / "restored"
    restore(saved, home)
    (home / "vault" / "master.key").unlink()
    monkeypatch.setenv("METRIFLY_HOME", str(home))

    bench("master-key", "check", status=1)
    bench("sync", "--all", "--here", status=1)

    restored = home / "vault" / "master.key"
    shutil.copy(saved / "apart" / "master.key", restored)
    restored.chmod(0o600)
    bench("master-key", "check")
    assert "added 1 trade" in bench("sync", "--all", "--here")


def test_a_moved_home_goes_on_where_it_stopped_and_its_warehouse_is_right_after_the_next_publish(
    bench, tmp_path, monkeypatch
):
    bench.connect()
    bench("sync", "--all", "--here")
    home = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "home", home)
    monkeypatch.setenv("METRIFLY_HOME", str(home))
    shutil.rmtree(tmp_path / "home")

    bench("master-key", "check")
    assert "already up to date" in bench("sync", "--all", "--here")
    assert bench.json("query", AMOUNT) == [{"amount": "0.500000000000000000"}]

    trade(bench, "0.25", minutes=50)
    assert "added 1 trade" in bench("sync", "--all", "--here")
    assert bench.json("query", AMOUNT) == [{"amount": "0.750000000000000000"}]
