"""What crosses the border to the lake: raw rows going in, rooms' SQL, and what normalising and reconciling report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import overload

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.streams import Stream, at_us, us_of

SEQ_PER_TOKEN = 2**32
"""`seq = fencing_token * SEQ_PER_TOKEN + n`: rows of an overtaken worker lie below the watermark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One raw record ready to be landed. `rank` tells identical payloads of one closed-window scan apart (0 with a native id)."""

    connection: ConnectionId
    exchange: str
    stream: Stream
    scope: str
    seq: int
    fetched_at: datetime
    event_at: datetime | None
    payload: str
    payload_hash: str
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlock:
    """Raw rows of one page: what they share stands once, what they don't in columns of equal length."""

    connection: ConnectionId
    exchange: str
    stream: Stream
    scope: str
    fetched_at: datetime
    seqs: Sequence[int]
    """Rising."""
    event_us: Sequence[int | None]
    """Microseconds since 1970."""
    payloads: Sequence[str]
    hashes: Sequence[str]
    ranks: Sequence[int]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.seqs)

    def __iter__(self) -> Iterator[RawRow]:
        """Row by row."""
        columns = (self.seqs, self.event_us, self.payloads, self.hashes, self.ranks)
        for seq, micros, payload, payload_hash, rank in zip(*columns, strict=True):
            yield RawRow(
                connection=self.connection,
                exchange=self.exchange,
                stream=self.stream,
                scope=self.scope,
                seq=seq,
                fetched_at=self.fetched_at,
                event_at=at_us(micros),
                payload=payload,
                payload_hash=payload_hash,
                rank=rank,
            )

    def only(self, places: Sequence[int]) -> "RawBlock":
        """Some of its rows, in their order."""
        if len(places) == len(self.seqs):
            return self
        return RawBlock(
            connection=self.connection,
            exchange=self.exchange,
            stream=self.stream,
            scope=self.scope,
            fetched_at=self.fetched_at,
            seqs=[self.seqs[place] for place in places],
            event_us=[self.event_us[place] for place in places],
            payloads=[self.payloads[place] for place in places],
            hashes=[self.hashes[place] for place in places],
            ranks=[self.ranks[place] for place in places],
        )


@dataclass(frozen=True, slots=True)
class RawRows(Sequence[RawRow]):
    """Raw rows as blocks, so that a first import of millions makes no object a row. Reads like a tuple of rows."""

    blocks: Sequence[RawBlock]

    @classmethod
    def of(cls, rows: Sequence[RawRow]) -> "RawRows":
        """Blocks of rows, whichever way they came."""
        return rows if isinstance(rows, cls) else cls([_block(list(some)) for _, some in groupby(rows, _shared)])

    def __len__(self) -> int:
        """How many rows."""
        return sum(map(len, self.blocks))

    def __iter__(self) -> Iterator[RawRow]:
        """Row by row."""
        for block in self.blocks:
            yield from block

    @overload
    def __getitem__(self, place: int) -> RawRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RawRow]: ...
    def __getitem__(self, place: int | slice) -> RawRow | Sequence[RawRow]:
        """One row, or some; slow, since nobody needs it."""
        return tuple(self)[place]


def _shared(row: RawRow) -> tuple[ConnectionId, str, Stream, str, datetime]:
    return row.connection, row.exchange, row.stream, row.scope, row.fetched_at


def _block(rows: Sequence[RawRow]) -> RawBlock:
    return RawBlock(
        connection=rows[0].connection,
        exchange=rows[0].exchange,
        stream=rows[0].stream,
        scope=rows[0].scope,
        fetched_at=rows[0].fetched_at,
        seqs=[row.seq for row in rows],
        event_us=[us_of(row.event_at) for row in rows],
        payloads=[row.payload for row in rows],
        hashes=[row.payload_hash for row in rows],
        ranks=[row.rank for row in rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One row of a room's aliases.csv: what an exchange's asset code means between two days."""

    code: str
    asset: str
    wallet: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the lake needs of an exchange: SQL that extracts strings, the asset codes, and which streams feed which table.

    `trades_sql` reads the fills; `movements_sql` reads every other stream but balances; `balances_sql` reads snapshots. See
    `docs/decisions` and the lake's `normalizer` for the columns each must yield.
    """

    exchange: str
    trades_sql: str
    movements_sql: str
    balances_sql: str
    aliases: tuple[Alias, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMarket:
    """One market as listed at `seen_at`; landed append-only when it differs from what was known."""

    exchange: str
    market_id: str
    base: str
    quote: str
    active: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizeJob:
    """One connection to normalise past its watermark (or, with `rebuild`, from its first raw record)."""

    connection: ConnectionId
    exchange: str
    app_id: str
    rebuild: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizeOutcome:
    """What normalising did for one connection; counts are rows."""

    connection: ConnectionId
    trades_added: int = 0
    movements_added: int = 0
    balances_added: int = 0
    amended: int = 0
    quarantined: int = 0
    unknown_assets: tuple[str, ...] = ()
    first_trade_at: datetime | None = None
    last_trade_at: datetime | None = None
    lease_lost: bool = False

    def plus(self, later: "NormalizeOutcome") -> "NormalizeOutcome":
        """Both together, for a connection that was normalised twice in one turn."""
        firsts = [at for at in (self.first_trade_at, later.first_trade_at) if at is not None]
        lasts = [at for at in (self.last_trade_at, later.last_trade_at) if at is not None]
        return NormalizeOutcome(
            connection=self.connection,
            trades_added=self.trades_added + later.trades_added,
            movements_added=self.movements_added + later.movements_added,
            balances_added=self.balances_added + later.balances_added,
            amended=self.amended + later.amended,
            quarantined=self.quarantined + later.quarantined,
            unknown_assets=tuple(sorted({*self.unknown_assets, *later.unknown_assets})),
            first_trade_at=min(firsts, default=None),
            last_trade_at=max(lasts, default=None),
            lease_lost=self.lease_lost or later.lease_lost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRow:
    """Reported balance against what the ledger adds up to, for one connection and asset; exact."""

    connection: ConnectionId
    asset: str
    reported: Decimal
    ledger: Decimal
    difference: Decimal
    """reported - ledger: what a manual entry would have to add."""
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCounts:
    """What lies in the lake for one connection."""

    connection: ConnectionId
    trades: int = 0
    movements: int = 0
    quarantined: int = 0
    amended: int = 0
    unknown_assets: tuple[str, ...] = ()
    first_trade_at: datetime | None = None
    last_trade_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a published table. `sql_type` is DuckDB's; `comment` explains it to the analyst."""

    name: str
    sql_type: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallTable:
    """A table that is published whole as a native table (from the control database)."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]
    """A time as an aware datetime, or, all through a column, as microseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOutcome:
    """What a publish did; `published` is False where a newer file was in place already."""

    published: bool
    path: str
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of each published table."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Version of each Delta table it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOutcome:
    """What maintenance did, by table."""

    joined: Mapping[str, int] = field(default_factory=dict)
    """Files that were joined into fewer."""
    removed: Mapping[str, int] = field(default_factory=dict)
    """Files that were removed from the disk."""
