"""Opening the database: addresses, what each connection is told, and bringing the tables up to date."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from metrifly_pipeline.control.liveness import ping_when_in_doubt
from metrifly_pipeline.domain.trouble import RefusedError, StoreUnavailableError

BUSY_SECONDS = 30
"""How long a process waits for another one's write on SQLite."""
WRITING = "metrifly_writing"
"""Execution option of an engine whose transactions write."""
HEAD = "0007"
"""The newest migration; a test holds it equal to the folder's."""
ALONE = "metrifly_alone"
"""Execution option of an engine whose statements are transactions by themselves, on PostgreSQL."""
_KEPT = 2
"""Connections that a process keeps open to Dagster's storage; it may use any number."""
MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x6D657472  # any constant: PostgreSQL's advisory locks are numbers


def open_engine(url: str) -> Engine:
    """Make the engine for `sqlite:///file` or `postgresql://...`; RefusedError for anything else (never showing the address)."""
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address)
    # Parameters never show in errors: they hold keys.
    engine = create_engine(address, hide_parameters=True, executemany_mode="values_plus_batch")
    ping_when_in_doubt(engine)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


@cache
def shared_engine(url: str) -> Engine:
    """The one engine of this process whose statements are transactions by themselves, for PostgreSQL at `url`."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True, pool_size=_KEPT, max_overflow=-1)
    ping_when_in_doubt(engine)
    return engine


def _address(url: str) -> URL:
    try:
        address = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", url))
    except (ArgumentError, ValueError):
        raise RefusedError(
            "The control database's address can't be read; it looks like sqlite:///file or postgresql://..."
        ) from None
    if address.drivername in ("sqlite", "sqlite+pysqlite") and address.database and address.database != ":memory:":
        return address
    if address.drivername == "postgresql+psycopg2":
        return address
    raise RefusedError("The control database is a SQLite file (sqlite:///file) or PostgreSQL (postgresql://...)")


def _sqlite(address: URL) -> Engine:
    file = Path(str(address.database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise StoreUnavailableError(f"The control database can't be written at {file}: {error.strerror}") from None
    engine = create_engine(address, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's own handling begins transactions late and only for some statements; `_begin_sqlite` says when instead.
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write takes the lock at once: one that upgrades later can fail although it waited.
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # Not by SQLAlchemy's isolation level: to set and reset that takes two round trips, which is what it would save.
    raw: Any = connection.connection.dbapi_connection
    raw.autocommit = connection.get_execution_options().get(ALONE, False)


_OUR_MISTAKE = "SQLITE_ERROR"
"""What SQLite says to a statement that makes no sense; all else that it says is trouble with the file."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's words for "not reachable", "locked", "disk full" or "no database" into ours; its text may hold an address."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        kind = _trouble(error)
        if kind is None:
            raise
        raise StoreUnavailableError(f"The control database can't be reached or read ({kind})") from None


def _trouble(error: DBAPIError | sqlite3.Error) -> str | None:
    """The driver's short code for trouble with the database itself; None for a broken rule or a mistake of ours."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorname", _OUR_MISTAKE)
        return None if code == _OUR_MISTAKE or code.startswith("SQLITE_CONSTRAINT") else code
    if isinstance(error, OperationalError | InterfaceError):
        return getattr(original, "pgcode", None) or "no connection"
    return None


def upgrade(engine: Engine) -> None:
    """Bring the tables to `HEAD`; processes that open the database at once wait for the first of them."""
    with translated():
        if engine.dialect.name == "sqlite":
            _use_wal(engine)
        with engine.connect() as db:
            known = _revision(db)
        if known != HEAD:
            _migrate(engine)


def _use_wal(engine: Engine) -> None:
    """Let readers and the writer not wait for each other. The file remembers it, so only its first opener sets it."""
    folder = os.open(Path(str(engine.url.database)).parent, os.O_RDONLY)
    try:
        # SQLite doesn't wait when two set it at once, so we do. The folder is locked, not the file: closing a second handle of the file
        # would drop SQLite's own locks on it.
        fcntl.flock(folder, fcntl.LOCK_EX)
        with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode")
            if cursor.fetchone() != ("wal",):
                cursor.execute("PRAGMA journal_mode = WAL")
    finally:
        os.close(folder)


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that only a first use or a new release needs
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(**{WRITING: True}).begin() as db:
        if db.dialect.name == "postgresql":
            db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        known = _revision(db)
        if known is not None and known > HEAD:
            raise RefusedError("The control database was made by a newer release of Metrifly; use that release")
        if known != HEAD:
            config.attributes["connection"] = db
            command.upgrade(config, HEAD)


def _revision(db: Connection) -> str | None:
    if not inspect(db).has_table("alembic_version"):
        return None
    found: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def wipe_traces(engine: Engine) -> None:
    """After something was erased: empty SQLite's write-ahead log, which may still hold the erased row."""
    if engine.dialect.name == "sqlite":
        with translated(), closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
