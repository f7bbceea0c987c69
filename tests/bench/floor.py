"""The floor: the same pages fetched with `requests`, parsed with `json`, written to Parquet and typed as decimals in DuckDB.

It sends what the product has just sent, request by request, so that both have fetched the same.

Nothing else: no signature, no limit, no raw record kept with its digits, no second look at what is there, no fsync, no restart after a
crash. `python -m tests.bench.floor EXCHANGE BASE_URL FOLDER`.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import requests

from tests.bench import binance, kraken, okx
from tests.bench.measured import measure, report

Rows = list[dict[str, Any]]

ROWS_PER_WRITE = 10_000
_TYPED = {
    "kraken": """SELECT pair, type = 'buy' AS buys, CAST(price AS DECIMAL(38, 18)) AS price, CAST(vol AS DECIMAL(38, 18)) AS amount,
        CAST(cost AS DECIMAL(38, 18)) AS cost, CAST(fee AS DECIMAL(38, 18)) AS fee, make_timestamptz((time * 1e6)::BIGINT) AS executed_at,
        txid AS trade_key FROM read_parquet($1)""",
    "binance": """SELECT symbol, "isBuyer" AS buys, CAST(price AS DECIMAL(38, 18)) AS price, CAST(qty AS DECIMAL(38, 18)) AS amount,
        CAST("quoteQty" AS DECIMAL(38, 18)) AS cost, CAST(commission AS DECIMAL(38, 18)) AS fee,
        make_timestamptz(time * 1000) AS executed_at, id AS trade_key FROM read_parquet($1)""",
    "okx": """SELECT "instId", side = 'buy' AS buys, CAST("fillPx" AS DECIMAL(38, 18)) AS price,
        CAST("fillSz" AS DECIMAL(38, 18)) AS amount, CAST(CAST("fillPx" AS DECIMAL(19, 9)) * CAST("fillSz" AS DECIMAL(19, 9))
        AS DECIMAL(38, 18)) AS cost, -CAST(fee AS DECIMAL(38, 18)) AS fee, make_timestamptz(CAST(ts AS BIGINT) * 1000) AS executed_at,
        "billId" AS trade_key FROM read_parquet($1)""",
}
_SUMS = "SELECT count(*), count(DISTINCT trade_key), count(*) FILTER (buys), sum(epoch_us(executed_at)), sum(amount), sum(cost), sum(fee)"


def _kraken(answer: Any) -> Rows:
    return [{"txid": txid, **row} for txid, row in answer["result"]["trades"].items()]


def _binance(answer: Any) -> Rows:
    rows: Rows = answer
    return rows


def _okx(answer: Any) -> Rows:
    rows: Rows = answer["data"]
    return rows


_TRADES = {
    "kraken": (kraken.PATH.decode(), _kraken),
    "binance": (binance.PATH.decode(), _binance),
    "okx": (okx.PATH.decode(), _okx),
}


def _asked(base_url: str) -> list[list[str]]:
    """Verb, target and body of each request that the product has just sent, in its order."""
    return list(requests.get(f"{base_url}/_asked", timeout=60).json())


def _fetch(exchange: str, base_url: str, asked: Iterable[Sequence[str]]) -> Iterator[Rows]:
    """The trades of each page; pages that hold something else are fetched and parsed, too."""
    path, trades = _TRADES[exchange]
    with requests.Session() as session:
        for verb, target, body in asked:
            answer = json.loads(session.request(verb, base_url + target, data=body or None).content)
            if target.partition("?")[0] == path:
                yield trades(answer)


def _pull(exchange: str, base_url: str, asked: Iterable[Sequence[str]], folder: Path) -> None:
    parquet = folder / "rows.parquet"
    writer: pq.ParquetWriter | None = None
    gathered: Rows = []
    for rows in chain(_fetch(exchange, base_url, asked), [None]):
        gathered += rows or ()
        if len(gathered) >= ROWS_PER_WRITE or (gathered and rows is None):
            table = pa.Table.from_pylist(gathered)
            writer = writer or pq.ParquetWriter(parquet, table.schema, compression="zstd")
            writer.write_table(table)
            gathered = []
    if writer is not None:
        writer.close()
    with duckdb.connect(str(folder / "floor.duckdb")) as connection:
        connection.execute(f"CREATE TABLE trades AS {_TYPED[exchange]}".replace("$1", f"'{parquet}'"))


def _sums(folder: Path) -> Sequence[str]:
    with duckdb.connect(str(folder / "floor.duckdb"), read_only=True) as connection:
        row = connection.execute(f"{_SUMS} FROM trades").fetchone()
    return [str(value) for value in row or ()]


def main(exchange: str, base_url: str, folder: Path) -> None:
    """Measure one run."""
    asked = _asked(base_url)
    report(measure(base_url, lambda: _pull(exchange, base_url, asked, folder), lambda: _sums(folder)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
