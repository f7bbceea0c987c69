"""From a pasted key to a connection, and what happens to it later: test, connect, replace the key, reconnect, disconnect."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, new_connection_id
from metrifly_pipeline.domain.ports import Budget, Clock, ControlStore, ExchangeGateway, ExchangeSession, Lake, Vault
from metrifly_pipeline.domain.reasons import MEANING, Reason, remedy_for, remedy_of_new_key
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import ExchangeTroubleError, RefusedError
from metrifly_pipeline.services.judging import key_notices, refusals
from metrifly_pipeline.services.permissions import permission_lines, unreadable_trades
from metrifly_pipeline.services.recognising import Recognising
from metrifly_pipeline.services.reports import PermissionLine


class KeyRefusedError(RefusedError):
    """The key may not be used; `reason` says why, the text adds the remedy. Nothing was stored."""

    def __init__(
        self, reason: Reason, detail: str, exchange: str, connection: ConnectionId | None, *, is_stored: bool = False
    ) -> None:
        """Put title, detail and remedy into one text; of the key that is stored the remedy is that of its syncs."""
        extra = f" ({detail})" if detail else ""
        remedy = (remedy_for if is_stored else remedy_of_new_key)(reason, exchange, connection)
        super().__init__(f"{MEANING[reason].title}{extra}. {remedy}")
        self.reason = reason


class PowersUnverifiedError(RefusedError):
    """The exchange does not tell what a key may do, and nobody said that it can only read. Nothing was stored."""

    reason = Reason.PERMISSIONS_NOT_VERIFIABLE

    def __init__(self, title: str) -> None:
        """Say what that means, and how to go on."""
        super().__init__(
            f"{title} does not tell what a key may do, so nobody but you can know that this one can only read. Check there that "
            "trading, withdrawals and transfers are off, then give the same command once more with --accept-unverified. Nothing was "
            "stored."
        )


class IdentityUnverifiedError(RefusedError):
    """Nobody can tell whether a new key opens the same exchange account, and nobody said that it does. Nothing was stored."""


Answer = Callable[[str], bool]
"""Puts a question to a person; whether the answer is yes."""


def say_no(_question: str) -> bool:
    """The answer where nobody was asked."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """What a person gives to connect."""

    account: AccountId
    exchange: str
    portfolio: str
    """Name or id."""
    credential: Credential
    label: str = ""
    accept_unverified: bool = False
    """The owner says that the key can only read; asked for where the exchange does not tell."""
    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPorts:
    """What connecting is joined from."""

    control: ControlStore
    lake: Lake
    vault: Vault
    gateway: ExchangeGateway
    budget: Budget
    clock: Clock
    rng: random.Random
    allowed_ips: tuple[str, ...] = ()


class Connecting:
    """The verbs around a connection's key. Nothing is stored before every check has passed."""

    def __init__(self, ports: ConnectPorts) -> None:
        """Join the ports."""
        self._ports = ports
        self._recognising = Recognising(ports.control, ports.lake, ports.clock)

    def test(self, exchange: str, credential: Credential, base_url: str | None = None) -> list[PermissionLine]:
        """Try a key without storing anything: one line a permission."""
        spec = self._ports.gateway.spec(exchange)
        try:
            with closing(self._open(exchange, credential, base_url)) as session:
                return permission_lines(spec, session.probe(), session, self._ports.allowed_ips)
        except ExchangeTroubleError as trouble:
            raise KeyRefusedError(trouble.reason, trouble.detail, exchange, None) from None

    def test_connection(self, connection_id: ConnectionId) -> list[PermissionLine]:
        """The same for the key that is stored."""
        connection = self._ports.control.connection(connection_id)
        sealed = self._ports.control.sealed_credential(connection_id)
        if sealed is None:
            message = (
                f"{connection_id} is disconnected and its key was erased. Run `metrifly reconnect {connection_id}`."
            )
            raise RefusedError(message)
        credential = self._ports.vault.open(connection.account, sealed)
        try:
            with closing(self._open(connection.exchange, credential, connection.base_url)) as session:
                spec = self._ports.gateway.spec(connection.exchange)
                return permission_lines(spec, session.probe(), session, self._ports.allowed_ips)
        except ExchangeTroubleError as trouble:
            raise KeyRefusedError(
                trouble.reason, trouble.detail, connection.exchange, connection_id, is_stored=True
            ) from None

    def connect(self, request: ConnectRequest) -> Connection:
        """Check the key, then store connection and sealed credential and file the first import.

        Raises:
            KeyRefusedError: The key can't be used; nothing was stored.
            PowersUnverifiedError: The exchange does not tell what it may do, and it was not accepted so.
            RefusedError: This exchange account is linked already, the account's plan has no room, or there is no such portfolio or
                exchange.
        """
        ports = self._ports
        portfolio = ports.control.find_portfolio(request.account, request.portfolio)
        spec = ports.gateway.spec(request.exchange)
        with self._checked(request.exchange, request.credential, request.base_url, None) as (facts, session):
            _require_verified(spec, facts, None, accepted=request.accept_unverified)
            self._recognising.require_unlinked(request.account, spec, request.base_url, facts, session)
        now = ports.clock()
        connection_id = self._free_id(request.exchange)
        connection = Connection(
            id=connection_id,
            account=request.account,
            portfolio=portfolio.id,
            exchange=request.exchange,
            label=request.label.strip(),
            base_url=request.base_url,
            identity=facts.identity,
            app_id=f"{ports.rng.getrandbits(128):032x}",
            created_at=now,
            probed_at=now,
            key_expires_at=facts.expires_at,
            credential_version=1,
        )
        sealed = ports.vault.seal(request.account, connection_id, 1, request.credential)
        ports.control.add_connection(connection, sealed, now)
        self._store_facts(connection_id, request.exchange, facts)
        return ports.control.connection(connection_id)

    def replace_key(
        self,
        connection_id: ConnectionId,
        credential: Credential,
        is_same_account: Answer = say_no,
        *,
        accept_unverified: bool = False,
    ) -> Connection:
        """Put a new key in place of the old: same connection, cursors and trades; also reconnects.

        Args:
            connection_id: The connection.
            credential: The new key.
            is_same_account: Asked only where neither the exchange nor any record tells which exchange account a key opens.
            accept_unverified: The owner says that the key can only read; asked for where the exchange does not tell.

        Raises:
            KeyRefusedError: The key can't be used, or opens a different exchange account; the old one stays.
            IdentityUnverifiedError: It could not be verified that it is the same exchange account, and the answer wasn't yes.
            RefusedError: It would reconnect, and the account's plan has no room.
        """
        ports = self._ports
        connection = ports.control.connection(connection_id)
        spec = ports.gateway.spec(connection.exchange)
        with self._checked(connection.exchange, credential, connection.base_url, connection_id) as (facts, session):
            _require_verified(spec, facts, connection_id, accepted=accept_unverified)
            same = self._recognising.is_same(connection, spec, facts, session)
        self._require_same_account(connection, same, is_same_account)
        version = connection.credential_version + 1
        sealed = ports.vault.seal(connection.account, connection_id, version, credential)
        ports.control.replace_credential(connection_id, sealed, facts.identity, ports.clock())
        self._store_facts(connection_id, connection.exchange, facts)
        return ports.control.connection(connection_id)

    def reconnect(
        self,
        connection_id: ConnectionId,
        credential: Credential,
        is_same_account: Answer = say_no,
        *,
        accept_unverified: bool = False,
    ) -> Connection:
        """Connect a disconnected connection again, with a key of the same exchange account; it goes on where it stopped.

        Raises:
            RefusedError: It is connected. Otherwise as `replace_key`.
        """
        require_disconnected(self._ports.control.connection(connection_id))
        return self.replace_key(connection_id, credential, is_same_account, accept_unverified=accept_unverified)

    def _require_same_account(self, connection: Connection, same: bool | None, is_same: Answer) -> None:  # noqa: FBT001 - a finding
        if same is None:
            title = self._ports.gateway.spec(connection.exchange).title
            doubt = (
                f"It could not be verified that this key opens the same exchange account as before: {title} does not tell, and "
                f"{connection.id} has no record yet that could be compared. The trades of another one would be mixed with its own."
            )
            if not is_same(doubt):
                raise IdentityUnverifiedError(f"{doubt} Nothing was changed.")
        elif not same:
            raise KeyRefusedError(Reason.DIFFERENT_ACCOUNT, "", connection.exchange, connection.id)

    def disconnect(self, connection_id: ConnectionId) -> Connection:
        """Stop the syncs and erase the credential; every trade stays."""
        self._ports.control.disconnect(connection_id, self._ports.clock())
        return self._ports.control.connection(connection_id)

    @contextmanager
    def _checked(
        self, exchange: str, credential: Credential, base_url: str | None, connection: ConnectionId | None
    ) -> Iterator[tuple[KeyFacts, ExchangeSession]]:
        """What a key may do, and a session for more questions; KeyRefusedError where it can't be used, or in the midst of those."""
        spec = self._ports.gateway.spec(exchange)
        try:
            with closing(self._open(exchange, credential, base_url)) as session:
                facts = session.probe()
                refused = refusals(facts, spec, self._ports.allowed_ips)
                if not refused and facts.can_read_trades is None:
                    refused = unreadable_trades(spec, session)
                if refused:
                    raise KeyRefusedError(refused[0].reason, refused[0].detail, exchange, connection)
                yield facts, session
        except ExchangeTroubleError as trouble:
            raise KeyRefusedError(trouble.reason, trouble.detail, exchange, connection) from None

    def _open(self, exchange: str, credential: Credential, base_url: str | None) -> ExchangeSession:
        return self._ports.gateway.open(exchange, credential, base_url=base_url, budget=self._ports.budget)

    def _free_id(self, exchange: str) -> ConnectionId:
        taken = {connection.id for connection in self._ports.control.connections()}
        while (candidate := new_connection_id(exchange, self._ports.rng)) in taken:
            pass
        return candidate

    def _store_facts(self, connection: ConnectionId, exchange: str, facts: KeyFacts) -> None:
        spec, now = self._ports.gateway.spec(exchange), self._ports.clock()
        permitted = {stream.stream.value: stream.stream.value not in facts.unreadable for stream in spec.streams}
        self._ports.control.set_stream_permission(connection, permitted, now)
        self._ports.control.replace_findings(connection, "key", key_notices(facts, spec, now), now)
        self._ports.control.note_probe(connection, facts, now)


def require_untold(spec: ExchangeSpec) -> None:
    """RefusedError where there is nothing to accept unverified, since the exchange tells what a key may do."""
    if spec.tells_powers:
        raise RefusedError(
            f"{spec.title} tells what a key may do, so there is nothing to accept unverified: leave --accept-unverified out. A key "
            "that can do more than read is refused."
        )


def _require_verified(spec: ExchangeSpec, facts: KeyFacts, connection: ConnectionId | None, *, accepted: bool) -> None:
    """Refuse a key of which not every power is known to be off, but where the exchange tells of none and its owner accepts that."""
    if None not in (facts.can_trade, facts.can_withdraw):
        return
    if spec.tells_powers:
        detail = "it did not tell what the key may do"
        raise KeyRefusedError(Reason.UNEXPECTED_RESPONSE, detail, spec.name, connection)
    if not accepted:
        raise PowersUnverifiedError(spec.title)


def require_disconnected(connection: Connection) -> None:
    """RefusedError where it is connected: reconnecting is for those that were disconnected."""
    if connection.disconnected_at is None:
        raise RefusedError(
            f"{connection.id} is connected. To give it another key, run `metrifly replace-key {connection.id}`."
        )
