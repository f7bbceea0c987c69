"""Dagster's storage as `dagster.yaml` names it on PostgreSQL: it answers as Dagster's own does, and asks for a thousand partitions once."""

import select

import dagster as dg
import pytest
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import event

from metrifly_pipeline.cli.dagster_home import adopt_home
from metrifly_pipeline.dagster_storage import KNOWN_SECONDS, KnowingPartitions
from metrifly_pipeline.settings import Settings
from tests.support.postgres import running_postgres

NAME = "connections"
KEYS = [f"kraken-{number}" for number in range(200)]


@pytest.fixture(scope="module")
def postgres():
    with running_postgres() as server:
        yield server


@pytest.fixture
def opened(postgres, tmp_path, monkeypatch):
    """Opens the instance of a home on a PostgreSQL of its own, as each of Dagster's processes does."""
    address = postgres.database().replace("postgresql://", "postgresql+psycopg2://", 1)
    monkeypatch.setenv("METRIFLY_DAGSTER_URL", address)
    monkeypatch.setenv("DAGSTER_HOME", "unset again by monkeypatch")
    folder = adopt_home(Settings(home=tmp_path, dagster_url=address))
    instances = []

    def another():
        instances.append(dg.DagsterInstance.from_config(str(folder)))
        return instances[-1]

    yield another
    for instance in instances:
        instance.dispose()


@pytest.fixture
def passing(monkeypatch):
    """Seconds that a test lets pass."""
    clock = [1_000.0]
    monkeypatch.setattr("metrifly_pipeline.dagster_storage.time.monotonic", lambda: clock[0])
    return clock


def statements(storage, keys):
    """How many statements it takes to ask whether there are these partitions."""
    seen = []
    event.listen(storage._engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    assert all(storage.has_dynamic_partition(NAME, key) for key in keys)
    return len(seen)


def test_a_page_that_asks_of_each_partition_costs_one_look_and_dagsters_own_storage_one_or_more_each(opened):
    instance = opened()
    instance.add_dynamic_partitions(NAME, KEYS)
    own = DagsterPostgresStorage(instance.event_log_storage.postgres_url)

    assert isinstance(instance.event_log_storage, KnowingPartitions)
    assert statements(instance.event_log_storage, KEYS) < 10
    assert statements(own.event_log_storage, KEYS) >= len(KEYS)


def test_instances_of_one_process_share_connections_and_dagsters_own_opens_one_for_each_statement(opened):
    def opens(storage):
        """How many connections a storage opens to look ten times."""
        seen = []
        for engine in {each._engine for each in (storage.run_storage, storage.event_log_storage)}:
            event.listen(engine, "connect", lambda *told: seen.append(told))
        for _ in range(5):
            storage.run_storage.get_runs_count()
            storage.event_log_storage.get_dynamic_partitions(NAME)
        return len(seen)

    first = opened()
    assert opens(first) <= 1
    assert opens(opened()) == 0
    assert opens(DagsterPostgresStorage(first.event_log_storage.postgres_url)) >= 10


def test_a_connection_that_the_server_closed_is_replaced(opened):
    instance = opened()
    instance.add_dynamic_partitions(NAME, KEYS[:1])
    engine = instance.event_log_storage._engine
    with engine.connect() as kept, engine.connect() as other:
        socket = kept.connection.dbapi_connection
        other.exec_driver_sql(f"SELECT pg_terminate_backend({socket.info.backend_pid})")
        select.select([socket], [], [])  # until it is closed

    assert {instance.has_dynamic_partition(NAME, KEYS[0]) for _ in range(3)} == {True}
    assert instance.get_dynamic_partitions(NAME) == KEYS[:1]


def test_a_partition_is_there_as_soon_as_any_process_added_it(opened, passing):
    first, second = opened(), opened()
    first.add_dynamic_partitions(NAME, KEYS[:1])
    assert second.has_dynamic_partition(NAME, KEYS[0])
    assert not second.has_dynamic_partition(NAME, KEYS[1])

    first.add_dynamic_partitions(NAME, KEYS[1:2])

    assert second.has_dynamic_partition(NAME, KEYS[1])
    assert not second.has_dynamic_partition("others", KEYS[0])


def test_a_deleted_partition_is_gone_everywhere_within_a_second(opened, passing):
    first, second = opened(), opened()
    first.add_dynamic_partitions(NAME, KEYS[:2])
    assert first.has_dynamic_partition(NAME, KEYS[0])
    assert second.has_dynamic_partition(NAME, KEYS[0])

    first.delete_dynamic_partition(NAME, KEYS[0])
    passing[0] += KNOWN_SECONDS

    assert not first.has_dynamic_partition(NAME, KEYS[0])
    assert not second.has_dynamic_partition(NAME, KEYS[0])
    assert second.has_dynamic_partition(NAME, KEYS[1])


def test_where_it_was_deleted_a_partition_is_gone_at_once(opened, passing):
    instance = opened()
    instance.add_dynamic_partitions(NAME, KEYS[:2])
    assert instance.has_dynamic_partition(NAME, KEYS[0])

    instance.delete_dynamic_partition(NAME, KEYS[0])

    assert not instance.has_dynamic_partition(NAME, KEYS[0])
    assert instance.has_dynamic_partition(NAME, KEYS[1])
