"""One DuckDB in memory: where raw records become typed rows, where the lake is asked, and where catalogues are built."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

import contextlib
import itertools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from metrifly_pipeline.lake.tables import literal

_SQL = Path(__file__).parent / "sql"
_MEMORY = "256MB"
_MOST_THREADS = 4


@cache
def script(name: str) -> str:
    """The text of `lake/sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def path_list(paths: Iterable[str]) -> str:
    """Paths as an SQL list, for `read_parquet`."""
    return f"[{', '.join(literal(path) for path in paths)}]"


def _threads() -> int:
    """A core is left to whoever pulls; each further thread takes memory, and time of every small statement."""
    return max(1, min((os.cpu_count() or 1) - 1, _MOST_THREADS))


class Instance:
    """One DuckDB in memory, opened by the first who needs it; a connection to it costs a hundredth of what opening it does.

    Safe for several threads. What a connection attaches, all see: each under a name of its own.
    """

    def __init__(self, spill: Path) -> None:
        self._spill = spill
        self._first: duckdb.DuckDBPyConnection | None = None
        self._names = itertools.count(1)
        self._lock = threading.Lock()

    def connect(self) -> duckdb.DuckDBPyConnection:
        """One more connection."""
        with self._lock:
            if self._first is None:
                self._first = self._open()
            made = self._first.cursor()
        made.execute("SET TimeZone = 'UTC'")
        return made

    @contextmanager
    def attached(self, path: Path, options: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with a file attached and in use, for the block. However it ends, the file is let go of."""
        name = f"attached_{next(self._names)}"
        with self.connect() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS {name} ({options})")
            try:
                connection.execute(f"USE {name}")
                yield connection
            finally:
                with contextlib.suppress(duckdb.TransactionException):  # there is none where all went well
                    connection.execute("ROLLBACK")
                connection.execute("USE memory")
                connection.execute(f"DETACH {name}")

    def _open(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "temp_directory": str(self._spill),
                "threads": str(_threads()),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )


class Engine:
    """A connection of its own; temp tables hold one exchange's batch at a time. Not for several threads at once."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._defined: set[str] = set()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """Opened by the first question: whoever asks the control database alone, as every tick of a sensor does, need not wait for it."""
        return self._instance.connect()

    def open(self) -> None:
        """Have the connection: 0.1 s that can pass beside something else."""
        self._connection.execute("SELECT 1")

    def run(self, sql: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> None:
        """Run statements whose result nobody needs."""
        self._connection.execute(sql, parameters)

    def define(self, *names: str) -> None:
        """Have the macros and views of `lake/sql/<name>.sql`, for good. Making them costs as much as a dozen questions."""
        for name in names:
            if name not in self._defined:
                self.run(script(name))
                self._defined.add(name)

    def rows(
        self, sql: str, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement and fetch all its rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def holds(self, sql: str) -> bool:
        """Whether a query has a row."""
        return self._connection.execute(f"{sql} LIMIT 1").fetchone() is not None

    def table(self, sql: str) -> pa.Table:
        """Run one statement and fetch its result as Arrow."""
        return self._connection.sql(sql).to_arrow_table()

    def load(self, name: str, table: pa.Table) -> None:
        """Make a temp table of an Arrow table."""
        self._connection.register("arriving", table)
        try:
            self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM arriving")
        finally:
            self._connection.unregister("arriving")

    def show(self, name: str, table: pa.Table) -> None:
        """Let statements read an Arrow table under a name, in place of what stood there; half the cost of a copy."""
        self._connection.register(name, table)

    def view_files(self, name: str, paths: Sequence[str], empty: str) -> None:
        """Make a temp view of Parquet files, or of `empty` where there are none."""
        source = f"SELECT * FROM read_parquet({path_list(paths)})" if paths else empty
        self.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {source}")

    def set_variable(self, name: str, value: int | str) -> None:
        """Set a variable that scripts read by `getvariable`."""
        self.run(f"SET VARIABLE {name} = {value if isinstance(value, int) else literal(value)}")
