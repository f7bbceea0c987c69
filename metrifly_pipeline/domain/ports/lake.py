"""The lake: raw records, what is typed from them, and the published warehouse."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.lake_rows import (
    ConnectionCounts,
    MaintenanceOutcome,
    NormalizeJob,
    NormalizeOutcome,
    PublishOutcome,
    RawRow,
    ReconciliationRow,
    ReferenceMarket,
    SmallTable,
)
from metrifly_pipeline.domain.lookalikes import Lookalike, Sought
from metrifly_pipeline.domain.recalled import FirstRaw, LandedStream
from metrifly_pipeline.domain.streams import Span, Stream


class Lake(Protocol):
    """Delta tables, normaliser and warehouse."""

    def append_raw(
        self, rows: Sequence[RawRow], own_tokens: Mapping[ConnectionId, int], app_ids: Mapping[ConnectionId, str]
    ) -> Mapping[ConnectionId, int]:
        """Land those rows that are not there already, in one commit, fsynced on return; returns rows landed by connection.

        "There" means same (connection, stream, scope, payload_hash, rank), and either normalised (seq at or below the
        watermark of the table its stream feeds) or landed under this lease's own token.
        """

    def append_reference(self, markets: Sequence[ReferenceMarket]) -> int:
        """Land markets that are new or changed; returns how many."""

    def markets(self, exchange: str) -> Sequence[ReferenceMarket]:
        """Newest version of every market ever seen."""

    def seen_asset_codes(self, connection: ConnectionId) -> set[str]:
        """The exchange's own asset codes seen in this connection's balances, movements and trade fees."""

    def moved_asset_codes(self, connection: ConnectionId, after_seq: int) -> set[str]:
        """The exchange's own asset codes in this connection's balances and movements with seq above `after_seq`."""

    def raw_at(
        self, stream: Stream, scope: str, moments: Sequence[datetime], among: Sequence[ConnectionId]
    ) -> Sequence[tuple[ConnectionId, str]]:
        """(connection, payload) of what these connections landed of a stream and scope at exactly these moments."""

    def first_raw(self, connection: ConnectionId, stream: Stream, scopes: Sequence[str], span: Span) -> FirstRaw | None:
        """The oldest record that a connection landed of a stream inside a span; in any scope where none is named."""

    def landed_streams(self, connection: ConnectionId) -> Sequence[LandedStream]:
        """What landed of each stream of a connection, by stream."""

    def busiest_scopes(self, stream: Stream, among: Sequence[ConnectionId], limit: int) -> Sequence[str]:
        """In which scopes most of these connections have records of a stream."""

    def normalize(
        self, jobs: Sequence[NormalizeJob], held: Callable[[], set[ConnectionId]], now: datetime
    ) -> Mapping[ConnectionId, NormalizeOutcome]:
        """Type raw rows past the watermark into trades, movements, balances and quarantine; exactly once."""

    def reconcile(
        self, connections: Sequence[ConnectionId] | None = None, *, entries: Sequence[EntryRow] = ()
    ) -> Sequence[ReconciliationRow]:
        """Reported minus ledger, per connection and asset; all connections for None. `entries` belong to the ledger."""

    def differences(self, *, entries: Sequence[EntryRow] = ()) -> Sequence[ReconciliationRow]:
        """The same of all connections, without what differs by nothing: thousands of connections agree."""

    def lookalikes(self, sought: Sequence[Sought], among: Sequence[ConnectionId]) -> Sequence[Lookalike]:
        """Newest versions of these connections' trades and movements that say what is sought, in no order."""

    def counts(self) -> Mapping[ConnectionId, ConnectionCounts]:
        """What lies there for each connection."""

    def prepare(self, tables: Sequence[SmallTable]) -> None:
        """Make ready what a publish with such tables needs, whatever their rows; does nothing where it is."""

    def publish(
        self,
        tables: Sequence[SmallTable],
        *,
        entries: Sequence[EntryRow] = (),
        change_seq: int,
        published_at: datetime,
        stale_after: datetime,
    ) -> PublishOutcome:
        """Build the warehouse beside the old one and swap it in; discards itself where a newer change_seq is in place."""

    def query(self, sql: str) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """Run one read-only statement on the published warehouse: column names and rows; RefusedError says what is wrong."""

    def export(self, account: AccountId, place: Path) -> Mapping[str, int]:
        """Write this account's rows of the published warehouse to a new file that needs nothing beside itself; rows by table.

        RefusedError where nothing was published yet, or something lies at `place` already.
        """

    def join_small_files(self) -> Mapping[str, int]:
        """Join the small files of tables that hold many, which changes nothing that is read; returns how many went, by table."""

    def maintain(self) -> MaintenanceOutcome:
        """Join small files and remove those that nobody names any more and that are older than 7 days; changes nothing that is read."""

    def erase(self, connections: Mapping[ConnectionId, str]) -> None:
        """Rewrite the tables without the rows of these connections (and their app ids), and let nobody land any more of them.

        Rows of others stay as they are. The files that were replaced stay for readers of older catalogues.
        """

    def purge(self, connections: Collection[ConnectionId], now: datetime) -> bool:
        """Remove exactly the files that hold rows of erased connections, and what the tables' logs say of them.

        Returns whether nothing is left: not before a catalogue was published that names none of these files.
        """
