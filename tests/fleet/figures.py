"""What a fleet costs: CPU by what it was used for, rows and bytes that grow."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

_TICKS = os.sysconf("SC_CLK_TCK")
GIGABYTE = 1e9


@dataclass(slots=True)
class Costs:
    """CPU-seconds of this process by use, and how often."""

    seconds: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def of(self, use: str) -> Iterator[None]:
        """Count what the block uses, all threads of it."""
        before = time.process_time()
        try:
            yield
        finally:
            self.seconds[use] += time.process_time() - before  # type: ignore[assignment]
            self.times[use] += 1

    @property
    def total(self) -> float:
        """All of it."""
        return float(sum(self.seconds.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What lies there."""

    rows: Mapping[str, int]
    """By database and table."""
    database_bytes: int
    lake_bytes: int

    def grown(self, since: "Sizes") -> dict[str, int]:
        """Rows more than then, largest first, without what did not grow."""
        more = {name: count - since.rows.get(name, 0) for name, count in self.rows.items()}
        return {name: count for name, count in sorted(more.items(), key=lambda item: -item[1]) if count}


def sizes(urls: Mapping[str, str], lake: Path) -> Sizes:
    """Count rows of every table of these databases, and bytes of them and of the lake."""
    rows: dict[str, int] = {}
    size = 0
    for name, url in urls.items():
        with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as database, database.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - names that PostgreSQL itself listed
                rows[f"{name}.{table}"] = cursor.fetchone()[0]  # type: ignore[index]
            cursor.execute("SELECT pg_database_size(current_database())")
            size += cursor.fetchone()[0]  # type: ignore[index]
    lake_bytes = sum(path.stat().st_size for path in lake.rglob("*") if path.is_file())
    return Sizes(rows=rows, database_bytes=size, lake_bytes=lake_bytes)


def used_by_postgres() -> float:
    """CPU-seconds of all PostgreSQL processes that descend from this one or share its servers' folders."""
    total = 0.0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            total += _postgres_seconds(process)
    return total


def _postgres_seconds(process: Path) -> float:
    try:
        stat = (process / "stat").read_text()
    except OSError:
        return 0.0
    name, _, rest = stat.partition("(")[2].rpartition(")")
    if name != "postgres":
        return 0.0
    fields = rest.split()
    return sum(map(int, fields[11:15])) / _TICKS
