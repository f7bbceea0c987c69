"""What readers see is always whole, and everything that happened to a connection reaches them: failures as well as trades."""

import json
import subprocess
from pathlib import Path

import pytest

from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.live import append_trade
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW, other

DUCKDB_14 = Path(__file__).parents[2] / ".venv-duckdb14" / "bin" / "python"

READER = """
import json, pathlib, sys, duckdb
path, started, stop = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
seen = []
while True:
    last = stop.exists()
    with duckdb.connect(path, read_only=True) as connection:
        seen.append(connection.execute('''
            SELECT (SELECT change_seq FROM _meta), (SELECT sum(trades) FROM connections), (SELECT count(*) FROM trades),
                (SELECT max(abs(difference)) FROM reconciliation)
        ''').fetchone())
    started.touch()
    if last:
        break
print(json.dumps({"version": duckdb.__version__, "seen": [[str(value) for value in row] for row in seen]}))
"""


def told_nothing(_connections, _asked_at):
    """Dagster, where it never ran."""
    return True


def of_keys(home):
    """What is counted for single keys; its names hold their hashes."""
    return [use for use in home.product.control.budget_use(home.time.now) if ":key:" in use.name]


def status(home, connection):
    """What the analyst's file says of a connection: status and reason."""
    row = home.published(connection)
    return row["status"], row["reason"]


def publish_if_due(home):
    """What the sensor does at its next look, ten seconds later; whether there was something to publish."""
    home.time.turn(seconds=10)
    due = home.product.control.publish_due(home.time.now) is not None
    if due:
        assert home.publish().outcome.published
    return due


def test_connects_syncs_good_and_bad_and_disconnects_all_reach_the_reader_at_once(home):
    account = AccountBuilder("kraken", first_at=NOW).with_movement(amount="1000").with_fill(amount="0.01")
    home.start(account)

    connection = home.connect(account).id
    assert publish_if_due(home)
    assert status(home, connection) == ("importing", None)

    home.time.turn(hours=1)
    home.work()
    assert publish_if_due(home)
    assert status(home, connection) == ("up_to_date", None)
    assert_exact(home, connection)

    home.sync(connection)  # the control: where nothing changed, nothing is published
    assert not publish_if_due(home)

    right = home.change_key(account, secret=account.key.secret)
    home.change_key(account, secret=other(right.secret))
    assert home.sync(connection).run.outcome is Outcome.FAILED
    assert publish_if_due(home)
    assert status(home, connection) == ("needs_attention", "secret_wrong")

    home.sync(connection)  # the same failure again is no news
    assert not publish_if_due(home)

    home.change_key(account, secret=right.secret)
    home.sync(connection)
    assert publish_if_due(home)
    assert status(home, connection) == ("up_to_date", None)

    home.product.connecting.disconnect(connection)
    assert publish_if_due(home)
    assert status(home, connection) == ("disconnected", None)
    assert_exact(home, connection)
    runs = [row["outcome"] for row in home.query("SELECT outcome FROM sync_runs ORDER BY started_at")]
    assert runs == ["added", "nothing_new", "failed", "failed", "nothing_new"]


@pytest.mark.long
def test_a_reader_with_an_older_duckdb_sees_whole_states_while_trades_come_in(imported, tmp_path):
    it = imported("kraken")
    it.home.publish()
    started, stop = tmp_path / "started", tmp_path / "stop"
    command = [str(DUCKDB_14), "-c", READER, str(it.home.product.settings.warehouse_file), str(started), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        for _ in range(4):
            append_trade(it.account, now_us=it.home.time.now_us)
            it.home.time.turn(minutes=1)
            assert it.home.sync(it.connection).run.trades_added == 1
            assert it.home.publish().outcome.published
        while not started.exists():
            assert reader.poll() is None
        stop.touch()
        told = json.loads(reader.communicate(timeout=120)[0])

    assert told["version"].startswith("1.4")
    for _, counted, trades, difference in told["seen"]:
        assert counted == trades
        assert float(difference) == 0
    assert told["seen"][-1][2] == str(len(it.account.trades))
    numbers = [int(change_seq) for change_seq, *_ in told["seen"]]
    assert numbers == sorted(numbers)


def test_a_publish_joins_small_files_where_many_have_gathered(imported, monkeypatch):
    it = imported("okx")

    def added() -> int:
        """Sync and publish some news; how many files the trades lie in afterwards."""
        for _ in range(3):
            append_trade(it.account, now_us=it.home.time.now_us)
            it.home.time.turn(minutes=5)
            it.home.sync(it.connection)
        it.home.publish()
        return len(it.home.product.lake._tables.stored("trades").files())

    assert added() > 3
    before = it.home.query("SELECT * FROM trades ORDER BY trade_key")
    monkeypatch.setattr("metrifly_pipeline.lake.maintenance.MOST_FILES", 2)

    assert added() == 1

    after = it.home.query("SELECT * FROM trades ORDER BY trade_key")
    assert len(after) == len(before) + 3
    assert [row for row in after if row in before] == before
    assert_exact(it.home, it.connection)


def test_once_a_day_small_files_are_joined_and_nothing_that_anybody_reads_changes(imported, monkeypatch):
    it = imported("okx")
    for _ in range(3):
        append_trade(it.account, now_us=it.home.time.now_us)
        it.home.time.turn(minutes=5)
        it.home.sync(it.connection)
    it.home.publish()
    before = it.home.query("SELECT * FROM trades ORDER BY trade_key")
    monkeypatch.setattr("metrifly_pipeline.lake.maintenance.MOST_FILES", 2)

    assert it.home.product.maintaining.maintain_when_due(told_nothing).joined.keys() >= {"raw_records", "trades"}
    assert it.home.product.maintaining.maintain_when_due(told_nothing) is None  # it was today

    assert it.home.query("SELECT * FROM trades ORDER BY trade_key") == before
    it.home.publish()
    assert it.home.query("SELECT * FROM trades ORDER BY trade_key") == before
    append_trade(it.account, now_us=it.home.time.now_us)
    it.home.time.turn(minutes=5)
    assert it.home.sync(it.connection).run.trades_added == 1
    (again,) = it.home.product.syncing.normalize_only([it.connection], rebuild=True)
    assert again.run.trades_added == 0
    it.home.publish()
    assert_exact(it.home, it.connection)
    it.home.time.turn(days=1)
    assert it.home.product.maintaining.maintain_when_due(told_nothing) is not None
    assert of_keys(it.home)
    it.home.time.turn(days=3)
    it.home.product.maintaining.maintain_when_due(told_nothing)
    assert not of_keys(it.home)
