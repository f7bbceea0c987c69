"""What Dagster's storage says of a deleted account's connections goes; its neighbours keep their history."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    DynamicPartitionsRequestResult,
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from metrifly_pipeline.assets.forgetting import History
from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.definitions import defs
from metrifly_pipeline.settings import Settings
from tests.dagster.bench import Bench
from tests.dagster.real import SCALE, a_small_account, connect, served
from tests.fleet.running import dagster_on
from tests.scenarios.scanning import find_under
from tests.support.postgres import running_postgres

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
"""A deletion that was asked for before any run began."""

_NAMING = "SELECT 1 FROM {table} AS row WHERE row::text LIKE %(id)s"


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """The files of an instance that tells of two connections, and their ids."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance:
        ids = tell_of_two(folder, instance)
    return folder / "dagster", ids


def tell_of_two(folder, instance):
    """Let runs name two connections together, and one that is in trouble for itself; returns their ids."""
    hers, ours = a_small_account(1), a_small_account(2)
    with (
        served([hers, ours]) as sandbox,
        open_product(Settings(home=folder / "home", limit_scale=SCALE)) as product,
    ):
        bench = Bench(instance, product)
        ids = [connect(product, sandbox, each) for each in (hers, ours)]
        for batch in product.requesting.batches():
            bench.run_batch(batch.number)
        hers.account.keys.clear()
        assert not bench.run_range(ids[0], ids[0]).success
        bench.publish()  # whose metadata lists who needs attention
        keep_tick(instance, ids)
        for each in ids:
            keep_what_few_installations_have(instance, each)
    return ids


def keep_tick(instance, ids):
    """What the daemon keeps of a tick that added partitions."""
    added = DynamicPartitionsRequestResult(
        "connections", added_partitions=ids, deleted_partitions=None, skipped_partitions=[]
    )
    data = TickData(
        instigator_origin_id="sensor",
        instigator_name="connection_partitions",
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.SUCCESS,
        timestamp=1.0,
        run_ids=[],
        dynamic_partitions_request_results=[added],
    )
    instance.create_tick(data)


def keep_what_few_installations_have(instance, connection):
    """A backfill of the connection's partition, a sensor's state that tells of it, an event with a tag of its name."""
    backfill = PartitionBackfill(
        backfill_id=f"of-{connection}",
        status=BulkActionStatus.COMPLETED_SUCCESS,
        from_failure=False,
        tags={},
        backfill_timestamp=1.0,
        partition_names=[connection],
        asset_selection=[dg.AssetKey("trades")],
    )
    instance.add_backfill(backfill)
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="metrifly_pipeline.definitions"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), f"sensor of {connection}")
    told = SensorInstigatorData(cursor=connection)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, told))
    tagged = dg.AssetMaterialization("trades", partition=connection, tags={"dagster/partition/connection": connection})
    instance.report_runless_asset_event(tagged)


@pytest.fixture
def two(master, tmp_path):
    """A copy of them, opened."""
    folder, (hers, ours) = master
    shutil.copytree(folder, tmp_path / "dagster")
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield Bench(instance, None), hers, ours


def leave_in_free_pages(file, connection):
    """What deleting leaves behind where SQLite does not write zeros over it, as most builds don't."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE planted (words TEXT)")
        db.executemany("INSERT INTO planted VALUES (?)", [(f"{number} {connection}",) for number in range(1000)])
        db.execute("DROP TABLE planted")


def traces(bench, connection):
    """Files of the instance that name a connection, in their bytes, values or compressed streams."""
    return set(find_under(Path(bench.instance.root_directory), {"id": connection.encode()}))


def tables_naming(address, connection):
    """Tables of a PostgreSQL in which a row names a connection."""
    with closing(psycopg2.connect(address)) as db, db.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        naming = [f"SELECT '{table}' WHERE EXISTS ({_NAMING.format(table=table)})" for table in tables]
        cursor.execute(" UNION ALL ".join(naming), {"id": f"%{connection}%"})
        return {table for (table,) in cursor.fetchall()}


def history(bench, connection):
    """What Dagster shows of a connection."""
    return {
        "partition": connection in bench.partitions(),
        "materialised": {
            asset: connection in bench.instance.get_materialized_partitions(dg.AssetKey(asset))
            for asset in ("raw_fills", "trades", "movements", "balances")
        },
        "verdicts": [
            (each.partition, each.passed)
            for each in bench.evaluations("trades", "needs_attention")
            if each.partition == connection
        ],
    }


def test_nothing_in_dagsters_storage_names_a_forgotten_connection_and_others_keep_their_history(two):
    bench, hers, ours = two
    before = history(bench, ours)
    leave_in_free_pages(Path(bench.instance.root_directory) / "history" / "runs.db", hers)
    assert before["partition"]
    assert all(before["materialised"].values())
    held = traces(bench, hers)
    for file in ("history/runs.db", "history/runs/index.db", "schedules/schedules.db"):
        assert any(path.startswith(file) for path in held)
    runs = len(bench.instance.get_runs())

    assert History(bench.instance)([hers], BEFORE)

    assert traces(bench, hers) == set()
    assert history(bench, ours) == before
    assert history(bench, hers) == {
        "partition": False,
        "materialised": dict.fromkeys(before["materialised"], False),
        "verdicts": [],
    }
    assert len(bench.instance.get_runs()) == runs - 1  # the one that was launched for it alone
    assert traces(bench, ours)


def test_on_postgresql_no_row_names_a_forgotten_connection_and_others_keep_their_history(tmp_path, monkeypatch):
    with running_postgres() as postgres:
        address = postgres.database()
        monkeypatch.setenv("METRIFLY_DAGSTER_URL", address.replace("postgresql://", "postgresql+psycopg2://", 1))
        with dagster_on(tmp_path / "dagster", captures=False) as instance:
            hers, ours = tell_of_two(tmp_path, instance)
            bench = Bench(instance, None)
            before = history(bench, ours)
            held = tables_naming(address, hers)

            assert History(instance)([hers], BEFORE)

            assert held >= {
                "asset_check_executions",
                "asset_event_tags",
                "bulk_actions",
                "dynamic_partitions",
                "event_logs",
                "instigators",
                "job_ticks",
                "jobs",
                "runs",
            }
            assert tables_naming(address, hers) == set()
            assert history(bench, ours) == before
            assert all(before["materialised"].values())
            assert tables_naming(address, ours) >= held - {"job_ticks", "run_tags", "runs"}  # hers alone, or of both


def test_forgetting_again_or_nothing_changes_nothing(two):
    bench, hers, ours = two
    assert History(bench.instance)([hers], BEFORE)
    before = {run.run_id: len(bench.instance.all_logs(run.run_id)) for run in bench.instance.get_runs()}

    assert History(bench.instance)([hers], BEFORE)
    assert History(bench.instance)([], BEFORE)

    assert {run.run_id: len(bench.instance.all_logs(run.run_id)) for run in bench.instance.get_runs()} == before
    assert traces(bench, ours)


def test_a_run_that_is_at_work_for_the_connection_stays_and_is_told(two):
    bench, hers, _ours = two
    run = bench.instance.create_run_for_job(
        defs.resolve_job_def("sync"), status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": hers}
    )

    assert not History(bench.instance)([hers], BEFORE)

    assert bench.instance.get_run_by_id(run.run_id) is not None
    bench.instance.report_run_failed(run)
    assert History(bench.instance)([hers], BEFORE)
    assert bench.instance.get_run_by_id(run.run_id) is None


def test_while_a_run_is_at_work_that_began_before_the_deletion_something_may_be_left(two):
    bench, hers, _ours = two
    asked_at = datetime.now(UTC)
    run = bench.instance.create_run_for_job(
        defs.resolve_job_def("sync"), status=dg.DagsterRunStatus.STARTED, tags={"metrifly/batch": "1"}
    )

    assert History(bench.instance)([hers], asked_at)
    assert not History(bench.instance)([hers], asked_at + timedelta(minutes=1))

    bench.instance.report_run_failed(run)
    assert History(bench.instance)([hers], asked_at + timedelta(minutes=1))


def test_assets_are_still_shown_with_their_newest_remaining_event(two):
    bench, hers, ours = two

    History(bench.instance)([hers], BEFORE)

    event = bench.instance.get_latest_materialization_event(dg.AssetKey("trades"))
    assert event is not None
    assert event.dagster_event.partition == ours
