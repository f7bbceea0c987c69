"""What lies in the lake: the Delta tables' columns, each with its type and the comment that analysts read."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

# Arrow's own pools keep what they gave out before: a first import of 200,000 trades would hold 30 MB more at its peak.
pa.set_memory_pool(pa.system_memory_pool())

TEXT = pa.string()
WHOLE = pa.int64()
FLAG = pa.bool_()
MOMENT = pa.timestamp("us", "UTC")
AMOUNT = pa.decimal128(38, 18)

SQL_TYPES = {TEXT: "VARCHAR", WHOLE: "BIGINT", FLAG: "BOOLEAN", MOMENT: "TIMESTAMPTZ", AMOUNT: "DECIMAL(38,18)"}


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a Delta table; the comment is what the published catalogue and the data dictionary say."""

    name: str
    kind: pa.DataType
    comment: str
    differs: bool = False
    """Hardly two rows have the same value: a dictionary of them would cost time and space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """One Delta table: its columns in order, and by which of them the rows inside a file are sorted."""

    name: str
    comment: str
    columns: tuple[StoredColumn, ...]
    sorted_by: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema; every column may be NULL, since a later version may add one."""
        return pa.schema([pa.field(column.name, column.kind) for column in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def empty_select(self) -> str:
        """A SELECT with these columns and no row, for a table without files."""
        columns = ", ".join(f"CAST(NULL AS {SQL_TYPES[each.kind]}) AS {quoted(each.name)}" for each in self.columns)
        return f"SELECT {columns} WHERE false"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(texts: Iterable[str]) -> str:
    """Texts as an SQL list without its brackets; one that holds nothing where there are none."""
    return ", ".join(literal(text) for text in sorted(texts)) or "NULL"


_CONNECTION = StoredColumn("connection_id", TEXT, "Connection that the row belongs to, such as kraken-k2m9x4aq.")
_EXCHANGE = StoredColumn("exchange", TEXT, "Exchange that sent it.")
_SEQ = StoredColumn(
    "seq",
    WHOLE,
    "Number of the raw record it was made from (lease token * 2^32 + n); unique within a connection.",
    differs=True,
)
_VERSION = StoredColumn(
    "version", WHOLE, "1 for what the exchange sent first, one more each time it sent other values under the same key."
)
_HASH = StoredColumn(
    "economic_hash",
    TEXT,
    "Fingerprint of the values that matter (what, how much, when); another one is an amendment.",
    differs=True,
)
_RECORDED = StoredColumn(
    "recorded_at", MOMENT, "When these values were fetched from the exchange, UTC; a rebuild keeps it."
)
_NATIVE = StoredColumn(
    "native_id", TEXT, "The exchange's own id, as its export files show it; NULL where it has none.", differs=True
)
_STREAM = StoredColumn("stream", TEXT, "What was asked: fills, ledger, deposits, withdrawals, converts, rewards, ...")
_SCOPE = StoredColumn("scope", TEXT, "What the stream was asked by: a symbol, a category, a wallet, or all.")
_FETCHED = StoredColumn("fetched_at", MOMENT, "When the record was fetched, UTC.")
_PAYLOAD = StoredColumn("payload", TEXT, "The record as the exchange sent it: JSON with every digit.", differs=True)

RAW_RECORDS = TableShape(
    name="raw_records",
    comment="Every record as the exchange sent it, append-only; all other tables can be rebuilt from it.",
    columns=(
        _CONNECTION,
        _EXCHANGE,
        _STREAM,
        _SCOPE,
        _SEQ,
        StoredColumn("rank", WHOLE, "Tells identical records of one scan apart; 0 where records have an id."),
        _FETCHED,
        StoredColumn(
            "event_at", MOMENT, "The record's own time where legible; bounds scans, proves nothing.", differs=True
        ),
        StoredColumn("payload_hash", TEXT, "Fingerprint of the payload.", differs=True),
        _PAYLOAD,
    ),
    sorted_by=("connection_id", "seq"),
)

TRADES = TableShape(
    name="trades",
    comment="Executions, one row per version.",
    columns=(
        _CONNECTION,
        _EXCHANGE,
        StoredColumn(
            "trade_key", TEXT, "Identity of the trade within its connection; the same in every version.", differs=True
        ),
        _VERSION,
        _NATIVE,
        StoredColumn("order_id", TEXT, "The exchange's id of the order that was executed.", differs=True),
        StoredColumn("market", TEXT, "The exchange's id of the market."),
        StoredColumn("market_type", TEXT, "spot, margin, ...; only spot and margin trades make legs."),
        StoredColumn("base", TEXT, "Asset that was bought or sold, our code; the market's id where it is unknown."),
        StoredColumn("quote", TEXT, "Asset that it was paid in, our code; NULL where the market is unknown."),
        StoredColumn("base_code", TEXT, "The exchange's own code of the base asset."),
        StoredColumn("quote_code", TEXT, "The exchange's own code of the quote asset."),
        StoredColumn("side", TEXT, "buy or sell, seen from the portfolio."),
        StoredColumn(
            "price",
            AMOUNT,
            "Price of one base in quote; rounded half-even where price_is_exact is false.",
            differs=True,
        ),
        StoredColumn("price_text", TEXT, "The price in the exchange's own digits.", differs=True),
        StoredColumn("price_is_exact", FLAG, "Whether price holds every digit of price_text."),
        StoredColumn("amount", AMOUNT, "Amount of base, never negative.", differs=True),
        StoredColumn(
            "cost", AMOUNT, "Amount of quote; the exchange's own, else amount x price (cost_is_derived).", differs=True
        ),
        StoredColumn("cost_is_derived", FLAG, "Whether cost was multiplied here, half-even at 18 places."),
        StoredColumn(
            "fee_amount", AMOUNT, "Fee paid; negative for a rebate; NULL where the exchange tells none.", differs=True
        ),
        StoredColumn("fee_asset", TEXT, "Asset of the fee, our code."),
        StoredColumn("fee_code", TEXT, "The exchange's own code of the fee's asset."),
        StoredColumn(
            "executed_at", MOMENT, "When it was executed, UTC, microseconds, cut towards the past.", differs=True
        ),
        _SEQ,
        _HASH,
        _RECORDED,
    ),
    sorted_by=("connection_id", "executed_at", "seq", "trade_key"),
)

BOOKED = ("trade_fee", "trade_leg")
"""Kinds of stored movements that are what the exchange's ledger booked for an execution, what it took and what it moved: shown at the
trade and in its legs, never as movements. Their `group_key` is the trade's key."""

MOVEMENTS = TableShape(
    name="movements",
    comment="Changes of an asset that are not executions on the order book, one row per version.",
    columns=(
        _CONNECTION,
        _EXCHANGE,
        StoredColumn(
            "movement_key",
            TEXT,
            "Identity of the movement within its connection; the same in every version.",
            differs=True,
        ),
        _VERSION,
        _NATIVE,
        StoredColumn(
            "group_key",
            TEXT,
            "Joins what belongs together: what a convert disposed of, received and cost.",
            differs=True,
        ),
        StoredColumn(
            "kind", TEXT, "deposit, withdrawal, reward, airdrop, convert, transfer, interest, fee, adjustment."
        ),
        StoredColumn("role", TEXT, "main, or in a group: disposed, received, fee."),
        StoredColumn("asset", TEXT, "Asset that moved, our code; the exchange's own where it is unknown."),
        StoredColumn("asset_code", TEXT, "The exchange's own code of the asset."),
        StoredColumn("amount", AMOUNT, "Signed: positive came in, negative went out.", differs=True),
        StoredColumn("occurred_at", MOMENT, "When it happened, UTC, microseconds, cut towards the past.", differs=True),
        StoredColumn("wallet", TEXT, "spot, funding, margin or earn, where the exchange tells."),
        StoredColumn("txid", TEXT, "Transaction on the chain, where the exchange tells.", differs=True),
        _STREAM,
        _SEQ,
        _HASH,
        _RECORDED,
    ),
    sorted_by=("connection_id", "occurred_at", "seq", "movement_key"),
)

BALANCES = TableShape(
    name="balances",
    comment="Balances as the exchange reported them, one row per change.",
    columns=(
        _CONNECTION,
        _EXCHANGE,
        StoredColumn(
            "wallet",
            TEXT,
            "Where the exchange keeps it: spot, funding, margin, earn; what Binance freezes apart: funding frozen.",
        ),
        StoredColumn("asset", TEXT, "Asset, our code; the exchange's own where it is unknown."),
        StoredColumn("asset_code", TEXT, "The exchange's own code of the asset."),
        StoredColumn("total", AMOUNT, "All of it, locked parts too.", differs=True),
        StoredColumn("available", AMOUNT, "What is not locked; NULL where the exchange does not tell.", differs=True),
        StoredColumn("asked_at", MOMENT, "When the exchange first reported this value, UTC."),
        _SEQ,
        StoredColumn("scope", TEXT, "Which snapshot reports it; what is missing from a newer one becomes 0."),
    ),
    sorted_by=("connection_id", "asked_at", "seq", "asset_code"),
)

QUARANTINE = TableShape(
    name="quarantine",
    comment="Raw records that could not be read, with the reason; a rebuild after a fix brings them back.",
    columns=(
        _CONNECTION,
        _EXCHANGE,
        StoredColumn("target", TEXT, "Table that the record was meant for: trades, movements or balances."),
        _STREAM,
        _SCOPE,
        _SEQ,
        StoredColumn("reason", TEXT, "Which field could not be read and why, such as `amount: 19 decimals`."),
        StoredColumn("symbol", TEXT, "Market or asset, where legible."),
        StoredColumn("amount_text", TEXT, "Amount in the exchange's own digits, where legible."),
        _PAYLOAD,
        _FETCHED,
    ),
    sorted_by=("connection_id", "target", "seq"),
)

REFERENCE = TableShape(
    name="reference",
    comment="Markets as each exchange listed them; a new row only where something changed.",
    columns=(
        _EXCHANGE,
        StoredColumn("market_id", TEXT, "The exchange's id of the market."),
        StoredColumn("base", TEXT, "The exchange's own code of the base asset."),
        StoredColumn("quote", TEXT, "The exchange's own code of the quote asset."),
        StoredColumn("active", FLAG, "Whether it could be traded."),
        StoredColumn("seen_at", MOMENT, "When it was first listed like this, UTC."),
    ),
    sorted_by=("exchange", "market_id", "seen_at"),
)

SHAPES = (RAW_RECORDS, TRADES, MOVEMENTS, BALANCES, QUARANTINE, REFERENCE)
