"""What an exchange is, as data: each exchange's room fills in one `ExchangeSpec`; planning, client, drivers and CLI read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.streams import Paging, Stream


class Coverage(StrEnum):
    """Whether a surface of an exchange is synced."""

    COVERED = "covered"
    BY_HAND = "not covered - record by hand"
    NOT_VISIBLE = "not visible to this key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A product of an exchange (spot, convert, earn, margin, ...) and whether its history is synced."""

    name: str
    coverage: Coverage
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint that the read-only guard lets through: ccxt's section, verb and path template, and its weight in the budget."""

    method: str
    """Name of ccxt's implicit method, such as `privatePostTradesHistory`."""
    section: str | tuple[str, ...]
    """ccxt's `api` argument, such as `private` or `("spot", "private")`."""
    verb: str
    path: str
    """Path template as ccxt spells it, such as `trade/fills-history`."""
    weight: int = 1
    bucket: str = "ip"
    """Which limit of `ExchangeSpec.limits` its weight is taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the exchange allows: `capacity` units that refill at `per_second`; shared per key or per egress IP."""

    capacity: int
    per_second: float
    shared_by: str
    """`key` or `ip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """How one stream is asked: endpoint, paging family, page size, window, retention, and where a record's time stands."""

    stream: Stream
    endpoint: str
    """Method name of an `Endpoint` in the spec."""
    paging: Paging
    page_size: int
    time_field: str
    """Dotted path in the record to its time."""
    time_unit: str
    """`s`, `ms` or `datetime` (YYYY-MM-DD HH:MM:SS, UTC)."""
    rows_path: str = ""
    """Dotted path in the response to the rows; empty when the response is the list itself."""
    id_field: str = ""
    """Dotted path in the record to its id; `_key` where rows are a mapping and the driver puts the key there."""
    owner_fields: tuple[str, ...] = ()
    """Dotted paths to what else tells whose a record is, where both sides of a trade get the same id."""
    scopes: tuple[str, ...] = ("all",)
    """Fixed scopes; empty where scopes are discovered (markets)."""
    window: timedelta | None = None
    """Longest span one request may name; None for no limit."""
    retention: timedelta | None = None
    """How far back the exchange still answers; older history is limited."""
    history_starts: datetime | None = None
    """No record of this stream can be older; the first import starts here (or at the retention edge)."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Parameters sent with every request."""
    names: Mapping[str, str] = field(default_factory=dict)
    """How the endpoint names what the driver sends: `start`, `end`, `limit`, `offset`, `total`, `from_id`, `symbol`, `more`, ..."""
    param_unit: str = "ms"
    """How the endpoint wants times: `s` (whole seconds), `ms`, or `datetime`. Spans are proven in this unit."""
    gone: tuple[str, ...] = ()
    """Error codes that mean: this scope no longer exists at the exchange. What was read of it before stays."""
    exclusive: tuple[str, ...] = ()
    """Bounds that leave their own value out (`start`, `end`): the driver asks one unit wider there."""
    compare: tuple[str, ...] = ()
    """For snapshots: the fields of a row whose change makes a new record; empty for all."""
    overlap: timedelta = timedelta(days=1)
    deep_overlap: timedelta = timedelta(days=30)
    permission: str = ""
    """The switch at the exchange that lets a key read this stream, in the exchange's own words."""
    required: bool = False
    """Without it a connection is refused (trades); other streams are only marked as not permitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """One field a person fills in when connecting."""

    name: str
    """`api_key`, `secret` or `passphrase`."""
    label: str
    """The exchange's own word for it."""
    multiline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """One row of an exchange's error table: code and pattern of its message, and what they mean. First match wins."""

    code: str
    """Exact code; empty matches every code."""
    pattern: str
    """Regular expression searched in the message; empty matches every message."""
    reason: Reason
    retry: bool = False
    """Whether the same request may be asked again at once (transient)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What a person does at the exchange to create the key, in steps, with the switches to turn on and off."""

    steps: tuple[str, ...]
    switch_on: tuple[str, ...]
    switch_off: tuple[str, ...]
    secret_shown_once: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSpec:
    """All that is known of one exchange; `verified_live` is the day somebody synced a real exchange account, None for never."""

    name: str
    title: str
    credentials: tuple[CredentialField, ...]
    surfaces: tuple[Surface, ...]
    endpoints: tuple[Endpoint, ...]
    streams: tuple[StreamSpec, ...]
    errors: tuple[ErrorRule, ...]
    limits: Mapping[str, Limit]
    guide: Guide
    source: str
    settle: timedelta = timedelta(seconds=60)
    tells_powers: bool = True
    """Whether the exchange tells what a key may do; where it does not, a key is only taken on a person's word."""
    verified_live: str | None = None
    sweep_every: timedelta | None = None
    """Where symbols are discovered: how often all of them are asked."""

    def stream(self, stream: Stream) -> tuple[StreamSpec, ...]:
        """All specs of one stream (an exchange may read one stream from several endpoints)."""
        return tuple(spec for spec in self.streams if spec.stream is stream)
