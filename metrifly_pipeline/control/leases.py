"""Leases: one writer of a connection at a time, told apart by tokens that only rise."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy import Connection as Database

from metrifly_pipeline.control.rows import lock_connection
from metrifly_pipeline.control.tables import connections, leases
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import Lease
from metrifly_pipeline.domain.trouble import LeaseLostError


class Leases(Transactions):
    """The store's methods for leases."""

    def acquire_lease(self, connection: ConnectionId, holder: str, now: datetime, duration: timedelta) -> Lease | None:
        """The lease with the next token; None while another holder's is unexpired. A holder may overtake itself."""
        with self._writing() as db:
            lock_connection(db, connection)
            mine = leases.c.connection == connection
            free = or_(leases.c.holder.is_(None), leases.c.holder == holder, leases.c.expires_at <= now)
            values = {"token": leases.c.token + 1, "holder": holder, "expires_at": now + duration}
            token = db.execute(update(leases).where(mine, free).values(values).returning(leases.c.token)).scalar()
        if token is None:
            return None
        return Lease(connection=connection, token=token, holder=holder, expires_at=now + duration)

    def renew_lease(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Same token, later end; LeaseLostError where the token was overtaken or released.

        One that ran out but was not overtaken is renewed: nobody else can have written meanwhile.
        """
        ends = now + duration
        with self._at_once() as db:
            if db.execute(update(leases).where(_still(lease)).values(expires_at=ends)).rowcount == 0:
                raise LeaseLostError(f"Another worker owns {lease.connection} now")
        return Lease(connection=lease.connection, token=lease.token, holder=lease.holder, expires_at=ends)

    def release_lease(self, lease: Lease) -> None:
        """Let go; a no-op where it was lost."""
        with self._at_once() as db:
            db.execute(update(leases).where(_still(lease)).values(holder=None, expires_at=None))

    def held(self, leases: Sequence[Lease], now: datetime) -> set[ConnectionId]:
        """Those of `leases` whose token is still the newest and unexpired."""
        with self._reading() as db:
            newest = unexpired_tokens(db, {lease.connection for lease in leases}, now)
        return {lease.connection for lease in leases if newest.get(lease.connection) == lease.token}

    def leased(self, now: datetime) -> set[ConnectionId]:
        """Connections that somebody holds a lease of now."""
        query = select(leases.c.connection).where(leases.c.holder.is_not(None), leases.c.expires_at > now)
        with self._reading() as db:
            return {ConnectionId(each) for each in db.execute(query).scalars()}

    def lease_ends(self) -> Mapping[ConnectionId, datetime]:
        """Until when somebody holds the lease of a connection; those that ran out and that nobody took over, too."""
        query = select(leases.c.connection, leases.c.expires_at).where(leases.c.holder.is_not(None))
        with self._reading() as db:
            return {ConnectionId(row.connection): row.expires_at for row in db.execute(query)}


def _still(lease: Lease) -> ColumnElement[bool]:
    return (leases.c.connection == lease.connection) & (leases.c.token == lease.token) & leases.c.holder.is_not(None)


def unexpired_tokens(db: Database, wanted: Collection[ConnectionId], now: datetime) -> Mapping[ConnectionId, int]:
    """The newest token of each of these connections whose lease has not run out at `now`."""
    query = select(leases.c.connection, leases.c.token).where(
        leases.c.connection.in_(wanted), leases.c.expires_at > now
    )
    return {ConnectionId(row.connection): row.token for row in db.execute(query)}


def lock_connections(db: Database, wanted: Collection[ConnectionId]) -> None:
    """Lock several connections, always in the same order so that two transactions can't wait for each other."""
    query = select(connections.c.id).where(connections.c.id.in_(wanted)).order_by(connections.c.id)
    db.execute(query.with_for_update()).all()


def fence(db: Database, connection: ConnectionId) -> None:
    """Take the connection from whoever holds it: the token rises, and a run under way learns that it was overtaken."""
    db.execute(
        update(leases)
        .where(leases.c.connection == connection)
        .values(token=leases.c.token + 1, fences=leases.c.fences + 1, holder=None, expires_at=None)
    )
