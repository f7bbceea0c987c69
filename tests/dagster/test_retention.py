"""What a real Dagster instance, set up as `metrifly dev` does it, ends and forgets by itself, and what it keeps."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from metrifly_pipeline.assets.metadata import CONNECTION_ASSETS
from metrifly_pipeline.assets.recording import PARTITIONS
from metrifly_pipeline.assets.retention import forget_runs
from metrifly_pipeline.cli.dagster_home import adopt_home
from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.settings import Settings
from tests.dagster.bench import Bench
from tests.dagster.builders import a_report, an_idle_report
from tests.dagster.fakes import FakeProduct, FakeSyncing

ONE, TWO = "kraken-aaaaaaaa", "kraken-bbbbbbbb"
LATER = datetime(2999, 1, 1, tzinfo=UTC)
"""Every run of a test is older."""


@pytest.fixture(scope="module")
def lived_once(tmp_path_factory):
    """A DAGSTER_HOME, as we set it up, that has seen a few runs, to be copied; and the runs by name.

    Two connections were imported; one has had news since.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "set by adopt_home, and put back")
        folder = adopt_home(Settings(home=tmp_path_factory.mktemp("lived") / "home"))
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            bench, syncing = Bench(instance, FakeProduct()), FakeSyncing()
            bench.product.syncing = syncing
            runs = {}
            for number, (name, reports) in enumerate(
                {
                    "import": [a_report(each, new_partition=True) for each in (ONE, TWO)],
                    "news": [a_report(ONE)],
                    "idle": [an_idle_report(ONE), an_idle_report(TWO)],
                }.items(),
                start=1,
            ):
                syncing.plan(*reports)
                bench.product.batch(number, *syncing.reports)
                runs[name] = bench.run_batch(number).run_id
            runs |= {name: bench.publish().run_id for name in ("published", "published again")}
    return folder, runs


@pytest.fixture
def folder(lived_once, tmp_path):
    return shutil.copytree(lived_once[0], tmp_path / "dagster")


@pytest.fixture
def lived(lived_once, folder, product):
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        product.knows(ONE, TWO)
        bench = Bench(instance, product)
        bench.runs = dict(lived_once[1])
        yield bench


def names(bench):
    """Which of the runs that a test named are still there."""
    there = {run.run_id for run in bench.instance.get_runs()}
    return {name for name, run in bench.runs.items() if run in there}


def shown(instance):
    """What the UI shows of partitions and checks."""
    status = {
        asset: get_and_update_asset_status_cache_value(instance, dg.AssetKey(asset), PARTITIONS)
        for asset in CONNECTION_ASSETS
    }
    partitions = {
        asset: (
            value.deserialize_materialized_partition_subsets(PARTITIONS).get_partition_keys(),
            value.deserialize_failed_partition_subsets(PARTITIONS).get_partition_keys(),
        )
        for asset, value in status.items()
    }
    newest = {key: instance.get_latest_materialization_event(key) for key in instance.get_asset_keys()}
    checks = instance.event_log_storage.get_asset_check_partition_info(
        [
            dg.AssetCheckKey(dg.AssetKey("trades"), "needs_attention"),
            dg.AssetCheckKey(dg.AssetKey("connection_status"), "fresh"),
        ]
    )
    return partitions, newest, sorted(map(str, checks))


def test_a_run_is_forgotten_only_where_nothing_shown_rests_on_it(lived):
    before = shown(lived.instance)

    assert forget_runs(lived.instance, LATER) == 2

    assert names(lived) == {"import", "news", "published again"}
    assert shown(lived.instance) == before
    assert before[0]["trades"] == ({ONE, TWO}, set())


def test_a_run_that_was_kept_goes_once_later_ones_say_all_that_it_said(lived, product):
    everything = {"raw_landed": 9, "trades_added": 3, "movements_added": 2}
    product.syncing.plan(*(a_report(name, balances=1, **everything) for name in (ONE, TWO)))
    for number, (name, connections) in enumerate({"both": (ONE, TWO), "one": (ONE,)}.items(), start=4):
        lived.runs[name] = lived.run_batch(product.batch(number, *connections)).run_id
    before = shown(lived.instance)

    forget_runs(lived.instance, LATER)

    # The import holds the last verdicts, the next run the other connection's last materialisations.
    assert names(lived) == {"import", "both", "one", "published again"}
    assert shown(lived.instance) == before


def test_a_partition_that_failed_last_stays_red(lived, product):
    product.syncing.fault = RuntimeError("a fault of ours, which leaves no verdict")
    lived.runs["failed"] = lived.run_partition(TWO).run_id
    before = shown(lived.instance)
    assert before[0]["trades"] == ({ONE, TWO}, {TWO})

    forget_runs(lived.instance, LATER)

    assert "failed" in names(lived)
    assert shown(lived.instance) == before


def test_what_is_young_or_still_runs_is_kept(lived):
    running = lived.instance.create_run_for_job(
        lived.defs.resolve_job_def("portfolios"), status=dg.DagsterRunStatus.STARTED
    )
    lived.runs["running"] = running.run_id
    there = names(lived)

    assert forget_runs(lived.instance, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert names(lived) == there
    assert forget_runs(lived.instance, LATER) == 2
    assert "running" in names(lived)


def test_so_many_go_at_once_the_oldest_first(lived):
    assert forget_runs(lived.instance, LATER, most=1) == 1
    assert names(lived) == set(lived.runs) - {"idle"}

    assert forget_runs(lived.instance, LATER, most=1) == 1
    assert names(lived) == set(lived.runs) - {"idle", "published"}
    assert forget_runs(lived.instance, LATER, most=1) == 0


def test_nothing_is_left_of_a_run_that_was_forgotten(lived, folder):
    gone, left = lived.runs["published"], lived.runs["published again"]
    assert len(rows_of(folder, gone)) >= 3

    forget_runs(lived.instance, LATER)

    assert not [place for place in folder.rglob("*") if gone in place.name]
    assert [place for place in folder.rglob("*") if left in place.name]
    assert rows_of(folder, gone) == {}
    assert rows_of(folder, left)


def rows_of(folder, run):
    """In which tables of Dagster's databases a run has rows, and how many."""
    found = {}
    for place in folder.rglob("*.db"):
        with closing(sqlite3.connect(place)) as database:
            tables = database.execute(
                "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
                "WHERE m.type = 'table' AND c.name = 'run_id'"
            )
            for (table,) in tables.fetchall():
                ((rows,),) = database.execute(f"SELECT count(*) FROM {table} WHERE run_id = ?", [run])  # noqa: S608
                found |= {(place.name, table): rows} if rows else {}
    return found


def test_old_runs_are_forgotten_with_the_daily_tidying_and_not_before(lived, product):
    product.now = datetime.now(UTC) + timedelta(days=30, minutes=10)
    lived.publish()
    assert names(lived) == set(lived.runs)

    product.tidied = MaintenanceOutcome()
    told = lived.publish()

    assert names(lived) == {"import", "news"}
    assert "Once a day: joined 0 small files, removed 0 old ones, forgot 4 old runs." in lived.said(told)


def test_runs_that_hang_are_ended_and_old_ticks_forgotten(lived):
    kept = lived.instance
    sensor, schedule = (
        kept.get_tick_retention_settings(kind) for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE)
    )

    assert kept.run_monitoring_enabled
    assert kept.run_monitoring_start_timeout_seconds == 180
    assert kept.run_monitoring_cancel_timeout_seconds == 180
    assert kept.run_monitoring_max_runtime_seconds == 21600
    assert sensor[TickStatus.SKIPPED] == 2
    assert sensor[TickStatus.SUCCESS] == sensor[TickStatus.FAILURE] == 30
    assert set(schedule.values()) == {90}
    with dg.DagsterInstance.ephemeral() as plain:
        assert plain.get_tick_retention_settings(InstigatorType.SCHEDULE)[TickStatus.SUCCESS] == -1
