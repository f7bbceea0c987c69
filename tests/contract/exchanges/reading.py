"""Reads a whole exchange account as the product does, and runs a room's SQL on it, plainly: no engine, every row held against the contract."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from metrifly_pipeline.domain.lake_rows import Alias, Room
from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Stream, Task

UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass
class Raw:
    """What was landed: payloads by stream and scope in the order of arrival, each once; cursors by stream and scope."""

    records: list[tuple[Stream, str, str]] = field(default_factory=list)
    cursors: dict[tuple[Stream, str], CursorState] = field(default_factory=dict)
    pages: int = 0
    _known: set[tuple[Stream, str, str]] = field(default_factory=set)

    def land(self, stream: StreamSpec, scope: str, payload: str) -> None:
        record = (stream.stream, scope, payload)
        if record not in self._known:
            self._known.add(record)
            self.records.append(record)


def task(stream: StreamSpec, scope: str, cursor: CursorState | None, now: datetime, settle: timedelta) -> Task:
    edge = stream.history_starts or datetime(2009, 1, 3, tzinfo=UTC)
    if stream.retention is not None:
        edge = max(edge, now - stream.retention)
    covered = None if cursor is None else cursor.get("covered_to_us")
    since = edge
    if covered is not None:
        since = max(edge, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(covered)) - stream.overlap)
    return Task(stream=stream.stream, scope=scope, cursor=cursor, since=since, settled_until=now - settle, now=now)


def pull(
    session: Any, stream: StreamSpec, scope: str, raw: Raw, now: datetime, settle: timedelta, pages: int | None = None
) -> bool:
    """Pull one stream and scope into `raw`; `pages` stops after so many. Returns whether it came to its end."""
    place = (stream.stream, scope)
    for number, page in enumerate(session.pull(stream, task(stream, scope, raw.cursors.get(place), now, settle))):
        if number == pages:
            return False
        raw.pages += 1
        for record in page.records:
            raw.land(stream, scope, record.payload)
        if page.cursor_after is not None:
            raw.cursors[place] = page.cursor_after
    return True


def extract(
    sql: str, raw: Raw, streams: Iterable[Stream], markets: Sequence[Market], now: datetime
) -> list[dict[str, Any]]:
    """Run a room's SQL on everything landed in `streams`."""
    wanted = set(streams)
    rows = [
        ("c", seq, stream.value, scope, payload, now)
        for seq, (stream, scope, payload) in enumerate(raw.records, start=1)
        if stream in wanted
    ]
    names = {name: (m.base, m.quote) for m in markets for name in (*m.aliases, m.market_id)}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE raw (connection_id VARCHAR, seq BIGINT, stream VARCHAR, scope VARCHAR, payload JSON, fetched_at TIMESTAMPTZ)"
        )
        connection.execute(
            "CREATE TABLE reference (market_id VARCHAR, base VARCHAR, quote VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ)"
        )
        if rows:
            connection.execute(
                "INSERT INTO raw SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5)::JSON, unnest($6)",
                [list(column) for column in zip(*rows, strict=True)],
            )
        if names:
            connection.execute(
                "INSERT INTO reference SELECT unnest($1), unnest($2), unnest($3), TIMESTAMPTZ '2000-01-01', TIMESTAMPTZ '9999-01-01'",
                [list(names), [base for base, _ in names.values()], [quote for _, quote in names.values()]],
            )
        result = connection.execute(sql)
        columns = [name for name, *_ in result.description]
        found = [dict(zip(columns, values, strict=True)) for values in result.fetchall()]
    # An account without assets: a snapshot with nothing in it needs no row.
    silent = {row[1] for row in rows if row[4] not in ("{}", "[]")} - {row["seq"] for row in found}
    assert not silent, f"no row of {[raw.records[seq - 1] for seq in sorted(silent)][:3]}"
    for row in found:
        assert all(value is None or isinstance(value, str) for name, value in row.items() if name != "seq")
    return found


class Codes:
    """An exchange's asset codes, by its room's aliases."""

    def __init__(self, aliases: tuple[Alias, ...]) -> None:
        self._rows: dict[str, list[Alias]] = {}
        for alias in aliases:
            self._rows.setdefault(alias.code, []).append(alias)

    def asset(self, code: str, at: datetime) -> str:
        for alias in self._rows.get(code, ()):
            if (
                (alias.valid_from or datetime.min.replace(tzinfo=UTC))
                <= at
                < (alias.valid_to or datetime.max.replace(tzinfo=UTC))
            ):
                return alias.asset
        assert "*" in self._rows, f"{code} is unknown"
        return code


def micros(text: str, unit: str) -> int:
    if unit == "datetime":
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000
    if unit == "ns":
        return int(text) // 1000
    return int(Decimal(text) * UNIT_US[unit])


def moment(us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)


def signed(row: Mapping[str, Any]) -> Decimal:
    amount = Decimal(row["amount"])
    return -amount if row["direction"] == "out" else amount


NOT_MOVEMENTS = {Stream.FILLS, Stream.BALANCES, Stream.REFERENCE}


def trades(room: Room, raw: Raw, markets: Sequence[Market], now: datetime) -> dict[str, tuple[Any, ...]]:
    """Every trade by its key, in our own words; the last version sent wins, and what the ledger says of its fee."""
    codes = Codes(room.aliases)
    found = {}
    fees = {}
    for row in extract(room.movements_sql, raw, set(Stream) - NOT_MOVEMENTS, (), now):
        if row["kind"] == "trade_fee":
            assert row["role"] == "fee"
            at = moment(micros(row["occurred_at"], row["occurred_at_unit"]))
            fees.setdefault(row["group_key"], {})[row["movement_key"]] = (
                codes.asset(row["asset_code"], at),
                -signed(row),
            )
    assert all(len(entries) == 1 for entries in fees.values())
    for row in extract(room.trades_sql, raw, [Stream.FILLS], markets, now):
        at_us = micros(row["executed_at"], row["executed_at_unit"])
        at = moment(at_us)
        price, amount = Decimal(row["price"]), Decimal(row["amount"])
        stated = codes.asset(row["fee_code"], at), Decimal(row["fee_amount"])
        (fee,) = fees.get(row["trade_key"], {"": stated}).values()
        found[row["trade_key"]] = (
            row["native_id"],
            codes.asset(row["base_code"], at),
            codes.asset(row["quote_code"], at),
            row["side"],
            price,
            amount,
            None if row["cost"] is None else Decimal(row["cost"]),
            *fee,
            at_us,
        )
    return found


def movements(room: Room, raw: Raw, now: datetime) -> dict[str, tuple[Any, ...]]:
    """Every movement by its key, in our own words."""
    codes = Codes(room.aliases)
    found = {}
    for row in extract(room.movements_sql, raw, set(Stream) - NOT_MOVEMENTS, (), now):
        if row["kind"] == "ignored":
            assert row["movement_key"] is None
            continue
        if row["kind"] in {"trade_fee", "trade_leg"}:
            continue
        at_us = micros(row["occurred_at"], row["occurred_at_unit"])
        found[row["movement_key"]] = (
            row["native_id"],
            row["group_key"],
            row["kind"],
            row["role"],
            codes.asset(row["asset_code"], moment(at_us)),
            signed(row),
            at_us,
        )
    return found


def balances(room: Room, raw: Raw, now: datetime) -> dict[str, Decimal]:
    """What is held of each asset, over all wallets; of each scope the last snapshot counts."""
    codes = Codes(room.aliases)
    total: dict[str, Decimal] = {}
    last = {scope: seq for seq, (stream, scope, _) in enumerate(raw.records, start=1) if stream is Stream.BALANCES}
    for row in extract(room.balances_sql, raw, [Stream.BALANCES], (), now):
        if row["seq"] not in last.values():
            continue
        parts = [row["total"]] if row["total"] is not None else [row["available"], row["locked"]]
        asset = codes.asset(row["asset_code"], now)
        total[asset] = total.get(asset, Decimal(0)) + sum(Decimal(part) for part in parts)
    return {asset: amount for asset, amount in total.items() if amount}


def payloads(raw: Raw, stream: Stream) -> list[Any]:
    return [json.loads(payload) for landed, _, payload in raw.records if landed is stream]
