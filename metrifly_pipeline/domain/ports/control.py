"""The control room: who is connected, how far each sync came, what stands in the way, and what is due."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.plans import Account, Plan
from metrifly_pipeline.domain.ports.budgets import BudgetStore
from metrifly_pipeline.domain.ports.entries import EntryStore
from metrifly_pipeline.domain.ports.erasures import ErasureStore
from metrifly_pipeline.domain.ports.master_keys import SealedRowStore
from metrifly_pipeline.domain.ports.moves import Advance, Finding, RunEnd
from metrifly_pipeline.domain.ports.notifications import NotificationStore
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.status import (
    Connection,
    CoverageRow,
    Lease,
    Portfolio,
    ScopeProgress,
    SealedCredential,
    StreamState,
    SyncKind,
    SyncRequest,
    SyncRun,
    Urgency,
)
from metrifly_pipeline.domain.streams import CursorState, Stream


class ControlStore(BudgetStore, EntryStore, ErasureStore, NotificationStore, SealedRowStore, Protocol):
    """The control database. Each method is one transaction; times are aware UTC."""

    # Accounts and portfolios
    def ensure_account(self, name: str, now: datetime) -> AccountId:
        """The account of that name, in any case of letters; `default` (Pro) is made on first use, NotFoundError for any other."""

    def create_account(self, name: str, plan: Plan, now: datetime) -> Account:
        """Make an account; RefusedError where the name is taken (any case) or empty."""

    def account(self, account: AccountId) -> Account:
        """One account with what it has linked; NotFoundError."""

    def accounts(self) -> Sequence[Account]:
        """Every account, oldest first."""

    def set_plan(self, account: AccountId, plan: Plan) -> Account:
        """Change the plan; what is linked beyond it stays linked. NotFoundError."""

    def create_portfolio(self, account: AccountId, name: str, now: datetime) -> Portfolio:
        """Make a portfolio; RefusedError where the name is taken (any case) or empty."""

    def portfolios(self, account: AccountId | None = None) -> Sequence[Portfolio]:
        """Portfolios, oldest first; all accounts' for None."""

    def find_portfolio(self, account: AccountId, name_or_id: str) -> Portfolio:
        """By id or name (any case); NotFoundError names what exists."""

    # Connections and credentials
    def add_connection(self, connection: Connection, sealed: SealedCredential, now: datetime) -> SyncRequest:
        """Store connection and credential, file the first import, and number the change; one transaction.

        RefusedError where the account's plan has no room, or where the same identity is linked already, in this account or another.
        """

    def connection(self, connection: ConnectionId) -> Connection:
        """One connection; NotFoundError."""

    def connections(self, account: AccountId | None = None) -> Sequence[Connection]:
        """Connections, oldest first, disconnected ones included."""

    def landed_connections(self) -> Sequence[ConnectionId]:
        """Ids of those that have landed anything, oldest first."""

    def find_identity(self, account: AccountId, exchange: str, identity: str) -> Connection | None:
        """The connection to that exchange account, disconnected ones included: this account's own, else another's."""

    def sealed_credential(self, connection: ConnectionId) -> SealedCredential | None:
        """The newest version; None after a disconnect."""

    def has_credentials(self) -> bool:
        """Whether anything sealed is stored, of a receiver too (then a missing master key is an error, not a first use)."""

    def replace_credential(
        self, connection: ConnectionId, sealed: SealedCredential, identity: str | None, now: datetime
    ) -> None:
        """Store the new version and erase the old.

        A running sync is fenced (its lease is lost), a disconnected connection reconnected, the key's attention cleared, a sync
        request filed and the change numbered. RefusedError where reconnecting goes beyond the account's plan.
        """

    def move(self, connection: ConnectionId, portfolio: PortfolioId, now: datetime) -> None:
        """Let a connection flow into another portfolio of its account; number the change of both.

        RefusedError where it flows into that one already.
        """

    def disconnect(self, connection: ConnectionId, now: datetime) -> None:
        """Erase the credential, fence a running sync, drop waiting requests, mark, number the change."""

    def note_probe(self, connection: ConnectionId, facts: KeyFacts, now: datetime) -> None:
        """The key was asked what it may do (at most once a day)."""

    # Leases
    def acquire_lease(self, connection: ConnectionId, holder: str, now: datetime, duration: timedelta) -> Lease | None:
        """The lease with the next token; None while another holder's is unexpired."""

    def renew_lease(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Same token, later end; LeaseLostError where the token was overtaken or released."""

    def release_lease(self, lease: Lease) -> None:
        """Let go; a no-op where it was lost."""

    def held(self, leases: Sequence[Lease], now: datetime) -> set[ConnectionId]:
        """Those of `leases` whose token is still the newest and unexpired."""

    def leased(self, now: datetime) -> set[ConnectionId]:
        """Connections that somebody holds a lease of at `now`."""

    def lease_ends(self) -> Mapping[ConnectionId, datetime]:
        """Until when somebody holds the lease of a connection; those that ran out and that nobody took over, too."""

    # Cursors and coverage
    def cursors(self, connection: ConnectionId) -> Mapping[tuple[Stream, str], CursorState]:
        """Where each stream and scope stopped."""

    def scope_progress(self, connection: ConnectionId) -> Sequence[ScopeProgress]:
        """How far each stream and scope has come; one that was only counted has no state."""

    def coverage(
        self, connection: ConnectionId | None = None, *, single_spans_of: Collection[str] | None = None
    ) -> Sequence[CoverageRow]:
        """Proven spans; touching and overlapping ones are stored as one.

        With `single_spans_of`, what is proven in one piece is left out but for these streams: elsewhere only pieces tell that something lacks.
        """

    def coverage_rows(self) -> Sequence[Sequence[object]]:
        """Those of all connections as rows of a table (connection, stream, scope, start, end, how it ended), times in microseconds since 1970.

        Where an exchange is asked symbol by symbol a connection has hundreds, and every publish shows all: so they are made nothing else.
        """

    def advance(self, advances: Sequence[Advance], now: datetime) -> set[ConnectionId]:
        """Move cursors, coverage and progress, each guarded by its lease; returns connections whose lease is lost (unmoved)."""

    def stream_states(self, connection: ConnectionId | None = None) -> Sequence[StreamState]:
        """The state of each stream, for people."""

    def set_stream_permission(self, connection: ConnectionId, permitted: Mapping[str, bool], now: datetime) -> None:
        """What the key may read, by stream."""

    # Sync requests, batches and runs
    def file_request(self, connection: ConnectionId, kind: SyncKind, now: datetime) -> SyncRequest:
        """Ask for a sync; an unanswered, unstarted request of the same kind is returned instead of a second one."""

    def requests(self, *, waiting: bool, kinds: Sequence[SyncKind] | None = None) -> Sequence[SyncRequest]:
        """Requests, oldest first; `waiting`: neither answered nor in a batch."""

    def is_idle(self, now: datetime) -> bool:
        """Whether no request is unanswered, in a batch or not, and no lease ran out that nobody gave back."""

    def request(self, request: int) -> SyncRequest:
        """One request; NotFoundError."""

    def make_batch(
        self, connections: Sequence[ConnectionId], kind: SyncKind, requests: Sequence[int], now: datetime
    ) -> int:
        """Give a set of connections a number that a Dagster run can name."""

    def batch(self, batch: int) -> tuple[SyncKind, Sequence[ConnectionId]]:
        """The connections of a batch; NotFoundError."""

    def requeue(self, connections: Sequence[ConnectionId]) -> int:
        """Unanswered requests of these connections leave their batch and wait again, attempt + 1; returns how many."""

    def unanswered_batches(self) -> Mapping[int, datetime]:
        """Batches that hold unanswered requests, and when they were made; oldest first."""

    def batch_died(self, batch: int, now: datetime) -> bool:
        """Whether whoever worked on this batch is dead: a lease taken since it was made ran out, and none of its connections is leased."""

    def requeue_batch(self, batch: int) -> int:
        """Unanswered requests of this batch wait again, attempt + 1; returns how many."""

    def requeue_stale_batches(self, now: datetime, older_than: timedelta) -> int:
        """Requests whose batch died unanswered wait again, attempt + 1; returns how many."""

    def start_run(self, connection: ConnectionId, kind: SyncKind, now: datetime) -> SyncRun:
        """A sync of one connection begins."""

    def finish_run(
        self,
        run: SyncRun,
        findings: Sequence[Finding],
        *,
        urgency: Urgency,
        next_due_at: datetime | None,
        retry_at: datetime | None,
        swept: bool = False,
        now: datetime,
    ) -> RunEnd:
        """Store what a run did.

        Answer the requests filed before it started; set times and failure counters, and when the connection was `swept`, if the run
        came to its end; replace the sync's findings (see `replace_findings`, stage `sync`); number a change where a reader would see
        one (rows added, findings or status changed, reasons cured: the run as stored names them).
        """

    def runs(self, connection: ConnectionId | None = None, limit: int = 50) -> Sequence[SyncRun]:
        """Sync runs, newest first."""

    def run(self, run: int) -> SyncRun:
        """One run; NotFoundError."""

    def due(self, now: datetime, limit: int) -> Sequence[ConnectionId]:
        """Connected connections whose next_due_at has passed, or retry_at; permanent level-action reasons stop them."""

    # Attention
    def attention(self, connection: ConnectionId | None = None) -> Sequence[Attention]:
        """What stands now, oldest first."""

    def replace_findings(
        self, connection: ConnectionId, stage: str, findings: Sequence[Finding], now: datetime
    ) -> bool:
        """What one stage (`sync`, `reconcile`, `normalize`) finds now replaces what it found before.

        A reason that stays keeps its `since`, and its acknowledgement while its detail stays too; returns whether anything changed (then the
        change is numbered).
        """

    def replace_stages(
        self, found: Mapping[str, Mapping[ConnectionId, Sequence[Finding]]], now: datetime
    ) -> Collection[ConnectionId]:
        """The same for whole stages over all connections, by stage; a connection that isn't named there has none of its findings.

        Returns those of which a reader would see a difference, also where only time has changed the status. One of which nothing differs costs
        no transaction.
        """

    def acknowledge(
        self, connection: ConnectionId, seen: Sequence[Attention], given: Acknowledgement | None, now: datetime
    ) -> int:
        """Mark what stands exactly as it was seen as acknowledged, or with None no longer so; number the change.

        Returns how many findings: 0 where none of them stands in these words any more.
        """

    # Publishing
    def publish_due(self, now: datetime) -> tuple[int, int] | None:
        """(highest change_seq, attempt) if a publish is due now, else None.

        At once (10 s after the change, to gather others) for urgent changes, 10 minutes after the last publish for others, or longer with
        thousands of connections, hourly at the least while anything is unpublished.
        """

    def change_seq(self) -> int:
        """The newest number of the global sequence."""

    def mark_published(self, change_seq: int, now: datetime) -> None:
        """Everything up to `change_seq` is in the warehouse."""

    def claim_maintenance(self, now: datetime, every: timedelta) -> bool:
        """Whether the lake is due to be tidied and the caller is the one to do it: of several that ask, one, once in `every`."""
