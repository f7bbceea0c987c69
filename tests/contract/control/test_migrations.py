"""Opening a database makes and keeps its tables as the code has them, on both databases."""

import dataclasses
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from metrifly_pipeline.control import open_store
from metrifly_pipeline.control.engine import HEAD, MIGRATIONS, open_engine, upgrade
from metrifly_pipeline.control.tables import metadata
from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.sealed_rows import Shelf
from metrifly_pipeline.domain.trouble import RefusedError
from tests.contract.control.builders import NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/down/control.db"
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def engine(empty):
    made = open_engine(empty)
    yield made
    made.dispose()


def _differences(engine):
    with engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata)


def test_the_migrations_lead_to_the_tables_of_the_code(engine):
    assert _differences(engine)

    upgrade(engine)

    assert _differences(engine) == []


def test_a_table_that_differs_is_noticed(engine):
    upgrade(engine)
    with engine.begin() as db:
        db.execute(text("ALTER TABLE accounts ADD COLUMN extra TEXT"))

    assert _differences(engine)


def test_the_newest_migration_is_the_one_the_code_expects():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_opening_again_keeps_what_is_there(empty):
    first = open_store(empty, random.Random(1))
    first.create_account("ann", Plan.PRO, NOW)
    first.close()

    second = open_store(empty, random.Random(2))
    account = second.ensure_account("ann", NOW)
    second.close()

    assert account == open_account(empty)


def open_account(address):
    engine = open_engine(address)
    with engine.connect() as db:
        found = db.execute(text("SELECT id FROM accounts")).scalar_one()
    engine.dispose()
    return found


def test_several_that_open_an_empty_database_at_once_all_get_it_whole(empty):
    def opened(number):
        store = open_store(empty, random.Random(number))
        seq = store.change_seq()
        store.close()
        return seq

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [0, 0, 0, 0]


def made_at(engine, revision):
    """Make the tables of an older release."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, revision)


def test_what_an_older_release_stored_is_read_after_the_upgrade(engine, empty):
    made_at(engine, "0001")
    with engine.begin() as db:
        db.execute(text("INSERT INTO accounts VALUES ('default', 'default', 'pro', 0)"))
        db.execute(
            text(
                "INSERT INTO portfolios (id, account, name, name_key, created_at) VALUES ('pf-1', 'default', 'M', 'm', 0)"
            )
        )
        db.execute(
            text(
                "INSERT INTO connections (id, account, portfolio, exchange, label, app_id, created_at, first_import_done, "
                "landed, shown_status) VALUES ('okx-1', 'default', 'pf-1', 'okx', '', 'app', 0, true, true, 'up_to_date')"
            )
        )
        db.execute(text("INSERT INTO attention VALUES ('okx-1', 'sync', 'history_limited', '', 5, 'since then')"))
        db.execute(
            text(
                "INSERT INTO runs (connection, kind, started_at, outcome, reason, detail) "
                "VALUES ('okx-1', 'daily', 5, 'failed', 'network', '')"
            )
        )

    store = open_store(empty, random.Random(1))
    try:
        (limited,) = store.attention()
        assert (limited.reason, limited.detail) == (Reason.HISTORY_LIMITED, "since then")
        assert limited.acknowledged is None
        assert [each.id for each in store.connections()] == ["okx-1"]
        assert store.entries() == []
        assert [(each.reason, each.cured) for each in store.runs()] == [("network", "")]
        assert (store.receivers(), store.tell_changes(NOW)) == ([], 0)
        place = Place(PortfolioId("pf-1"), ConnectionId("okx-1"))
        main = Amount(asset="BTC", quantity=Decimal(1))
        draft = Draft(kind=EntryKind.OPENING_BALANCE, place=place, occurred_at=NOW, main=main)
        store.add_entry(AccountId("default"), draft, NOW)
        assert len(store.attention()) == 1  # until the next sync says when the history begins
    finally:
        store.close()


def test_what_was_recorded_before_there_were_imports_belongs_to_none_and_can_be_changed(engine, empty):
    made_at(engine, "0002")
    with engine.begin() as db:
        for row in (
            "accounts VALUES ('default', 'default', 'pro', 0)",
            "portfolios (id, account, name, name_key, created_at) VALUES ('pf-1', 'default', 'M', 'm', 0)",
            "entries VALUES ('en-1', 1, 'default', 'reward', 5, NULL, NULL, NULL, '', false, 6, 'default')",
            "entry_legs VALUES ('en-1', 1, 0, 'pf-1', NULL, 'main', 'BTC', '0.5')",
        ):
            db.execute(text(f"INSERT INTO {row}"))

    store = open_store(empty, random.Random(1))
    try:
        (recorded,) = store.entries()
        assert recorded.legs[0].amount == Decimal("0.5")
        assert store.imports(AccountId("default")) == []
        assert store.delete_entry(recorded, NOW).version == 2
    finally:
        store.close()


def test_what_was_sealed_before_keys_could_be_retired_can_be_moved(engine, empty):
    made_at(engine, "0005")
    with engine.begin() as db:
        for row in (
            "accounts VALUES ('default', 'default', 'pro', 0)",
            "receivers VALUES ('nt-1', 'default', 'webhook', 'a', 5, 'k1', 'wrapped', 'sealed', '0123')",
        ):
            db.execute(text(f"INSERT INTO {row}"))

    store = open_store(empty, random.Random(1))
    try:
        (row,) = store.sealed_rows(Shelf.RECEIVERS, 5)
        assert store.retire_key("k1", NOW) == 1
        assert store.rewrap([(row, dataclasses.replace(row.sealed, key_id="k2", wrapped_key=b"anew"))]) == 1
        assert store.retire_key("k1", NOW) == 0
    finally:
        store.close()


def test_an_account_from_before_accounts_could_be_deleted_is_deleted_whole(engine, empty):
    made_at(engine, "0006")
    with engine.begin() as db:
        for row in (
            "accounts VALUES ('ac-1', 'ann', 'pro', 0)",
            "portfolios (id, account, name, name_key, created_at) VALUES ('pf-1', 'ac-1', 'M', 'm', 0)",
            (
                "connections (id, account, portfolio, exchange, label, app_id, created_at, first_import_done, landed, "
                "shown_status) VALUES ('okx-1', 'ac-1', 'pf-1', 'okx', '', 'app', 0, true, true, 'up_to_date')"
            ),
            "credentials VALUES ('okx-1', 1, 'k1', 'wrapped', 'sealed', '0123')",
            "leases (connection) VALUES ('okx-1')",
        ):
            db.execute(text(f"INSERT INTO {row}"))

    store = open_store(empty, random.Random(1))
    try:
        assert store.erasures() == []
        made = store.delete_account(AccountId("ac-1"), NOW, NOW)
        assert made.connections == {"okx-1": "app"}
        assert (store.accounts(), store.portfolios(), store.connections()) == ([], [], [])
        assert not store.has_credentials()
    finally:
        store.close()


def test_a_migration_that_fails_leaves_nothing_behind(engine):
    with engine.begin() as db:
        db.execute(text("CREATE TABLE budgets (other TEXT)"))

    with pytest.raises(Exception, match="budgets"):
        upgrade(engine)

    with engine.begin() as db:
        db.execute(text("DROP TABLE budgets"))
    upgrade(engine)
    assert _differences(engine) == []


def test_the_tables_of_a_newer_release_are_left_alone(engine, empty):
    upgrade(engine)
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(RefusedError, match="newer release"):
        open_store(empty, random.Random(1))


def test_a_new_sqlite_file_is_ours_alone_and_writes_ahead(tmp_path):
    file = tmp_path / "control.db"
    open_store(f"sqlite:///{file}", random.Random(1)).close()

    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
