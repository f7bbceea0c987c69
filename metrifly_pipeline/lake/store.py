"""The lake as services see it: one object that keeps the Protocol `Lake`."""

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

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
    Room,
    SmallTable,
)
from metrifly_pipeline.domain.lookalikes import Lookalike, Sought
from metrifly_pipeline.domain.ports import Reach, reach_nothing
from metrifly_pipeline.domain.recalled import FirstRaw, LandedStream
from metrifly_pipeline.domain.streams import Span, Stream
from metrifly_pipeline.lake.durable import Fsync
from metrifly_pipeline.lake.engine import Engine, Instance
from metrifly_pipeline.lake.erasing import Erasing
from metrifly_pipeline.lake.exporting import export
from metrifly_pipeline.lake.landing import Landing
from metrifly_pipeline.lake.ledger import Ledger
from metrifly_pipeline.lake.maintenance import Maintenance
from metrifly_pipeline.lake.markets import Markets
from metrifly_pipeline.lake.normalizer import RECORDS_PER_COMMIT, Normalizer
from metrifly_pipeline.lake.query import run_query
from metrifly_pipeline.lake.recollection import Recollection
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.warehouse import Warehouse


class DeltaLake:
    """Delta tables under `<root>/delta`, the published catalogue at `<root>/warehouse/metrifly.duckdb`.

    Safe for several threads and processes; threads of one process take turns, those that land apart from all others, with handles of their
    own: what has landed is typed while more arrives. See `domain.ports.Lake` for each method.
    """

    def __init__(
        self, root: Path, rooms: Mapping[str, Room], reach: Reach, fsync: Fsync, records_per_commit: int
    ) -> None:
        self._turn = threading.RLock()
        self._tables = TableSet(root, fsync)
        self._fsync = fsync
        instance = Instance(root / "spill")
        engine = Engine(instance)
        self._landing_turn = threading.Lock()
        self._landing = Landing(TableSet(root, fsync), Engine(instance), reach)
        self._engine = engine
        self._markets = Markets(self._tables, engine)
        self._normalizer = Normalizer(self._tables, engine, rooms, reach, records_per_commit)
        self._recollection = Recollection(self._tables, engine)
        self._ledger = Ledger(self._tables, engine, rooms)
        self._warehouse = Warehouse(root / "warehouse", self._tables, rooms, self._ledger.sums, reach, fsync, instance)
        self._maintenance = Maintenance(self._tables, self._warehouse)
        self._erasing = Erasing(self._tables, self._warehouse, root / "spill", reach)

    @property
    def warehouse_path(self) -> Path:
        """The file that analysts open."""
        return self._warehouse.path

    def append_raw(
        self, rows: Sequence[RawRow], own_tokens: Mapping[ConnectionId, int], app_ids: Mapping[ConnectionId, str]
    ) -> Mapping[ConnectionId, int]:
        """Land what is not there already; a connection whose lease was overtaken is missing from the answer."""
        with self._landing_turn:
            return self._landing.append(rows, own_tokens, app_ids)

    def append_reference(self, markets: Sequence[ReferenceMarket]) -> int:
        """Land markets that are new or changed; returns how many."""
        with self._turn:
            return self._markets.append(markets)

    def markets(self, exchange: str) -> Sequence[ReferenceMarket]:
        """The newest version of every market ever seen."""
        with self._turn:
            return self._markets.newest(exchange)

    def seen_asset_codes(self, connection: ConnectionId) -> set[str]:
        """The exchange's own asset codes in this connection's balances, movements and trade fees."""
        with self._turn:
            return self._ledger.seen_asset_codes(connection)

    def moved_asset_codes(self, connection: ConnectionId, after_seq: int) -> set[str]:
        """The exchange's own asset codes in this connection's balances and movements with seq above `after_seq`."""
        with self._turn:
            return self._ledger.moved_asset_codes(connection, after_seq)

    def raw_at(
        self, stream: Stream, scope: str, moments: Sequence[datetime], among: Sequence[ConnectionId]
    ) -> Sequence[tuple[ConnectionId, str]]:
        """(connection, payload) of what these connections landed of a stream and scope at exactly these moments."""
        with self._turn:
            return self._recollection.raw_at(stream, scope, moments, among)

    def first_raw(self, connection: ConnectionId, stream: Stream, scopes: Sequence[str], span: Span) -> FirstRaw | None:
        """The oldest record that a connection landed of a stream inside a span; in any scope where none is named."""
        with self._turn:
            return self._recollection.first_raw(connection, stream, scopes, span)

    def landed_streams(self, connection: ConnectionId) -> Sequence[LandedStream]:
        """What landed of each stream of a connection, by stream."""
        with self._turn:
            return self._recollection.landed_streams(connection)

    def busiest_scopes(self, stream: Stream, among: Sequence[ConnectionId], limit: int) -> Sequence[str]:
        """In which scopes most of these connections have records of a stream."""
        with self._turn:
            return self._recollection.busiest_scopes(stream, among, limit)

    def normalize(
        self, jobs: Sequence[NormalizeJob], held: Callable[[], set[ConnectionId]], now: datetime
    ) -> Mapping[ConnectionId, NormalizeOutcome]:
        """Type raw rows past the watermark into trades, movements, balances and quarantine; exactly once."""
        with self._turn:
            return self._normalizer.normalize(jobs, held, now)

    def reconcile(
        self, connections: Sequence[ConnectionId] | None = None, *, entries: Sequence[EntryRow] = ()
    ) -> Sequence[ReconciliationRow]:
        """Reported minus ledger, entries included, per connection and asset; all connections for None."""
        with self._turn:
            return self._ledger.reconcile(connections, entries)

    def differences(self, *, entries: Sequence[EntryRow] = ()) -> Sequence[ReconciliationRow]:
        """The same of all connections, without what differs by nothing."""
        with self._turn:
            return self._ledger.reconcile(None, entries, only_differing=True)

    def lookalikes(self, sought: Sequence[Sought], among: Sequence[ConnectionId]) -> Sequence[Lookalike]:
        """Newest versions of these connections' trades and movements that say what is sought."""
        with self._turn:
            return self._ledger.lookalikes(sought, among)

    def counts(self) -> Mapping[ConnectionId, ConnectionCounts]:
        """What lies there for each connection."""
        with self._turn:
            return self._ledger.counts()

    def prepare(self, tables: Sequence[SmallTable]) -> None:
        """Open the engine, and make the template of catalogues with such tables. The latter takes no turn: only a publish waits for it."""
        with self._turn:
            self._engine.open()
        self._warehouse.prepare(tables)

    def publish(
        self,
        tables: Sequence[SmallTable],
        *,
        entries: Sequence[EntryRow] = (),
        change_seq: int,
        published_at: datetime,
        stale_after: datetime,
    ) -> PublishOutcome:
        """Build the catalogue beside the old one and swap it in; discards itself where a newer one is in place."""
        meta = {"published_at": published_at, "stale_after": stale_after, "change_seq": change_seq}
        with self._turn:
            return self._warehouse.publish(tables, entries, meta)

    def query(self, sql: str) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """Run one read-only statement on the published catalogue: column names and rows."""
        return run_query(self._warehouse.path, self._tables.folder, sql)

    def export(self, account: AccountId, place: Path) -> Mapping[str, int]:
        """Write this account's rows of the published catalogue to a file of its own; see `export`."""
        return export(self._warehouse.path, account, place, self._fsync)

    def join_small_files(self) -> Mapping[str, int]:
        """Join the small files of tables that hold many; files that went, by table."""
        with self._turn:
            return self._maintenance.join_small_files()

    def maintain(self) -> MaintenanceOutcome:
        """Join small files and remove those that nobody names any more and that are older than 7 days."""
        with self._turn:
            return self._maintenance.run()

    def erase(self, connections: Mapping[ConnectionId, str]) -> None:
        """Rewrite the tables without the rows of these connections, and let nobody land any more of them."""
        with self._turn:
            self._erasing.erase(connections)

    def purge(self, connections: Collection[ConnectionId], now: datetime) -> bool:
        """Remove the files that hold rows of erased connections, and what the logs say of them; whether nothing is left."""
        with self._turn:
            return self._erasing.purge(connections, now)


def open_lake(
    root: Path,
    rooms: Mapping[str, Room],
    *,
    reach: Reach = reach_nothing,
    fsync: Fsync = os.fsync,
    records_per_commit: int = RECORDS_PER_COMMIT,
) -> DeltaLake:
    """Open the lake under `root`, which is made where it isn't there.

    Args:
        root: A directory on a local disk.
        rooms: SQL and aliases by exchange.
        reach: Called at each labelled point of landing, normalising and publishing.
        fsync: Writes an open file to the disk.
        records_per_commit: Raw records that one commit normalises at most.
    """
    root.mkdir(parents=True, exist_ok=True)
    return DeltaLake(root, rooms, reach, fsync, records_per_commit)
