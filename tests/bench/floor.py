"""The floor: the same pages fetched with `requests`, parsed with `json`, written to Parquet and typed as decimals in DuckDB.

Nothing else: no signature, no limit, no raw record kept with its digits, no second look at what is there, no fsync, no restart after a
crash. `python -m tests.bench.floor EXCHANGE BASE_URL FOLDER`.
"""

import json
import sys
from collections.abc import Iterator, Sequence
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


def _kraken(session: requests.Session, base_url: str) -> Iterator[Rows]:
    offset, total = 0, 1
    while offset < total:
        answer = session.post(base_url + kraken.PATH.decode(), data={"ofs": offset} if offset else {"trades": "true"})
        result = json.loads(answer.content)["result"]
        total = result["count"]
        offset += len(result["trades"])
        yield [{"txid": txid, **row} for txid, row in result["trades"].items()]


def _binance(session: requests.Session, base_url: str) -> Iterator[Rows]:
    from_id = 0
    while True:
        asked = {"symbol": "BTCUSDT", "fromId": from_id, "limit": binance.PAGE}
        rows = json.loads(session.get(base_url + binance.PATH.decode(), params=asked).content)
        yield rows
        if len(rows) < binance.PAGE:
            return
        from_id = rows[-1]["id"] + 1


def _okx(session: requests.Session, base_url: str) -> Iterator[Rows]:
    after = ""
    while True:
        asked = {"instType": "SPOT", "limit": okx.PAGE} | ({"after": after} if after else {})
        rows = json.loads(session.get(base_url + okx.PATH.decode(), params=asked).content)["data"]
        yield rows
        if len(rows) < okx.PAGE:
            return
        after = rows[-1]["billId"]


_FETCH = {"kraken": _kraken, "binance": _binance, "okx": _okx}


def _pull(exchange: str, base_url: str, folder: Path) -> None:
    parquet = folder / "rows.parquet"
    writer: pq.ParquetWriter | None = None
    gathered: Rows = []
    with requests.Session() as session:
        for rows in _FETCH[exchange](session, base_url):
            gathered += rows
            if len(gathered) >= ROWS_PER_WRITE or (gathered and not rows):
                table = pa.Table.from_pylist(gathered)
                writer = writer or pq.ParquetWriter(parquet, table.schema, compression="zstd")
                writer.write_table(table)
                gathered = []
    if gathered:
        table = pa.Table.from_pylist(gathered)
        writer = writer or pq.ParquetWriter(parquet, table.schema, compression="zstd")
        writer.write_table(table)
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
    report(measure(base_url, lambda: _pull(exchange, base_url, folder), lambda: _sums(folder)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
