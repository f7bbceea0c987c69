"""Connections and their sealed credentials: linking, replacing a key, moving, disconnecting."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import delete, exists, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.accounts import require_room
from metrifly_pipeline.control.attention import clear_key_findings, show_status
from metrifly_pipeline.control.engine import wipe_traces
from metrifly_pipeline.control.leases import fence
from metrifly_pipeline.control.notification_tables import receivers
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.requests import drop_unanswered, file
from metrifly_pipeline.control.retired_keys import refuse_retired
from metrifly_pipeline.control.rows import (
    from_connection,
    lock_connection,
    one_connection,
    to_connection,
)
from metrifly_pipeline.control.tables import connections, credentials, leases, portfolios, publishing
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.linking import linked_already
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.status import Connection, SealedCredential, Status, SyncKind, SyncRequest, Urgency
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


class Connections(Transactions):
    """The store's methods for connections and credentials."""

    def add_connection(self, connection: Connection, sealed: SealedCredential, now: datetime) -> SyncRequest:
        """Store connection and credential, file the first import, and number the change.

        RefusedError where the account's plan has no room, or where the same identity is linked already, in this account or another;
        NotFoundError for a portfolio of another account.
        """
        try:
            with self._writing() as db:
                _require_portfolio(db, connection.account, connection.portfolio)
                # First, for its lock: of transactions that link, the next one counts and compares when this one has ended.
                number_change(db, [connection.portfolio], Urgency.NOW, now)
                _require_unlinked(db, connection, connection.identity)
                require_room(db, connection.account)
                values = from_connection(connection) | {
                    "credential_version": sealed.version,
                    "shown_status": Status.IMPORTING,
                }
                db.execute(insert(connections).values(values))
                db.execute(insert(leases).values(connection=connection.id))
                _store(db, connection.id, sealed)
                return file(db, connection.id, SyncKind.FIRST_IMPORT, now)
        except IntegrityError:
            raise RefusedError(f"The id {connection.id} is taken; try again") from None

    def connection(self, connection: ConnectionId) -> Connection:
        """One connection; NotFoundError."""
        with self._reading() as db:
            return one_connection(db, connection)

    def connections(self, account: AccountId | None = None) -> Sequence[Connection]:
        """Connections, oldest first, disconnected ones included."""
        query = select(connections).order_by(connections.c.created_at, connections.c.id)
        if account is not None:
            query = query.where(connections.c.account == account)
        with self._reading() as db:
            return [to_connection(row) for row in db.execute(query).mappings()]

    def landed_connections(self) -> Sequence[ConnectionId]:
        """Ids of those that have landed anything, oldest first."""
        query = (
            select(connections.c.id).where(connections.c.landed).order_by(connections.c.created_at, connections.c.id)
        )
        with self._reading() as db:
            return [ConnectionId(each) for each in db.execute(query).scalars()]

    def find_identity(self, account: AccountId, exchange: str, identity: str) -> Connection | None:
        """The connection to that exchange account, disconnected ones included: this account's own, else another's."""
        with self._reading() as db:
            return _linked(db, account, exchange, identity)

    def sealed_credential(self, connection: ConnectionId) -> SealedCredential | None:
        """The newest version; None after a disconnect."""
        query = select(credentials).where(credentials.c.connection == connection)
        with self._reading() as db:
            row = db.execute(query.order_by(credentials.c.version.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else SealedCredential(**row)

    def has_credentials(self) -> bool:
        """Whether anything sealed is stored, of a receiver too (then a missing master key is an error, not a first use)."""
        secrets = exists(select(receivers.c.id).where(receivers.c.sealed.is_not(None)))
        with self._reading() as db:
            return bool(db.execute(select(or_(exists(select(credentials.c.connection)), secrets))).scalar())

    def replace_credential(
        self, connection: ConnectionId, sealed: SealedCredential, identity: str | None, now: datetime
    ) -> None:
        """Store the new version, erase the old, reconnect, and number the change.

        A running sync is fenced (its lease is lost), what was found about the old key is forgotten, and a sync request is filed.
        RefusedError where the identity is another one or is linked by another connection, and where the version isn't newer: somebody else
        replaced the key at the same time.
        """
        with self._writing() as db:
            known = lock_connection(db, connection)
            _require_replaceable(known, sealed, identity)
            number_change(db, [known.portfolio], Urgency.NOW, now)  # its lock, as in `add_connection`
            if known.identity is None:
                _require_unlinked(db, known, identity)
            if known.disconnected_at is not None:
                require_room(db, known.account)
            db.execute(delete(credentials).where(credentials.c.connection == connection))
            _store(db, connection, sealed)
            _reconnect(db, known, sealed, identity)
            fence(db, connection)
            clear_key_findings(db, connection)
            file(db, connection, SyncKind.SYNC_NOW if known.first_import_done else SyncKind.FIRST_IMPORT, now)
            show_status(db, connection, now)
        wipe_traces(self._engine)

    def move(self, connection: ConnectionId, portfolio: PortfolioId, now: datetime) -> None:
        """Let a connection flow into another portfolio of its account, and number the change of both.

        RefusedError where it flows into that one already, NotFoundError for a portfolio of another account.
        """
        with self._writing() as db:
            known = lock_connection(db, connection)
            _require_portfolio(db, known.account, portfolio)
            if known.portfolio == portfolio:
                raise RefusedError(f"{connection} flows into this portfolio already; nothing was changed")
            db.execute(update(connections).where(connections.c.id == connection).values(portfolio=portfolio))
            number_change(db, [known.portfolio, portfolio], Urgency.NOW, now)

    def disconnect(self, connection: ConnectionId, now: datetime) -> None:
        """Erase the credential, fence a running sync, drop waiting requests, mark, number the change. Again: nothing."""
        with self._writing() as db:
            known = lock_connection(db, connection)
            if known.disconnected_at is None:
                db.execute(delete(credentials).where(credentials.c.connection == connection))
                fence(db, connection)
                drop_unanswered(db, connection)
                clear_key_findings(db, connection)
                values = {"disconnected_at": now, "next_due_at": None, "retry_at": None}
                db.execute(update(connections).where(connections.c.id == connection).values(values))
                show_status(db, connection, now)
                number_change(db, [known.portfolio], Urgency.NOW, now)
        wipe_traces(self._engine)

    def note_probe(self, connection: ConnectionId, facts: KeyFacts, now: datetime) -> None:
        """The key was asked what it may do. An identity is kept where none was known; comparing it is the caller's."""
        noted = {"probed_at": now, "key_expires_at": facts.expires_at}
        known_before = true() if facts.identity is None else connections.c.identity.is_not(None)
        with self._at_once() as db:  # mostly no identity is news
            if db.execute(
                update(connections).where(connections.c.id == connection, known_before).values(noted)
            ).rowcount:
                return
        with self._writing() as db:
            known = lock_connection(db, connection)
            if known.identity is None and facts.identity is not None:
                # The lock of `number_change`, as in `add_connection`; but here is nothing to number.
                db.execute(select(publishing.c.id).with_for_update()).all()
                _require_unlinked(db, known, facts.identity)
            identity = known.identity or facts.identity
            db.execute(
                update(connections).where(connections.c.id == connection).values({**noted, "identity": identity})
            )


def _require_portfolio(db: Database, account: AccountId, portfolio: PortfolioId) -> None:
    owner = select(portfolios.c.account).where(portfolios.c.id == portfolio)
    if db.execute(owner).scalar() != account:
        raise NotFoundError(f"There is no portfolio {portfolio}")


def _linked(db: Database, account: AccountId, exchange: str, identity: str) -> Connection | None:
    query = select(connections).where(connections.c.exchange == exchange, connections.c.identity == identity)
    own_first = (connections.c.account != account, connections.c.id)
    row = db.execute(query.order_by(*own_first).limit(1)).mappings().one_or_none()
    return None if row is None else to_connection(row)


def _require_unlinked(db: Database, connection: Connection, identity: str | None) -> None:
    """RefusedError where this identity is linked by another connection, of whichever account."""
    linked = None if identity is None else _linked(db, connection.account, connection.exchange, identity)
    if linked is not None and linked.id != connection.id:
        raise RefusedError(linked_already(linked, connection.account))


def _require_replaceable(known: Connection, sealed: SealedCredential, identity: str | None) -> None:
    if None not in (identity, known.identity) and identity != known.identity:
        raise RefusedError(
            f"This key opens another exchange account than {known.id}; connect it as a connection of its own"
        )
    if sealed.version <= known.credential_version:
        raise RefusedError(f"The key of {known.id} was replaced by somebody else at the same time; look and try again")


def _store(db: Database, connection: ConnectionId, sealed: SealedCredential) -> None:
    db.execute(
        insert(credentials).values(
            connection=connection,
            version=sealed.version,
            key_id=sealed.key_id,
            wrapped_key=sealed.wrapped_key,
            sealed=sealed.sealed,
            fingerprint=sealed.fingerprint,
        )
    )
    refuse_retired(db, sealed.key_id)


def _reconnect(db: Database, known: Connection, sealed: SealedCredential, identity: str | None) -> None:
    values = {
        "credential_version": sealed.version,
        "identity": known.identity or identity,
        "disconnected_at": None,
        # What failed was the old key's doing; the sync filed now tells how the new one fares.
        "failing_since": None,
        "failures": 0,
        "retry_at": None,
        "key_expires_at": None,
    }
    db.execute(update(connections).where(connections.c.id == known.id).values(values))
