"""Deleting an account leaves nothing of it in any file of a home, and its neighbour's rows as they are, to the last digit."""

import shutil
import signal
from dataclasses import replace

import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.domain.erasing import GRACE
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.commands import Commands
from tests.scenarios.eraser import main
from tests.scenarios.erasing import TABLES, Two, nothing_at_dagster, two_customers
from tests.scenarios.homes import NOW, Home, Time
from tests.support.forks import FORKS

PATIENCE_SECONDS = 100.0


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """The home as it is before, closed."""
    return two_customers(tmp_path_factory.mktemp("two") / "home")


@pytest.fixture
def two(master, tmp_path):
    """A copy of it, opened."""
    folder, hers, ours = master
    shutil.copytree(folder, tmp_path / "home")
    home = Home(tmp_path / "home", Time()).start()
    home.time.turn(hours=1)
    home.publish()  # the copied file names files by where they lay
    yield Two(home, hers, ours)
    home.close()


def killed_at(label, table, home):
    """Delete the account in another process that dies at a label, at this table where it is reached once a table; returns its status."""
    eraser = FORKS.Process(target=main, args=(home.folder, label, table, home.time.now))
    eraser.start()
    eraser.join(PATIENCE_SECONDS)
    if eraser.exitcode is None:
        eraser.kill()
        eraser.join()
        pytest.fail("the process neither died nor ended")
    return eraser.exitcode


def test_nothing_of_a_deleted_account_is_left_in_any_file_and_its_neighbour_has_every_digit(two, capsys):
    words, before = two.words(), two.neighbour()
    commands = Commands(two.home, capsys)
    held = two.left(words)
    assert {path.partition("-")[0] for path in held if path.startswith("control.sqlite")} == {"control.sqlite"}
    for table in TABLES:  # the control: its rows stand in a file with its neighbour's, and in the log
        assert any(path.startswith(f"lake/delta/{table}/part-") for path in held), table
        assert any(path.startswith(f"lake/delta/{table}/_delta_log/") for path in held)
    assert "lake/warehouse/metrifly.duckdb" in held
    assert len(words) > 20

    commands.answer = True
    told = commands.told("account", "delete", "ann example", "--now")

    assert "Nothing of the account Ann Example is left in this home," in told
    assert two.left(words) == set()
    assert two.neighbour() == before
    assert before["sums"][0]["count_star()"] > 20
    assert len(before["raw_records"]) > 30


def test_replaced_files_stay_for_readers_until_the_day_that_was_told_and_then_maintenance_removes_just_them(two):
    words, before, maintaining = two.words(), two.neighbour(), two.home.product.maintaining
    files = {path.name for path in (two.home.folder / "lake" / "delta" / "trades").glob("*.parquet")}

    erasure = two.delete(at_once=False)

    assert erasure.erase_at == two.home.time.now + GRACE
    assert two.home.query("SELECT DISTINCT connection_id FROM trades") == [{"connection_id": two.ours}]
    assert [each.id for each in two.home.product.control.connections()] == [two.ours]
    assert two.finish()
    maintaining.maintain_when_due(nothing_at_dagster)
    kept = {path.name for path in (two.home.folder / "lake" / "delta" / "trades").glob("*.parquet")}
    assert files < kept  # every file that an older catalogue names is there
    assert {path.split("/")[0] for path in two.left(words)} == {"control.sqlite", "control.sqlite-wal", "lake"}

    two.home.time.turn(days=7)
    maintaining.maintain_when_due(nothing_at_dagster)

    assert two.left(words) == set()
    assert two.home.product.control.erasures() == []
    assert two.neighbour() == before


ONCE = ("erase.before_note", "publish.before_rename", "publish.after_rename", "erase.before_end")
ONCE_A_TABLE = ("erase.before_commit", "erase.after_table", "purge.before_log")
POINTS = [
    *((label, 1) for label in ONCE),
    *((label, 1) for label in ONCE_A_TABLE),
    *(
        pytest.param(label, table, marks=pytest.mark.torture)
        for label in ONCE_A_TABLE
        for table in range(2, 1 + len(TABLES))
    ),
]


@pytest.mark.kills
@pytest.mark.parametrize(("label", "table"), POINTS)
def test_killed_anywhere_the_next_call_leaves_nothing(two, capsys, label, table):
    words, before = two.words(), two.neighbour()

    status = killed_at(label, table, two.home)

    assert status == -signal.SIGKILL, "the process must have reached the point and died there"
    assert two.left(words)
    assert two.home.product.control.find_account("Ann Example") is None  # hidden from the first moment on

    told = Commands(two.home, capsys).told("account", "delete", "Ann Example", "--now")

    assert "Nothing of the account Ann Example is left" in told
    assert two.left(words) == set()
    assert two.neighbour() == before


def test_a_worker_that_was_overtaken_lands_and_types_nothing_of_a_deleted_account(home):
    hers = AccountBuilder("kraken", seed=7, first_at=NOW).with_movement(asset="USD", amount="77000").with_fill()
    ours = AccountBuilder("kraken", seed=8, first_at=NOW).with_movement(asset="USD", amount="1000").with_fill()
    home.start(hers, ours)
    customer = home.customer("Ann Example", Plan.PRO)
    home.time.turn(hours=1)
    two = Two(home, home.connect(hers, customer=customer).id, home.connect(ours).id)
    deleted = []

    def delete_meanwhile(reached):
        if reached == "land.before_commit" and not deleted:
            deleted.append(two.delete(at_once=True))

    settings = home.product.settings
    with open_product(settings, clock=home.time.clock, sleep=home.time.sleep, reach=delete_meanwhile) as product:
        (batch,) = product.requesting.batches()
        reports = list(product.syncing.sync(batch.connections, batch.kind))

    assert {each.connection: each.run.outcome for each in reports} == {two.ours: Outcome.ADDED}
    home.publish()
    assert two.finish() == []
    assert two.left({"id": two.hers.encode()}) == set()
    assert home.query("SELECT connection_id, count(*) AS n FROM trades GROUP BY ALL") == [
        {"connection_id": two.ours, "n": 1}
    ]


def test_after_a_deletion_the_other_customer_syncs_on_exactly_once(imported):
    it = imported("kraken")
    hers = it.home.customer("Ann Example", Plan.PRO)
    before = it.home.stored("trades")
    two = Two(it.home, ConnectionId("none"), it.connection)
    assert two.delete(at_once=True).account_name == "Ann Example"  # an account without a connection goes, too
    assert two.finish() == []
    assert it.home.sync(it.connection).run.outcome is Outcome.NOTHING_NEW
    assert it.home.stored("trades") == before
    assert hers not in {each.id for each in it.home.product.accounting.every()}


def test_what_goes_is_named_and_nothing_goes_without_a_yes(two, capsys):
    commands = Commands(two.home, capsys)
    rows = two.home.control_rows()

    commands.answer = False
    assert "Nothing was deleted" in commands.told("account", "delete", "Ann Example", status=1)

    (asked,) = commands.asked
    for words in ("1 connection, 5 trades, 1 movement, 1 entry, 2 portfolios and 1 receiver", "can't be undone"):
        assert words in asked
    assert two.home.control_rows() == rows
    assert "no account 'nobody'" in commands.told("account", "delete", "nobody", "--yes", status=1)

    told = commands.told("account", "delete", "Ann Example", "--yes")

    assert "stay until 2026-03-08 13:00 UTC" in told
    again = commands.json("account", "delete", "Ann Example")
    assert (again["gone"], again["files_removed_at"]) == (False, "2026-03-08T13:00:00+00:00")
    assert "Nothing of the account" in commands.told(*_named(told))
    assert "no account 'Ann Example'" in commands.told("account", "delete", "Ann Example", status=1)


def _named(told):
    """The command that a text ends with."""
    return (told[told.rindex("metrifly account delete") :],)


def test_where_dagster_can_t_be_reached_the_rest_goes_on_and_it_is_told(two, capsys, monkeypatch):
    words, commands = two.words(), Commands(two.home, capsys)
    troubled = replace(commands.doors(), forget=lambda _settings, _connections, _asked_at: 1 / 0)

    with monkeypatch.context() as patch:
        patch.setattr(commands, "doors", lambda: troubled)
        told = commands.told("account", "delete", "Ann Example", "--now", "--yes")

    assert "Dagster's storage can't be reached" in told
    left = two.left(words)
    assert left  # the control database remembers what is still to do
    assert left <= {"control.sqlite", "control.sqlite-wal"}
    assert "Nothing of the account" in commands.told(*_named(told))
    assert two.left(words) == set()
