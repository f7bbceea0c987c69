"""Runs a room's SQL as the lake does: over a table `raw` of one exchange, with `reference` beside it."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import duckdb

from metrifly_pipeline.exchanges import catalog

ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
TEXT_COLUMNS = {
    "trades": (
        *("trade_key", "native_id", "order_id", "market", "market_type", "base_code", "quote_code", "side"),
        *("price", "amount", "cost", "fee_amount", "fee_code", "executed_at", "executed_at_unit"),
    ),
    "movements": (
        *("movement_key", "native_id", "group_key", "kind", "role", "asset_code", "amount", "direction"),
        *("occurred_at", "occurred_at_unit", "wallet", "txid"),
    ),
    "balances": ("wallet", "asset_code", "total", "available", "locked"),
}
NOW = datetime(2025, 6, 1, tzinfo=UTC)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One database for all tests: opening one costs more than what they ask."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "CREATE TABLE raw"
        " (connection_id VARCHAR, seq BIGINT, stream VARCHAR, scope VARCHAR, payload JSON, fetched_at TIMESTAMPTZ);"
        "CREATE TABLE reference"
        " (market_id VARCHAR, base VARCHAR, quote VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ)"
    )
    return connection


def extract(
    exchange: str,
    table: str,
    stream: str,
    *payloads: Any,
    scope: str = "all",
    markets: Iterable[tuple[str, str, str]] = (),
) -> list[dict[str, Any]]:
    """Run one of the room's files over payloads; their places are their seq. Rows come in the order of seq and key."""
    with _database().cursor() as connection:
        connection.execute("DELETE FROM raw; DELETE FROM reference")
        for seq, payload in enumerate(payloads):
            text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
            connection.execute("INSERT INTO raw VALUES ('c', ?, ?, ?, ?, ?)", [seq, stream, scope, text, NOW])
        for market in markets:
            connection.execute("INSERT INTO reference VALUES (?, ?, ?, ?, ?)", [*market, *ALWAYS])
        described = connection.execute(getattr(catalog.room(exchange), f"{table}_sql"))
        names = [column[0] for column in described.description]
        rows = [dict(zip(names, row, strict=True)) for row in described.fetchall()]
    assert {"connection_id", "seq", *TEXT_COLUMNS[table]} == set(names)
    assert all(isinstance(row[name], str | None) for row in rows for name in TEXT_COLUMNS[table])
    return sorted(rows, key=lambda row: (row["seq"], str(row.get("movement_key"))))


def movements(exchange: str, stream: str, *payloads: Any, scope: str = "all") -> list[dict[str, Any]]:
    """The movements that payloads of a stream give."""
    return extract(exchange, "movements", stream, *payloads, scope=scope)


def brief(rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Key, kind, role, asset, amount and direction of each movement."""
    return [
        tuple(row[name] for name in ("movement_key", "kind", "role", "asset_code", "amount", "direction"))
        for row in rows
    ]


IGNORED = (None, "ignored", None, None, None, None)
