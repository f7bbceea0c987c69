"""The control store on both databases, and a world with one account, one portfolio and connections in it."""

import dataclasses
import random
import shutil
from datetime import timedelta

import pytest

from metrifly_pipeline.control import open_store
from metrifly_pipeline.control.tables import metadata
from metrifly_pipeline.domain.status import Outcome, SyncKind, Urgency
from tests.contract.control.builders import NOW, a_connection, sealed
from tests.support.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres():
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_tables(postgres):
    """The address of a database with all tables. One for all tests: making and taking away a hundred takes half a minute."""
    address = postgres.database()
    open_store(address, random.Random(0)).close()
    return address


@pytest.fixture
def postgres_url(postgres, postgres_tables):
    """The same with nothing in the tables, as a migration leaves them."""
    # TRUNCATE makes new files for every table and index; where few rows stand, to delete them costs an eighth.
    emptied = [str(table.delete()) for table in reversed(metadata.sorted_tables)]
    numbers = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"
    postgres.execute("; ".join([*emptied, numbers, "INSERT INTO publishing (id) VALUES (1)"]), postgres_tables)
    return postgres_tables


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    file = tmp_path_factory.mktemp("control") / "control.db"
    open_store(f"sqlite:///{file}", random.Random(0)).close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of a control database with all tables and nothing in them."""
    if request.param == "sqlite":
        file = tmp_path / "control.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def open_another(url):
    """Open the same database once more, as another process would."""
    stores = []

    def opened(**options):
        stores.append(open_store(url, random.Random(len(stores)), **options))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(open_another):
    return open_another()


@pytest.fixture
def account(store):
    return store.ensure_account("default", NOW)


@pytest.fixture
def portfolio(store, account):
    return store.create_portfolio(account, "Main", NOW)


@pytest.fixture
def connect(store, portfolio):
    """Link one more exchange account; give its connection id."""

    def connected(number=1, **changes):
        connection = a_connection(portfolio, number, **changes)
        store.add_connection(connection, sealed(connection.id), NOW)
        return connection.id

    return connected


@pytest.fixture
def finish(store):
    """Run one sync of a connection from start to end; give what `finish_run` says."""

    def finished(
        connection, outcome=Outcome.ADDED, findings=(), now=NOW, kind=SyncKind.DAILY, due=None, *, swept=False, **counts
    ):
        run = dataclasses.replace(store.start_run(connection, kind, now), outcome=outcome, **counts)
        options = {"urgency": Urgency.SOON, "next_due_at": due, "retry_at": None, "swept": swept}
        return store.finish_run(run, list(findings), **options, now=now).changed

    return finished


@pytest.fixture
def lease(store):
    """Take the lease of a connection for two minutes."""

    def leased(connection, now=NOW, holder="worker"):
        return store.acquire_lease(connection, holder, now, timedelta(seconds=120))

    return leased
