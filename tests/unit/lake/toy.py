"""A toy exchange for the lake: records whose fields stand where a reader expects them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import (
    SEQ_PER_TOKEN,
    Alias,
    Column,
    NormalizeJob,
    NormalizeOutcome,
    RawRow,
    Room,
    SmallTable,
)
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake import DeltaLake

START = datetime(2024, 3, 1, tzinfo=UTC)
ALICE = ConnectionId("toy-aaaaaaaa")
BOB = ConnectionId("toy-bbbbbbbb")

TRADES_SQL = """
SELECT
    connection_id, seq,
    payload ->> '$.id' AS trade_key, payload ->> '$.id' AS native_id, payload ->> '$.order' AS order_id,
    scope AS market, coalesce(payload ->> '$.type', 'spot') AS market_type,
    reference.base AS base_code, reference."quote" AS quote_code,
    payload ->> '$.side' AS side, payload ->> '$.price' AS price, payload ->> '$.amount' AS amount,
    payload ->> '$.cost' AS cost, payload ->> '$.fee' AS fee_amount, payload ->> '$.fee_code' AS fee_code,
    payload ->> '$.time' AS executed_at, coalesce(payload ->> '$.unit', 'ms') AS executed_at_unit
FROM raw
LEFT JOIN reference
    ON raw.scope = reference.market_id
    AND raw.fetched_at >= reference.valid_from AND raw.fetched_at < reference.valid_to
WHERE payload ->> '$.hidden' IS NULL;
"""
MOVEMENTS_SQL = """
SELECT
    connection_id, seq,
    if(payload ->> '$.kind' = 'trade', NULL, payload ->> '$.id') AS movement_key, payload ->> '$.id' AS native_id,
    payload ->> '$.group' AS group_key, if(payload ->> '$.kind' = 'trade', 'ignored', payload ->> '$.kind') AS kind,
    coalesce(payload ->> '$.role', 'main') AS "role",
    payload ->> '$.code' AS asset_code, payload ->> '$.amount' AS amount,
    coalesce(payload ->> '$.direction', 'signed') AS direction,
    payload ->> '$.time' AS occurred_at, 'ms' AS occurred_at_unit, 'spot' AS wallet, payload ->> '$.txid' AS txid
FROM raw
"""
BALANCES_SQL = """
SELECT
    connection_id, seq, scope AS wallet, entry.key AS asset_code,
    entry.value ->> '$.total' AS total, entry.value ->> '$.free' AS available, entry.value ->> '$.locked' AS locked
FROM raw, json_each(raw.payload) AS entry
"""
TOY = Room(
    exchange="toy",
    trades_sql=TRADES_SQL,
    movements_sql=MOVEMENTS_SQL,
    balances_sql=BALANCES_SQL,
    aliases=(
        Alias(code="XBT", asset="BTC", source="the toy exchange's list of assets"),
        Alias(code="XBT.E", asset="BTC", wallet="earn", source="the same"),
        Alias(code="EUR", asset="EUR", source="the same"),
        Alias(code="OLD", asset="OLD", valid_to=START, source="renamed"),
        Alias(code="OLD", asset="NEW", valid_from=START, source="renamed"),
    ),
)


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


Stand = tuple[int, int, datetime]


class Feed:
    """Makes raw rows of one connection in the order of their numbers, and lands and normalises them."""

    def __init__(self, lake: DeltaLake, connection: ConnectionId = ALICE, token: int = 1) -> None:
        self.lake = lake
        self.connection = connection
        self.token = token
        self.fetched_at = START + timedelta(days=30)
        self._next = 0

    @property
    def app_id(self) -> str:
        return f"app-{self.connection}"

    @property
    def job(self) -> NormalizeJob:
        return NormalizeJob(connection=self.connection, exchange="toy", app_id=self.app_id)

    def new_lease(self) -> None:
        self.token += 1
        self._next = 0

    @property
    def stand(self) -> Stand:
        """What decides the number and the date of the next row."""
        return self.token, self._next, self.fetched_at

    @stand.setter
    def stand(self, stand: Stand) -> None:
        self.token, self._next, self.fetched_at = stand

    def row(self, stream: Stream, scope: str, payload: object, *, rank: int = 0, text: str | None = None) -> RawRow:
        self._next += 1
        self.fetched_at += timedelta(seconds=1)
        written = json.dumps(payload, sort_keys=True, separators=(",", ":")) if text is None else text
        time = payload.get("time") if isinstance(payload, dict) else None
        return RawRow(
            connection=self.connection,
            exchange="toy",
            stream=stream,
            scope=scope,
            seq=self.token * SEQ_PER_TOKEN + self._next,
            fetched_at=self.fetched_at,
            event_at=datetime.fromtimestamp(int(time) / 1000, UTC) if str(time).isdecimal() else None,
            payload=written,
            payload_hash=hashlib.sha256(written.encode()).hexdigest(),
            rank=rank,
        )

    def fill(self, id: int | str, /, **changed: object) -> RawRow:  # noqa: A002 - the exchange's word
        payload = {
            "id": str(id),
            "side": "buy",
            "price": "100.5",
            "amount": "2",
            "cost": "201",
            "fee": "0.1",
            "fee_code": "EUR",
            "time": str(millis(START) + 1000 * (int(id) if str(id).isdecimal() else 0)),
            **changed,
        }
        scope = str(payload.pop("market", "XBTEUR"))
        return self.row(Stream.FILLS, scope, {key: value for key, value in payload.items() if value is not None})

    def movement(self, id: int | str, /, stream: Stream = Stream.LEDGER, **changed: object) -> RawRow:  # noqa: A002 - what payloads call it
        payload = {
            "id": str(id),
            "kind": "deposit",
            "code": "XBT",
            "amount": "1",
            "time": str(millis(START)),
            **changed,
        }
        return self.row(stream, "all", payload)

    def snapshot(self, wallet: str = "spot", **totals: str) -> RawRow:
        payload = {code.replace("_", "."): {"total": total, "free": total} for code, total in totals.items()}
        return self.row(Stream.BALANCES, wallet, payload)

    def land(self, *rows: RawRow) -> int:
        landed = self.lake.append_raw(rows, {self.connection: self.token}, {self.connection: self.app_id})
        return landed[self.connection]

    def normalize(self, *, rebuild: bool = False, held: bool = True) -> NormalizeOutcome:
        job = NormalizeJob(connection=self.connection, exchange="toy", app_id=self.app_id, rebuild=rebuild)
        outcomes = self.lake.normalize([job], lambda: {self.connection} if held else set(), self.fetched_at)
        return outcomes[self.connection]

    def take(self, *rows: RawRow) -> NormalizeOutcome:
        """Land and normalise."""
        self.land(*rows)
        return self.normalize()


def rows_of(lake: DeltaLake, name: str) -> list[dict[str, object]]:
    """All rows of a Delta table, sorted, as another process would read them."""
    from deltalake import DeltaTable  # noqa: PLC0415 - read apart from the lake's own handles

    folder = lake._tables.folder / name
    table = DeltaTable(str(folder)).to_pyarrow_table() if (folder / "_delta_log").exists() else None
    found = table.to_pylist() if table is not None else []
    return sorted(
        found, key=lambda row: (row.get("connection_id"), row.get("seq"), [str(value) for value in row.values()])
    )


def watermark(lake: DeltaLake, app_id: str, name: str = "trades") -> int | None:
    """How far an app id came in a Delta table, as the table itself says; None where it never committed."""
    from deltalake import DeltaTable  # noqa: PLC0415 - read apart from the lake's own handles

    folder = str(lake._tables.folder / name)
    return DeltaTable(folder).transaction_version(app_id) if DeltaTable.is_deltatable(folder) else None


def only_trade(lake: DeltaLake) -> dict[str, object]:
    (trade,) = rows_of(lake, "trades")
    return trade


def reasons(lake: DeltaLake) -> list[object]:
    """Why each quarantined record could not be read."""
    return [row["reason"] for row in rows_of(lake, "quarantine")]


def portfolio(*connections: ConnectionId) -> SmallTable:
    """The small table that joins connections to a portfolio."""
    names = ("connection_id", "portfolio_id", "account_id")
    return SmallTable(
        name="connections",
        comment="Connections.",
        columns=tuple(Column(name=name, sql_type="VARCHAR", comment=f"The {name}.") for name in names),
        rows=[(connection, "pf-11111111", "default") for connection in connections],
    )


def publish(lake: DeltaLake, small: Sequence[SmallTable] | None = None, change_seq: int = 1):
    return lake.publish(
        [portfolio(ALICE, BOB)] if small is None else small,
        change_seq=change_seq,
        published_at=START,
        stale_after=START + timedelta(hours=26),
    )


def ask(lake: DeltaLake, sql: str) -> Sequence[Sequence[object]]:
    """Rows of the published catalogue."""
    return lake.query(sql)[1]
