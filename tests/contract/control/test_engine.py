"""How the database is opened, what it forgets, and how its trouble is told, on both databases where both have it."""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control import open_store
from metrifly_pipeline.control.engine import open_engine
from metrifly_pipeline.control.liveness import ping_when_in_doubt
from metrifly_pipeline.control.tables import accounts
from metrifly_pipeline.domain.trouble import RefusedError, StoreUnavailableError
from tests.contract.control.builders import NOW, a_connection, sealed

SECRET = "planted-secret"


@pytest.fixture
def sqlite_file(tmp_path, sqlite_template):
    return shutil.copy(sqlite_template, tmp_path / "control.db")


@pytest.fixture
def sqlite_store(sqlite_file):
    store = open_store(f"sqlite:///{sqlite_file}", random.Random(1))
    yield store
    store.close()


def test_sqlite_writes_to_the_disk_waits_for_others_and_overwrites_what_is_erased(sqlite_store):
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 30_000,
        "foreign_keys": 1,
        "secure_delete": 1,
    }
    with sqlite_store._reading() as db:
        assert {name: db.execute(text(f"PRAGMA {name}")).scalar() for name in expected} == expected


@pytest.mark.parametrize("erase", ["replace", "disconnect"])
def test_an_erased_credential_is_in_no_file_of_sqlite(sqlite_file, sqlite_store, erase, tmp_path):
    store = sqlite_store
    portfolio = store.create_portfolio(store.ensure_account("default", NOW), "Main", NOW)
    connection = _linked(store, portfolio)
    assert _planted_in(tmp_path)

    if erase == "replace":
        store.replace_credential(connection, sealed(connection, 2, b"new"), None, NOW)
    else:
        store.disconnect(connection, NOW)

    assert not _planted_in(tmp_path)


def _linked(store, portfolio):
    connection = a_connection(portfolio)
    store.add_connection(connection, sealed(connection.id, text=SECRET.encode()), NOW)
    return connection.id


def _planted_in(folder):
    return [file.name for file in folder.iterdir() if SECRET.encode() in file.read_bytes()]


def test_parameters_never_stand_in_an_error(store):
    row = {"id": SECRET, "name": SECRET, "plan": "pro", "created_at": NOW}

    with store._writing() as db, pytest.raises(IntegrityError) as caught:
        db.execute(insert(accounts), [row, row])

    assert "SQL parameters hidden" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{SECRET}@127.0.0.1/x",
        f"postgresql+asyncpg://root:{SECRET}@127.0.0.1/x",
        f"postgresql://root:{SECRET}@127.0.0.1:port/x",
        f"{SECRET}",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_another_address_is_refused_without_showing_it(url):
    with pytest.raises(RefusedError, match="sqlite:///file") as caught:
        open_store(url, random.Random(1))

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_spell_postgresql_means_the_same_driver(scheme):
    engine = open_engine(f"{scheme}://someone:{SECRET}@127.0.0.1/db")

    assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg2")
    assert SECRET not in repr(engine)


def test_a_server_that_is_not_there_is_told_without_its_address():
    with pytest.raises(StoreUnavailableError) as caught:
        open_store(f"postgresql://root:{SECRET}@/db?host=/nowhere", random.Random(1))

    assert "nowhere" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailableError, match="can't be written"):
        open_store(f"sqlite:///{tmp_path}/file/control.db", random.Random(1))


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "control.db").write_text("not a database, but long enough to be read as one" * 99)

    with pytest.raises(StoreUnavailableError, match="SQLITE_NOTADB"):
        open_store(f"sqlite:///{tmp_path}/control.db", random.Random(1))


def test_a_database_that_stays_locked_is_told_and_serves_again_afterwards(sqlite_file, monkeypatch):
    monkeypatch.setattr("metrifly_pipeline.control.engine.BUSY_SECONDS", 0)
    store = open_store(f"sqlite:///{sqlite_file}", random.Random(1))
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="SQLITE_BUSY"):
            store.ensure_account("default", NOW)
        assert store.change_seq() == 0

    assert store.ensure_account("default", NOW) == "default"
    store.close()


def test_a_postgresql_that_restarts_is_waited_for(postgres, postgres_url):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        postgres.start()

    store = open_store(postgres_url, random.Random(1), sleep=sleep)
    store.ensure_account("default", NOW)
    postgres.stop()

    assert store.ensure_account("default", NOW) == "default"
    assert pauses == [0.1]
    store.close()


def test_a_connection_to_postgresql_is_tried_before_use_only_where_it_may_be_dead(postgres, postgres_url, monkeypatch):
    now, tried = [0.0], []
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg2://", 1))
    ping_when_in_doubt(engine, lambda: now[0])
    ping = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda raw: tried.append(now[0]) or ping(raw))

    def backend():
        with engine.connect() as db:
            return db.execute(text("SELECT pg_backend_pid()")).scalar()

    first = backend()
    now[0] = 29.9
    assert backend() == first
    assert tried == []
    now[0] = 60.0
    assert backend() == first
    assert tried == [60.0]
    postgres.execute(f"SELECT pg_terminate_backend({first}, 10000)")  # which waits until it has gone
    assert backend() != first
    assert tried == [60.0, 60.0]
    engine.dispose()


def test_a_server_that_stays_away_is_given_up_after_half_a_minute(postgres, postgres_url):
    pauses = []
    store = open_store(postgres_url, random.Random(1), sleep=pauses.append)
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailableError, match="no connection"):
            store.change_seq()
    finally:
        postgres.start()

    assert 25 < sum(pauses) < 35
    assert store.change_seq() == 0
    store.close()


def test_a_naive_time_is_never_stored(store):
    with pytest.raises(Exception, match="without a zone"):
        store.ensure_account("default", NOW.replace(tzinfo=None))
