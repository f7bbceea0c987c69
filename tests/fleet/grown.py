"""Whether a sync's cost grows with what is new or with what is there: one connection with a short history beside one with a long one.

Both have the same small news in every round. The long history is written into the tables as the product would have left it.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb

from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.homes import NOW, Home, Time

SHORT = 1_000
ROUNDS = 12
NEWS = 5
EXCHANGES = ("kraken", "binance", "okx")
ROWS_A_FILE = 100_000
RAW = """
SELECT * REPLACE (
    n AS seq, event_at - INTERVAL 1 MINUTE * (n + 1) AS event_at, md5(n::VARCHAR) AS payload_hash,
    replace(payload, $native, 'H' || n) AS payload)
FROM sample, range($first, $last) AS numbers(n) ORDER BY connection_id, seq
"""
TRADES = """
SELECT * REPLACE (
    n AS seq, executed_at - INTERVAL 1 MINUTE * (n + 1) AS executed_at, md5(n::VARCHAR) AS economic_hash,
    'H' || n AS trade_key, 'H' || n AS native_id)
FROM sample, range($first, $last) AS numbers(n) ORDER BY connection_id, executed_at
"""


class Imported:
    """A home whose one connection has a history of that many trades."""

    def __init__(self, folder: Path, exchange: str, trades: int) -> None:
        self.home = Home(folder, Time())
        lately = NOW - timedelta(days=30)  # within what OKX still shows
        self.account = (
            AccountBuilder(exchange, first_at=lately).with_movement(amount="1000000").with_fill(amount="0.01")
        )
        self.home.start(self.account)
        self.connection = self.home.imported(self.account)
        self._write_history(trades - 1)

    def _write_history(self, trades: int) -> None:
        stored = TableSet(self.home.folder / "lake")
        with duckdb.connect() as db:
            db.execute("SET TimeZone = 'UTC'")
            (native,) = _sample(db, stored, "trades", "true").execute("SELECT native_id FROM sample").fetchone() or (
                "",
            )
            for name, which, sql in (("raw_records", "stream = 'fills'", RAW), ("trades", "true", TRADES)):
                table = stored.stored(name)
                _sample(db, stored, name, which)
                for first in range(0, trades, ROWS_A_FILE):
                    given = {"first": first, "last": min(first + ROWS_A_FILE, trades)}
                    given |= {"native": native} if name == "raw_records" else {}
                    table.commit(db.sql(sql, params=given).to_arrow_table(), {})
                table.settle()
        self.home.product.lake.maintain()

    def round(self) -> float:
        """Let something be traded, and sync it; CPU-seconds of the services, from pull to normalise."""
        self.home.time.turn(hours=12)
        for number in range(NEWS):
            self.account.with_fill(amount="0.01", at=self.home.time.now - timedelta(minutes=NEWS + number))
        self.home.product.requesting.file([self.connection])
        batches = self.home.product.requesting.batches()
        before = self._used()
        added = [
            report.run.trades_added
            for batch in batches
            for report in self.home.product.syncing.sync(batch.connections, batch.kind)
        ]
        used = self._used() - before
        assert added == [NEWS], f"{added} trades were added instead of {NEWS}"
        return used

    def _used(self) -> float:
        """This process's CPU without that of the exchange's thread."""
        thread = self.home.sandbox._thread
        assert thread is not None
        assert thread.ident is not None
        return time.process_time() - time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _sample(db: duckdb.DuckDBPyConnection, stored: TableSet, name: str, which: str) -> duckdb.DuckDBPyConnection:
    """One row of a table, as `sample`."""
    table = stored.stored(name)
    table.reload()
    files = [file.path for file in table.files()]
    return db.execute(f"CREATE OR REPLACE TABLE sample AS SELECT * FROM read_parquet({files!r}) WHERE {which} LIMIT 1")  # noqa: S608 - our own paths


def measure(long: int, rounds: int = ROUNDS, exchanges: Sequence[str] = EXCHANGES) -> Mapping[str, float]:
    """By exchange, how many times the short history's CPU the long one's took: of the medians, in turn."""
    return {exchange: _ratio(exchange, long, rounds) for exchange in exchanges}


def _ratio(exchange: str, long: int, rounds: int) -> float:
    with tempfile.TemporaryDirectory(prefix="metrifly-grown-") as folder:
        homes = [Imported(Path(folder) / str(trades), exchange, trades) for trades in (SHORT, long)]
        try:
            for each in homes:
                each.round()
            used = [[each.round() for each in homes] for _ in range(rounds)]
        finally:
            for each in homes:
                each.home.close()
    short, grown = (statistics.median(column) for column in zip(*used, strict=True))
    return grown / short
