"""Notifications: who receives them, what was told, what waits to be sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, Select, delete, exists, func, insert, not_, select, update
from sqlalchemy import Connection as Database
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.attention import standing
from metrifly_pipeline.control.engine import wipe_traces
from metrifly_pipeline.control.notification_tables import notifications, receivers, told
from metrifly_pipeline.control.retired_keys import refuse_retired
from metrifly_pipeline.control.rows import lock_connection, to_connection
from metrifly_pipeline.control.tables import accounts, connections
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, ReceiverId
from metrifly_pipeline.domain.messages import body_of
from metrifly_pipeline.domain.notifying import News, Notification, Receiver, ReceiverKind, news
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Connection, SealedCredential
from metrifly_pipeline.domain.status_rules import connection_status
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError

KEPT = timedelta(days=30)
"""How long a notification that was delivered or given up can be looked at."""
_SEALED = ("key_id", "wrapped_key", "sealed", "fingerprint")


class Notifications(Transactions):
    """The store's methods for notifications."""

    def add_receiver(self, receiver: Receiver, sealed: SealedCredential | None) -> None:
        """Store where notifications go, and a webhook's sealed secret; RefusedError where the account has that address already."""
        values = {name: getattr(receiver, name) for name in ("id", "account", "kind", "address", "created_at")}
        if sealed is not None:
            values |= {name: getattr(sealed, name) for name in _SEALED}
        try:
            with self._writing() as db:
                db.execute(insert(receivers).values(values))
                if sealed is not None:
                    refuse_retired(db, sealed.key_id)
        except IntegrityError:
            raise RefusedError(
                "Notifications of this account go there already: `metrifly notify list` shows it. To get a new secret, "
                "remove it with `metrifly notify remove ID` and add it again."
            ) from None

    def receivers(self, account: AccountId | None = None) -> Sequence[Receiver]:
        """Receivers, oldest first, with how their notifications fare."""
        query = select(receivers).order_by(receivers.c.created_at, receivers.c.id)
        if account is not None:
            query = query.where(receivers.c.account == account)
        with self._reading() as db:
            return [_receiver(db, row) for row in db.execute(query).mappings().all()]

    def receiver(self, account: AccountId, receiver: str) -> Receiver:
        """One of an account; NotFoundError."""
        wanted = receiver.strip().lower()
        found = next((each for each in self.receivers(account) if each.id == wanted), None)
        if found is None:
            raise _missing(receiver)
        return found

    def sealed_secret(self, receiver: ReceiverId) -> SealedCredential | None:
        """A webhook's sealed secret; its `connection` is the receiver's id, which the vault binds it to."""
        with self._reading() as db:
            row = db.execute(select(receivers).where(receivers.c.id == receiver)).mappings().one_or_none()
        if row is None or row["sealed"] is None:
            return None
        return SealedCredential(connection=ConnectionId(receiver), version=1, **{name: row[name] for name in _SEALED})

    def remove_receiver(self, account: AccountId, receiver: ReceiverId) -> None:
        """Forget it, its secret and what waits for it; NotFoundError."""
        with self._writing() as db:
            mine = delete(receivers).where(receivers.c.id == receiver, receivers.c.account == account)
            if not db.execute(mine).rowcount:
                raise _missing(receiver)
        wipe_traces(self._engine)

    def tell_changes(self, now: datetime) -> int:
        """Compare what stands on each connection with what was told; one notification a change and receiver."""
        with self._reading() as db:
            changed = _changed(db, now)
        filed = 0
        for connection in changed:
            with self._writing() as db:
                filed += self._tell(db, connection, now)
        if changed:
            with self._writing() as db:
                done = notifications.c.next_at.is_(None)
                db.execute(delete(notifications).where(done, notifications.c.made_at < now - KEPT))
        return filed

    def _tell(self, db: Database, connection: ConnectionId, now: datetime) -> int:
        """Look again, now that nobody else can change this connection, and tell."""
        known = lock_connection(db, connection)
        attention = standing(db, connection)
        before = _told(db, connection).get(connection, set())
        found = news(before, known, attention, now)
        db.execute(delete(told).where(told.c.connection == connection))
        if found.told:
            db.execute(insert(told), [{"connection": connection, "reason": reason} for reason in sorted(found.told)])
        return self._file(db, known, attention, found, now) if found.worth_telling else 0

    def _file(self, db: Database, known: Connection, attention: Sequence[Attention], found: News, now: datetime) -> int:
        status = connection_status(known, attention, running=False, now=now)
        name = db.execute(select(accounts.c.name).where(accounts.c.id == known.account)).scalar_one()
        wanted = db.execute(select(receivers.c.id).where(receivers.c.account == known.account)).scalars().all()
        for receiver in wanted:
            made = f"{self._rng.getrandbits(128):032x}"
            body = body_of(found, known, name, status, message_id=made, at=now)
            row = {"id": made, "receiver": receiver, "connection": known.id, "body": body, "trouble": ""}
            db.execute(insert(notifications).values(**row, made_at=now, next_at=now))
        return len(wanted)

    def notification_due(self, now: datetime) -> tuple[int, int] | None:
        """(number, tries so far) of the oldest notification that may be sent now; None where none may."""
        with self._reading() as db:
            row = db.execute(_due(now).limit(1)).mappings().one_or_none()
        return None if row is None else (row["number"], row["attempts"])

    def claim_notifications(self, now: datetime, limit: int, hold: timedelta) -> Sequence[Notification]:
        """Take notifications to send, each for one caller until `hold` has passed."""
        with self._writing() as db:
            rows = db.execute(_due(now).limit(limit)).mappings().all()
            return [_claimed(row) for row in rows if _claim(db, row, now + hold)]

    def note_delivered(self, number: int, now: datetime) -> None:
        """The receiver took it."""
        values = {"next_at": None, "delivered_at": now, "trouble": ""}
        with self._writing() as db:
            db.execute(update(notifications).where(notifications.c.number == number).values(values))

    def note_failed(self, number: int, attempt: int, trouble: str, next_at: datetime | None) -> None:
        """The receiver did not take it; None: it is given up. A no-op where a later try has been claimed meanwhile."""
        this_try = (notifications.c.number == number) & (notifications.c.attempts == attempt)
        with self._writing() as db:
            db.execute(update(notifications).where(this_try).values(next_at=next_at, trouble=trouble))


def _missing(receiver: str) -> NotFoundError:
    return NotFoundError(f"No receiver of notifications is called {receiver}; `metrifly notify list` lists them")


def _receiver(db: Database, row: RowMapping) -> Receiver:
    mine = notifications.c.receiver == row["id"]
    numbers = select(func.count(notifications.c.next_at), func.max(notifications.c.delivered_at)).where(mine)
    waiting, delivered_at = db.execute(numbers).one()
    newest = select(notifications.c.trouble).where(mine, notifications.c.trouble != "")
    unsent = notifications.c.delivered_at.is_(None)
    trouble = db.execute(newest.where(unsent).order_by(notifications.c.number.desc()).limit(1)).scalar()
    return Receiver(
        id=ReceiverId(row["id"]),
        account=AccountId(row["account"]),
        kind=ReceiverKind(row["kind"]),
        address=row["address"],
        created_at=row["created_at"],
        waiting=waiting,
        delivered_at=delivered_at,
        trouble=trouble or "",
    )


def _told(db: Database, connection: ConnectionId | None = None) -> Mapping[ConnectionId, set[Reason]]:
    query = select(told) if connection is None else select(told).where(told.c.connection == connection)
    found: dict[ConnectionId, set[Reason]] = defaultdict(set)
    for row in db.execute(query).mappings():
        found[ConnectionId(row["connection"])].add(Reason(row["reason"]))
    return found


def _changed(db: Database, now: datetime) -> list[ConnectionId]:
    """Connections on which something else stands than what was told: three queries for all of them."""
    known = _told(db)
    attention: dict[ConnectionId, list[Attention]] = defaultdict(list)
    for item in standing(db, None):
        attention[item.connection].append(item)
    everyone = [to_connection(row) for row in db.execute(select(connections)).mappings()]
    return [
        each.id
        for each in everyone
        if news(known.get(each.id, ()), each, attention.get(each.id, ()), now).told != known.get(each.id, set())
    ]


def _due(now: datetime) -> Select[tuple[object, ...]]:
    return select(notifications).where(notifications.c.next_at <= now, not_(_behind())).order_by(notifications.c.number)


def _behind() -> ColumnElement[bool]:
    """Whether an earlier one of the same connection to the same receiver still waits."""
    earlier = notifications.alias()
    return exists().where(
        earlier.c.receiver == notifications.c.receiver,
        earlier.c.connection == notifications.c.connection,
        earlier.c.number < notifications.c.number,
        earlier.c.next_at.is_not(None),
    )


def _claim(db: Database, row: RowMapping, until: datetime) -> bool:
    """Whether it is ours: of several that read the same row, the first to write has it."""
    same = (notifications.c.number == row["number"]) & (notifications.c.attempts == row["attempts"])
    taken = update(notifications).where(same, notifications.c.next_at.is_not(None))
    return db.execute(taken.values(attempts=row["attempts"] + 1, next_at=until)).rowcount > 0


def _claimed(row: RowMapping) -> Notification:
    return Notification(
        number=row["number"],
        id=row["id"],
        receiver=ReceiverId(row["receiver"]),
        attempt=row["attempts"] + 1,
        body=row["body"],
    )
