"""The journal: each sync and publish leaves lines that programs read, which name connection and run and nothing that is secret."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline import journal
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.journal import forget_in, open_journal, within
from metrifly_pipeline.sandbox.builder import AccountBuilder

LABEL = "Grandmother's savings"


def lines(folder):
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]


@pytest.fixture
def account():
    return AccountBuilder("kraken").with_movement(asset="USD", amount="90000").with_fill(market="BTC/USD")


def test_a_sync_leaves_its_beginning_and_its_end_with_connection_and_run(home, account):
    home.start(account)
    connection = home.connect(account).id
    home.sync()
    home.publish()

    written = lines(home.folder / "logs")

    runs = home.product.control.runs(connection)
    assert [each["event"] for each in written] == ["sync began", "sync ended"] * len(runs) + ["published"]
    assert {each["sync_run"] for each in written[:-1]} == {run.id for run in runs}
    assert {each["connection"] for each in written[:-1]} == {connection}
    assert next(each["trades_added"] for each in written if each["event"] == "sync ended") == 1
    assert {each["level"] for each in written} == {"info"}
    assert {datetime.fromisoformat(each["at"]).tzinfo for each in written} == {UTC}


def test_a_sync_that_fails_is_a_warning_with_its_reason_and_holds_neither_key_nor_label(home, account):
    home.start(account)
    connection = home.connect(account)
    secrets = [account.key.api_key, account.key.secret]
    home.sync()
    changed = home.change_key(account, secret="c2VjcmV0IG9mIG5vYm9keQ==")
    home.sync(connection.id)

    (told,) = [each for each in lines(home.folder / "logs") if each["level"] == "warning"]

    assert (told["event"], told["outcome"], told["reason"]) == ("sync ended", "failed", Reason.SECRET_WRONG.value)
    text = "".join(file.read_text() for file in (home.folder / "logs").iterdir())
    assert connection.id in text  # the control
    assert not [each for each in (*secrets, changed.secret) if each in text]
    assert LABEL not in text


def test_a_line_carries_what_the_block_around_it_is_part_of(tmp_path):
    journal = open_journal(tmp_path, lambda: datetime(2026, 3, 1, tzinfo=UTC))

    with within(dagster_run="r-1"):
        journal("inside")
    journal("outside")

    inside, outside = lines(tmp_path)
    assert inside["dagster_run"] == "r-1"
    assert "dagster_run" not in outside


def test_lines_of_many_writers_stay_whole(tmp_path):
    journal = open_journal(tmp_path, lambda: datetime(2026, 3, 1, tzinfo=UTC))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal("written", number=number, text="x" * 3_000), range(200)))

    assert sorted(each["number"] for each in lines(tmp_path)) == list(range(200))


def test_a_file_a_day_is_kept_for_thirty_days_and_other_files_for_ever(tmp_path):
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    journal = open_journal(tmp_path / "logs", lambda: now[0])
    assert not (tmp_path / "logs").exists()  # nothing happened yet

    journal("first")
    (tmp_path / "logs" / "dagster-daemon.log").touch()
    now[0] += timedelta(days=30)
    journal("thirty days later")
    kept = {file.name for file in (tmp_path / "logs").iterdir()}
    now[0] += timedelta(days=1)
    journal("one more")

    assert kept == {"metrifly-2026-03-01.jsonl", "metrifly-2026-03-31.jsonl", "dagster-daemon.log"}
    assert {file.name for file in (tmp_path / "logs").iterdir()} == {
        "metrifly-2026-03-31.jsonl",
        "metrifly-2026-04-01.jsonl",
        "dagster-daemon.log",
    }


def test_ids_are_written_over_in_every_log_and_whoever_writes_goes_on_behind_them(tmp_path):
    log = tmp_path / "dev" / "daemon.log"
    log.parent.mkdir()
    log.write_text("synced con_hers and con_ours\n")
    with log.open("a") as writer:
        assert forget_in(tmp_path, ["con_hers"])
        writer.write("synced con_ours\n")

    assert log.read_text() == "synced xxxxxxxx and con_ours\nsynced con_ours\n"


def test_where_a_log_can_t_be_written_over_it_is_told(tmp_path, monkeypatch):
    (tmp_path / "daemon.log").write_text("synced con_hers\n")

    def full(_path, _ids):
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_over", full)
        assert not forget_in(tmp_path, ["con_hers"])
    assert forget_in(tmp_path, ["con_hers"])
