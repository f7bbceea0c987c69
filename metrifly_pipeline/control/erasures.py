"""Deleting accounts: all rows go in one transaction; what the lake needs to follow stays until it has."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, delete, insert, select, update

from metrifly_pipeline.control.accounts import account_named, one_account
from metrifly_pipeline.control.engine import wipe_traces
from metrifly_pipeline.control.erasure_tables import erased_connections, erasures
from metrifly_pipeline.control.leases import lock_connections
from metrifly_pipeline.control.notification_tables import receivers
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.tables import accounts, connections, credentials
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.erasing import Erasure
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.status import Urgency


class Erasures(Transactions):
    """The store's methods for deleted accounts."""

    def find_account(self, name: str) -> AccountId | None:
        """The account of that name, in any case of letters; none is made."""
        with self._reading() as db:
            return account_named(db, name)

    def delete_account(self, account: AccountId, erase_at: datetime, now: datetime) -> Erasure:
        """Delete everything of an account, credentials first, and number the change; a running sync loses its lease. NotFoundError."""
        with self._writing() as db:
            name = one_account(db, account).name
            lock_connections(db, _ids_of(db, account))
            number_change(
                db, [], Urgency.NOW, now
            )  # its lock: of transactions that link, the next one finds no account
            mine = connections.c.account == account
            gone = {
                row.id: row.app_id for row in db.execute(select(connections.c.id, connections.c.app_id).where(mine))
            }
            db.execute(delete(credentials).where(credentials.c.connection.in_(gone)))
            db.execute(delete(receivers).where(receivers.c.account == account))
            # Connections before portfolios, which they name; whatever names either goes with it.
            db.execute(delete(connections).where(mine))
            db.execute(delete(accounts).where(accounts.c.id == account))
            made = _remember(db, name, gone, erase_at, now)
            found = _erasure(db, db.execute(select(erasures).where(erasures.c.id == made)).mappings().one())
        wipe_traces(self._engine)
        return found

    def erasures(self) -> Sequence[Erasure]:
        """Deleted accounts of which something may be left, oldest first."""
        with self._reading() as db:
            rows = db.execute(select(erasures).order_by(erasures.c.id)).mappings().all()
            return [_erasure(db, row) for row in rows]

    def hasten_erasure(self, erasure: int, erase_at: datetime) -> None:
        """Replaced files need not be kept longer than that; one that ended stays ended."""
        later = (erasures.c.id == erasure) & (erasures.c.erase_at > erase_at)
        with self._writing() as db:
            db.execute(update(erasures).where(later).values(erase_at=erase_at))

    def note_rewritten(self, erasure: int, now: datetime) -> None:
        """The tables hold no row of it any more."""
        with self._writing() as db:
            db.execute(update(erasures).where(erasures.c.id == erasure).values(rewritten_at=now))

    def end_erasure(self, erasure: int) -> None:
        """Nothing is left: forget that there was such an account."""
        with self._writing() as db:
            db.execute(delete(erased_connections).where(erased_connections.c.erasure == erasure))
            db.execute(delete(erasures).where(erasures.c.id == erasure))
        wipe_traces(self._engine)


def _ids_of(db: Database, account: AccountId) -> list[ConnectionId]:
    query = select(connections.c.id).where(connections.c.account == account)
    return [ConnectionId(each) for each in db.execute(query).scalars()]


def _remember(db: Database, name: str, gone: dict[str, str], erase_at: datetime, now: datetime) -> int:
    values = {"account_name": name, "asked_at": now, "erase_at": erase_at}
    made = db.execute(insert(erasures).values(values)).inserted_primary_key
    number = int(made[0]) if made else 0
    if gone:
        rows = [{"erasure": number, "connection": each, "app_id": app_id} for each, app_id in gone.items()]
        db.execute(insert(erased_connections), rows)
    return number


def _erasure(db: Database, row: RowMapping) -> Erasure:
    query = select(erased_connections).where(erased_connections.c.erasure == row["id"])
    found = db.execute(query.order_by(erased_connections.c.connection))
    return Erasure(**row, connections={ConnectionId(each.connection): each.app_id for each in found})
