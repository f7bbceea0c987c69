"""Connections and their sealed credentials: linking, replacing a key, disconnecting."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.attention import clear_key_findings, show_status
from metrifly_pipeline.control.engine import wipe_traces
from metrifly_pipeline.control.leases import fence
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.requests import drop_unanswered, file
from metrifly_pipeline.control.rows import from_connection, lock_connection, one_connection, to_connection
from metrifly_pipeline.control.tables import connections, credentials, leases, portfolios
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.status import Connection, SealedCredential, Status, SyncKind, SyncRequest, Urgency
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


class Connections(Transactions):
    """The store's methods for connections and credentials."""

    def add_connection(self, connection: Connection, sealed: SealedCredential, now: datetime) -> SyncRequest:
        """Store connection and credential, file the first import, and number the change.

        RefusedError where this account has linked the same identity already, NotFoundError for a portfolio of another account.
        """
        try:
            with self._writing() as db:
                _require_portfolio(db, connection)
                values = from_connection(connection) | {
                    "credential_version": sealed.version,
                    "shown_status": Status.IMPORTING,
                }
                db.execute(insert(connections).values(values))
                db.execute(insert(leases).values(connection=connection.id))
                _store(db, connection.id, sealed)
                request = file(db, connection.id, SyncKind.FIRST_IMPORT, now)
                number_change(db, [connection.portfolio], Urgency.NOW, now)
                return request
        except IntegrityError:  # the database's own rule, so it holds against another process too
            raise self._taken(connection, connection.identity) from None

    def _taken(self, connection: Connection, identity: str | None) -> RefusedError:
        linked = None if identity is None else self.find_identity(connection.account, connection.exchange, identity)
        if linked is None:
            return RefusedError(f"The id {connection.id} is taken; try again")
        return RefusedError(
            f"This exchange account is linked already as {linked.id}; "
            f"run `metrifly replace-key {linked.id}` to give it another key"
        )

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

    def find_identity(self, account: AccountId, exchange: str, identity: str) -> Connection | None:
        """This account's connection to that exchange account, if any (disconnected ones included)."""
        query = select(connections).where(
            connections.c.account == account,
            connections.c.exchange == exchange,
            connections.c.identity == identity,
        )
        with self._reading() as db:
            row = db.execute(query).mappings().one_or_none()
        return None if row is None else to_connection(row)

    def sealed_credential(self, connection: ConnectionId) -> SealedCredential | None:
        """The newest version; None after a disconnect."""
        query = select(credentials).where(credentials.c.connection == connection)
        with self._reading() as db:
            row = db.execute(query.order_by(credentials.c.version.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else SealedCredential(**row)

    def has_credentials(self) -> bool:
        """Whether any credential is stored (then a missing master key is an error, not a first use)."""
        with self._reading() as db:
            return bool(db.execute(select(exists(select(credentials.c.connection)))).scalar())

    def replace_credential(
        self, connection: ConnectionId, sealed: SealedCredential, identity: str | None, now: datetime
    ) -> None:
        """Store the new version, erase the old, reconnect, and number the change.

        A running sync is fenced (its lease is lost), what was found about the old key is forgotten, and a sync request is filed.
        RefusedError where the identity is another one or is linked by another connection, and where the version isn't newer: somebody else
        replaced the key at the same time.
        """
        known = self.connection(connection)
        try:
            with self._writing() as db:
                known = lock_connection(db, connection)
                _require_replaceable(known, sealed, identity)
                db.execute(delete(credentials).where(credentials.c.connection == connection))
                _store(db, connection, sealed)
                _reconnect(db, known, sealed, identity)
                fence(db, connection)
                clear_key_findings(db, connection)
                file(db, connection, SyncKind.SYNC_NOW if known.first_import_done else SyncKind.FIRST_IMPORT, now)
                show_status(db, connection, now)
                number_change(db, [known.portfolio], Urgency.NOW, now)
        except IntegrityError:
            raise self._taken(known, identity) from None
        wipe_traces(self._engine)

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
        known = self.connection(connection)
        try:
            with self._writing() as db:
                known = lock_connection(db, connection)
                identity = known.identity or facts.identity
                values = {"probed_at": now, "identity": identity, "key_expires_at": facts.expires_at}
                db.execute(update(connections).where(connections.c.id == connection).values(values))
        except IntegrityError:
            raise self._taken(known, facts.identity) from None

    def note_sweep(self, connection: ConnectionId, now: datetime) -> None:
        """All symbols were asked."""
        with self._writing() as db:
            lock_connection(db, connection)
            db.execute(update(connections).where(connections.c.id == connection).values(swept_at=now))


def _require_portfolio(db: Database, connection: Connection) -> None:
    owner = select(portfolios.c.account).where(portfolios.c.id == connection.portfolio)
    if db.execute(owner).scalar() != connection.account:
        raise NotFoundError(f"There is no portfolio {connection.portfolio}")


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
