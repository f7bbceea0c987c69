"""The state of a connection and of its syncs, as stored in the control database and shown everywhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.streams import CursorState, Span, Stream


class Status(StrEnum):
    """What a connection is doing, in one word."""

    IMPORTING = "importing"
    UP_TO_DATE = "up_to_date"
    SYNCING = "syncing"
    DELAYED = "delayed"
    NEEDS_ATTENTION = "needs_attention"
    DISCONNECTED = "disconnected"


class SyncKind(StrEnum):
    """Why a sync was asked for; also its lane."""

    FIRST_IMPORT = "first_import"
    SYNC_NOW = "sync_now"
    DAILY = "daily"
    REBUILD = "rebuild"


class Urgency(StrEnum):
    """How soon a change must be published."""

    NOW = "now"
    SOON = "soon"


class Outcome(StrEnum):
    """How a sync run of one connection ended."""

    RUNNING = "running"
    ADDED = "added"
    NOTHING_NEW = "nothing_new"
    CONTINUES = "continues"
    FAILED = "failed"
    LEASE_LOST = "lease_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """One portfolio; `change_seq` is the last change a reader would see, `published_seq` the last one published."""

    id: PortfolioId
    account: AccountId
    name: str
    change_seq: int
    published_seq: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One exchange key flowing into one portfolio. `app_id` is the random number under which Delta knows it."""

    id: ConnectionId
    account: AccountId
    portfolio: PortfolioId
    exchange: str
    label: str
    base_url: str | None
    identity: str | None
    app_id: str
    created_at: datetime
    disconnected_at: datetime | None = None
    first_import_done: bool = False
    landed: bool = False
    """Whether anything has ever landed; only then is it a Dagster partition."""
    importing_done: int = 0
    importing_planned: int = 0
    last_checked_at: datetime | None = None
    last_success_at: datetime | None = None
    next_due_at: datetime | None = None
    retry_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    probed_at: datetime | None = None
    key_expires_at: datetime | None = None
    """When the key runs out; None where it doesn't, or the exchange does not tell."""
    swept_at: datetime | None = None
    credential_version: int = 0
    ailing: str = ""
    """Reasons, with a blank between them, that stood when a sync ended and that no good sync has cured since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write for one connection until `expires_at`; `token` rises with every lease and fences older ones."""

    connection: ConnectionId
    token: int
    holder: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """Somebody asked for a sync; it is answered by the first sync that starts after `filed_at`."""

    id: int
    connection: ConnectionId
    kind: SyncKind
    filed_at: datetime
    batch: int | None = None
    answered_by: int | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """What one sync of one connection did."""

    id: int
    connection: ConnectionId
    kind: SyncKind
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome = Outcome.RUNNING
    raw_landed: int = 0
    trades_added: int = 0
    movements_added: int = 0
    amended: int = 0
    quarantined: int = 0
    requests: int = 0
    reason: str = ""
    detail: str = ""
    last_trade_at: datetime | None = None
    cured: str = ""
    """Reasons, with a blank between them, that no longer stand because it ended well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """A span proven complete for one stream and scope."""

    connection: ConnectionId
    stream: str
    scope: str
    span: Span
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """The state of one stream of one connection, for people."""

    connection: ConnectionId
    stream: str
    permitted: bool
    last_success_at: datetime | None
    done: int = 0
    planned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeProgress:
    """What is stored of one stream and scope: where it stopped, and `done` of `planned` as the last page counted them."""

    stream: Stream
    scope: str
    state: CursorState | None
    done: int = 0
    planned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCredential:
    """A credential as it lies in the control database."""

    connection: ConnectionId
    version: int
    key_id: str
    wrapped_key: bytes
    sealed: bytes
    fingerprint: str
    """HMAC(subkey, api key)[:12]: tells two keys apart without showing either."""
