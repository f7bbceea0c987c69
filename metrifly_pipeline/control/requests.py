"""Sync requests, and the batches that hand them to a Dagster run."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection as Database
from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from metrifly_pipeline.control.columns import Instant
from metrifly_pipeline.control.leases import lock_connections
from metrifly_pipeline.control.rows import lock_connection, one_request, to_request
from metrifly_pipeline.control.tables import batch_connections, batches, connections, leases, requests, runs
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import Outcome, SyncKind, SyncRequest
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


class Requests(Transactions):
    """The store's methods for sync requests and batches."""

    def file_request(self, connection: ConnectionId, kind: SyncKind, now: datetime) -> SyncRequest:
        """Ask for a sync; an unanswered, unstarted request of the same kind is returned instead of a second one."""
        with self._writing() as db:
            known = lock_connection(db, connection)
            if known.disconnected_at is not None and kind is not SyncKind.REBUILD:
                raise RefusedError(f"{connection} is disconnected; `metrifly reconnect {connection}` connects it again")
            return file(db, connection, kind, now)

    def requests(self, *, waiting: bool, kinds: Sequence[SyncKind] | None = None) -> Sequence[SyncRequest]:
        """Requests, oldest first; with `waiting` only those neither answered nor in a batch, else all."""
        query = select(requests).order_by(requests.c.id)
        if waiting:
            query = query.where(requests.c.answered_by.is_(None), requests.c.batch.is_(None))
        if kinds is not None:
            query = query.where(requests.c.kind.in_(kinds))
        with self._reading() as db:
            return [to_request(row) for row in db.execute(query).mappings()]

    def is_idle(self, now: datetime) -> bool:
        """Whether no request is unanswered, in a batch or not, and no lease ran out that nobody gave back."""
        with self._reading() as db:
            return not db.execute(_BUSY, {"now": now}).scalar()

    def request(self, request: int) -> SyncRequest:
        """One request; NotFoundError, also where a disconnect dropped it."""
        with self._reading() as db:
            return one_request(db, request)

    def make_batch(
        self, connections: Sequence[ConnectionId], kind: SyncKind, requests: Sequence[int], now: datetime
    ) -> int:
        """Give a set of connections a number that a Dagster run can name.

        Requests that are answered or in another batch by now stay as they are. RefusedError for no connection, NotFoundError for an
        unknown one.
        """
        wanted = list(dict.fromkeys(connections))
        if not wanted:
            raise RefusedError("A batch needs at least one connection")
        with self._writing() as db:
            _require(db, wanted)
            made = db.execute(insert(batches).values(kind=kind, made_at=now)).inserted_primary_key
            batch = int(made[0]) if made else 0
            rows = [{"batch": batch, "place": place, "connection": each} for place, each in enumerate(wanted)]
            db.execute(insert(batch_connections), rows)
            _take(db, batch, requests)
            return batch

    def batch(self, batch: int) -> tuple[SyncKind, Sequence[ConnectionId]]:
        """The connections of a batch, in the order given; NotFoundError."""
        query = select(batch_connections.c.connection).where(batch_connections.c.batch == batch)
        with self._reading() as db:
            kind = db.execute(select(batches.c.kind).where(batches.c.id == batch)).scalar()
            if kind is None:
                raise NotFoundError(f"There is no batch {batch}")
            found = db.execute(query.order_by(batch_connections.c.place)).scalars()
            return SyncKind(kind), [ConnectionId(each) for each in found]

    def requeue(self, connections: Sequence[ConnectionId]) -> int:
        """Unanswered requests of these connections leave their batch and wait again, attempt + 1; returns how many."""
        taken = (
            requests.c.connection.in_(connections) & requests.c.batch.is_not(None) & requests.c.answered_by.is_(None)
        )
        with self._writing() as db:
            again = {"batch": None, "attempt": requests.c.attempt + 1}
            return db.execute(update(requests).where(taken).values(again)).rowcount

    def unanswered_batches(self) -> Mapping[int, datetime]:
        """Batches that hold unanswered requests, and when they were made; oldest first."""
        held = select(requests.c.batch).where(requests.c.answered_by.is_(None), requests.c.batch.is_not(None))
        query = select(batches.c.id, batches.c.made_at).where(batches.c.id.in_(held)).order_by(batches.c.id)
        with self._reading() as db:
            return {row.id: row.made_at for row in db.execute(query)}

    def batch_died(self, batch: int, now: datetime) -> bool:
        """Whether whoever worked on this batch is dead: a lease taken since it was made ran out, and none of its connections is leased.

        A worker that lives gives its leases back; one that died before the batch was made says nothing of it.
        """
        ends = (
            select(leases.c.expires_at, batches.c.made_at)
            .join(batch_connections, batch_connections.c.connection == leases.c.connection)
            .join(batches, batches.c.id == batch_connections.c.batch)
            .where(batches.c.id == batch, leases.c.holder.is_not(None), leases.c.expires_at > batches.c.made_at)
        )
        with self._reading() as db:
            found = [row.expires_at for row in db.execute(ends)]
        return bool(found) and max(found) <= now

    def requeue_batch(self, batch: int) -> int:
        """Unanswered requests of this batch wait again, attempt + 1; returns how many."""
        held = (requests.c.batch == batch) & requests.c.answered_by.is_(None)
        with self._writing() as db:
            again = {"batch": None, "attempt": requests.c.attempt + 1}
            return db.execute(update(requests).where(held).values(again)).rowcount

    def requeue_stale_batches(self, now: datetime, older_than: timedelta) -> int:
        """Requests whose batch died unanswered wait again, attempt + 1; returns how many.

        A batch is taken for dead when it is old and none of its connections is leased: somebody who holds a lease may still get to the others.
        """
        alive = select(batch_connections.c.batch).join(
            leases, (leases.c.connection == batch_connections.c.connection) & (leases.c.expires_at > now)
        )
        old = select(batches.c.id).where(batches.c.made_at <= now - older_than, batches.c.id.not_in(alive))
        stale = update(requests).where(requests.c.answered_by.is_(None), requests.c.batch.in_(old))
        with self._writing() as db:
            return db.execute(stale.values(batch=None, attempt=requests.c.attempt + 1)).rowcount


# Made once: it is asked every few seconds.
_BUSY = select(
    or_(
        exists().where(requests.c.answered_by.is_(None)),
        exists().where(leases.c.holder.is_not(None), leases.c.expires_at <= bindparam("now", type_=Instant)),
    )
)


def file(db: Database, connection: ConnectionId, kind: SyncKind, now: datetime) -> SyncRequest:
    """File a request, in the transaction of who asks (which has locked the connection)."""
    # A run under way answers only what was filed before it started: whoever asks now gets a sync of their own.
    started = exists().where(
        runs.c.connection == connection,
        runs.c.outcome == Outcome.RUNNING,
        runs.c.newest_request >= requests.c.id,
    )
    open_ones = select(requests).where(
        requests.c.connection == connection,
        requests.c.kind == kind,
        requests.c.answered_by.is_(None),
        ~started,
    )
    found = db.execute(open_ones.order_by(requests.c.id).limit(1)).mappings().one_or_none()
    if found is not None:
        return to_request(found)
    made = db.execute(insert(requests).values(connection=connection, kind=kind, filed_at=now)).inserted_primary_key
    return one_request(db, int(made[0]) if made else 0)


def drop_unanswered(db: Database, connection: ConnectionId) -> None:
    """A disconnected connection's requests can't be answered any more."""
    db.execute(delete(requests).where(requests.c.connection == connection, requests.c.answered_by.is_(None)))


def _require(db: Database, wanted: Sequence[ConnectionId]) -> None:
    lock_connections(db, wanted)
    known = set(db.execute(select(connections.c.id).where(connections.c.id.in_(wanted))).scalars())
    missing = [each for each in wanted if each not in known]
    if missing:
        raise NotFoundError(f"There is no connection {', '.join(missing)}")


def _take(db: Database, batch: int, wanted: Sequence[int]) -> None:
    waiting = requests.c.answered_by.is_(None) & requests.c.batch.is_(None)
    db.execute(update(requests).where(requests.c.id.in_(wanted), waiting).values(batch=batch))
