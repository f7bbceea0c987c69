"""What commands read in the storage of a real Dagster instance, and that it keeps the settings that `metrifly dev` writes for it."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from metrifly_pipeline.automation import daily_sync, sync_now
from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.cli.daemon import daemon_alive, dagster_signs, make_storage
from metrifly_pipeline.cli.dagster_home import adopt_home, dagster_home
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.health import Automation, DagsterSigns
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.health_signs import ALIVE
from metrifly_pipeline.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTED = ScheduleInstigatorData("*/5 * * * *", start_timestamp=(NOW - timedelta(hours=1)).timestamp())


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "set by adopt_home, and put back after the test")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def dagster(settings):
    adopt_home(settings)
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        yield instance


def beat(instance, *daemons, at=NOW):
    for daemon in daemons:
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), daemon, "one", []))


def turned(instance, name, *, status=InstigatorStatus.DECLARED_IN_CODE, data=STARTED, location="metrifly"):
    """The state that the daemon keeps of a schedule or sensor."""
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    kind = InstigatorType.SCHEDULE if isinstance(data, ScheduleInstigatorData) else InstigatorType.SENSOR
    state = InstigatorState(RemoteInstigatorOrigin(place, name), kind, status, data)
    instance.add_instigator_state(state)
    return state


def tick(instance, state, at, status=TickStatus.SUCCESS):
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            state.instigator_name,
            state.instigator_type,
            status,
            at.timestamp(),
            selector_id=state.selector_id,
            run_ids=[],
            error=SerializableErrorInfo("it broke", [], None) if status is TickStatus.FAILURE else None,
        )
    )


def test_where_dagster_never_ran_nothing_is_known_and_nothing_is_made(settings):
    assert dagster_signs(settings) == DagsterSigns()
    assert not settings.home.exists()


def test_the_last_ticks_and_the_oldest_needed_heartbeat_are_read(dagster, settings):
    beat(dagster, "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")
    beat(dagster, "SCHEDULER", at=NOW - timedelta(minutes=2))
    beat(dagster, "BACKFILL", at=NOW - timedelta(days=2))
    schedule = turned(dagster, daily_sync.name)
    sensor = turned(dagster, sync_now.name, data=SensorInstigatorData())
    tick(dagster, schedule, NOW - timedelta(minutes=5), TickStatus.FAILURE)
    tick(dagster, schedule, NOW)
    tick(dagster, sensor, NOW - timedelta(seconds=9))
    tick(dagster, sensor, NOW - timedelta(seconds=4), TickStatus.FAILURE)

    assert dagster_signs(settings) == DagsterSigns(
        beat_at=NOW - timedelta(minutes=2),
        schedule=Automation(on=True, ticked_at=NOW),
        sensor=Automation(on=True, ticked_at=NOW - timedelta(seconds=4), failed=True),
    )


def test_a_daemon_without_its_scheduler_is_not_alive(dagster, settings):
    beat(dagster, "SENSOR", "QUEUED_RUN_COORDINATOR")
    assert dagster_signs(settings).beat_at is None

    beat(dagster, "SCHEDULER")

    assert dagster_signs(settings).beat_at == NOW


def test_what_was_turned_off_is_off_and_what_never_ticked_counts_from_its_start(dagster, settings):
    turned(dagster, daily_sync.name, status=InstigatorStatus.STOPPED)

    signs = dagster_signs(settings)

    assert signs.schedule == Automation(on=False, ticked_at=NOW - timedelta(hours=1))
    assert signs.sensor == Automation()


def test_a_storage_that_cannot_be_read_is_told_apart_from_one_without_a_sign_of_life(dagster, settings):
    assert dagster_signs(settings) == DagsterSigns()
    assert not daemon_alive(settings)

    for file in dagster_home(settings).rglob("*.db"):
        file.write_bytes(b"no database" * 1000)

    assert dagster_signs(settings) == DagsterSigns(unreadable=True)
    with pytest.raises(RefusedError, match="`metrifly health`"):
        daemon_alive(settings)


def test_health_is_green_beside_a_daemon_at_work_and_red_once_its_beats_stop(dagster, settings, capsys):
    beat(dagster, "SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR")
    tick(dagster, turned(dagster, daily_sync.name), NOW)
    tick(dagster, turned(dagster, sync_now.name, data=SensorInstigatorData()), NOW)

    def health(after):
        doors = Doors(
            settings=lambda: settings, open_product=lambda known: open_product(known, clock=lambda: NOW + after)
        )
        status = run(["health"], doors)
        return status, re.findall(r"^RED (\w+):", capsys.readouterr().out, flags=re.MULTILINE)

    assert health(ALIVE) == (0, [])
    assert health(ALIVE + timedelta(seconds=1)) == (1, ["daemon"])


def test_of_two_code_locations_the_one_that_ticked_last_counts(dagster, settings):
    old = turned(dagster, daily_sync.name, status=InstigatorStatus.STOPPED, location="before")
    new = turned(dagster, daily_sync.name)
    tick(dagster, old, NOW - timedelta(days=3))
    tick(dagster, new, NOW)

    assert dagster_signs(settings).schedule == Automation(on=True, ticked_at=NOW)


def versions(home):
    """Of each database of Dagster's storage, the versions that its schema says it has: more than one is none."""
    found = {}
    for database in home.rglob("*.db"):
        with closing(sqlite3.connect(database)) as db:
            found[database.name] = len(db.execute("SELECT version_num FROM alembic_version").fetchall())
    return found


def test_the_storage_is_whole_before_webserver_and_daemon_open_it_and_stays_as_they_find_it(settings):
    assert versions(settings.home) == {}  # the control

    make_storage(settings)

    made = {"runs.db": 1, "index.db": 1, "schedules.db": 1}
    assert versions(settings.home) == made
    with (
        dg.DagsterInstance.from_config(str(dagster_home(settings))) as first,
        dg.DagsterInstance.from_config(str(dagster_home(settings))) as second,
    ):
        assert first.get_runs_count() == second.get_runs_count() == 0
        assert first.get_daemon_heartbeats() == second.get_daemon_heartbeats() == {}
    assert versions(settings.home) == made
