"""A home of the product beside local exchanges on one clock that a test turns; nobody ever sleeps."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from metrifly_pipeline.bootstrap import Product, open_product
from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.status import Connection, Outcome
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.dialects import Dialect
from metrifly_pipeline.sandbox.faults import Fault, FaultKind, Faults
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from metrifly_pipeline.sandbox.wire import Request, Response
from metrifly_pipeline.services.connecting import ConnectRequest
from metrifly_pipeline.services.reports import ConnectionReport, ConnectionView, PublishReport
from metrifly_pipeline.settings import Settings
from tests.support.founding import found
from tests.support.reading import read

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = 11
PORTFOLIO = "Main"
RENEWED_EVERY = 30.0


class Time:
    """One clock for exchanges and product; sleeping turns it."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.while_asleep = lambda: None
        self._lock = threading.Lock()

    def clock(self) -> datetime:
        return self.now

    def unix(self) -> float:
        return self.now.timestamp()

    @property
    def now_us(self) -> int:
        return (self.now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def turn(self, **span: float) -> None:
        """Let time pass: `days=1`, `hours=2`, ..."""
        self.now += timedelta(**span)

    def sleep(self, seconds: float) -> None:
        """Turn the clock as far as a sleeper waits; what runs every half minute meanwhile (leases are renewed) runs."""
        with self._lock:
            self.slept.append(seconds)
            while seconds > 0:
                step = min(seconds, RENEWED_EVERY)
                self.turn(seconds=step)
                self.while_asleep()
                seconds -= step


def account_of(source: TruthAccount | AccountBuilder) -> TruthAccount:
    return source.account if isinstance(source, AccountBuilder) else source


def key_of(account: TruthAccount) -> TruthKey:
    """The account's newest key."""
    return list(account.keys.values())[-1]


class Watched(Faults):
    """The exchanges' faults, which see every answer: they note what was asked and how it was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[Request, int]] = []

    def spoil(self, fault: Fault | None, dialect: Dialect, request: Request, response: Response) -> Response:
        answer = super().spoil(fault, dialect, request, response)
        self.answers.append((request, answer.status))
        return answer


class Home:
    """One product under a folder of its own, local exchanges beside it, and what people do with both."""

    def __init__(self, folder: Path, time: Time) -> None:
        self.folder = folder
        self.time = time
        self.accounts: dict[ConnectionId, TruthAccount] = {}
        self.product: Product
        self.sandbox: Sandbox
        self.seen: Watched
        self._open = ExitStack()

    def start(self, *sources: TruthAccount | AccountBuilder, egress_ips: str = "", scale: float = 1e6) -> "Home":
        """Serve these accounts and open the product; `scale` multiplies every limit, on both sides."""
        accounts = [account_of(source) for source in sources]
        self.sandbox = Sandbox(accounts, seed=SEED, clock=self.time.unix, scale=scale)
        self.sandbox.faults = self.seen = Watched()
        self._open.enter_context(self.sandbox)
        settings = Settings(home=found(self.folder), limit_scale=scale, egress_ips=egress_ips)
        opened = open_product(settings, clock=self.time.clock, sleep=self.time.sleep)
        self.product = self._open.enter_context(opened)
        self.time.while_asleep = self.product.syncing._leasing.renew_all
        if not self.product.control.portfolios(self.product.account):
            self.product.control.create_portfolio(self.product.account, PORTFOLIO, self.time.now)
        return self

    def close(self) -> None:
        self._open.close()

    # What the portfolio owner does

    def connect(
        self,
        source: TruthAccount | AccountBuilder,
        key: TruthKey | None = None,
        *,
        customer: AccountId | None = None,
        portfolio: str = PORTFOLIO,
        accept_unverified: bool = False,
        **changed: str,
    ) -> Connection:
        """Connect an account with its newest key, or with that key changed in some fields."""
        account = account_of(source)
        request = ConnectRequest(
            account=customer or self.product.account,
            exchange=account.exchange,
            portfolio=portfolio,
            credential=self.credential(key or key_of(account), **changed),
            accept_unverified=accept_unverified,
            base_url=self.sandbox.base_url(account.exchange),
        )
        made = self.product.connecting.connect(request)
        self.accounts[made.id] = account
        return made

    def customer(self, name: str, plan: Plan) -> AccountId:
        """One more customer, with a portfolio of the usual name."""
        made = self.product.accounting.create(name, plan)
        self.product.control.create_portfolio(made.id, PORTFOLIO, self.time.now)
        return made.id

    @staticmethod
    def credential(key: TruthKey, **changed: str) -> Credential:
        key = replace(key, **changed)
        return Credential(key.api_key, key.secret, key.passphrase)

    def work(self) -> list[ConnectionReport]:
        """Sync whatever waits until nothing does, continuations of a first import too; the last report of each connection."""
        reports: dict[ConnectionId, ConnectionReport] = {}
        while batches := self.product.requesting.batches():
            for batch in batches:
                reports |= {each.connection: each for each in self.product.syncing.sync(batch.connections, batch.kind)}
        return list(reports.values())

    def sync(self, *connections: ConnectionId) -> ConnectionReport:
        """Sync now (all connections where none is named); the report of the last."""
        wanted = connections or tuple(each.id for each in self.live())
        self.product.requesting.file(wanted)
        return self.work()[-1]

    def live(self) -> list[Connection]:
        return [each for each in self.product.control.connections() if each.disconnected_at is None]

    def daily(self) -> list[ConnectionReport]:
        """What the schedule does: sync the connections that are due now."""
        reports = []
        for batch in self.product.requesting.daily_batches(250):
            reports += list(self.product.syncing.sync(batch.connections, batch.kind))
        return reports

    def imported(self, source: TruthAccount | AccountBuilder) -> ConnectionId:
        """Connect and import to the end; the connection's id."""
        made = self.connect(source)
        assert {report.run.outcome for report in self.work()} <= {Outcome.ADDED, Outcome.NOTHING_NEW}
        return made.id

    # What the exchange does

    def fault(
        self, exchange: str, kind: FaultKind, path: str = "", *, times: int = 1, after: int = 0, value: str = ""
    ) -> Fault:
        fault = Fault(exchange=exchange, path=path, kind=kind, times=times, after=after, value=value)
        with self.sandbox.lock:
            self.sandbox.faults.add(fault)
        return fault

    def mend(self) -> None:
        """Take all faults away."""
        with self.sandbox.lock:
            self.sandbox.faults.clear()

    def change_key(self, source: TruthAccount | AccountBuilder, **changed: Any) -> TruthKey:
        """Let the owner change the newest key at the exchange."""
        account = account_of(source)
        with self.sandbox.lock:
            before = key_of(account)
            account.keys[before.api_key] = replace(before, **changed)
        return account.keys[before.api_key]

    def new_key(self, source: TruthAccount | AccountBuilder, like: TruthKey | None = None) -> TruthKey:
        """Let the owner make one more key of the same account, in the form of its newest one or of `like`."""
        account = account_of(source)
        old = like or key_of(account)
        made = replace(old, api_key=other(old.api_key), secret=other(old.secret))
        with self.sandbox.lock:
            account.keys[made.api_key] = made
        return made

    def asked(self) -> Counter[str]:
        """Requests since the last call, by "METHOD /path"."""
        with self.sandbox.lock:
            counted = Counter({path: number for (_, path), number in self.sandbox.requests.items()})
            self.sandbox.requests.clear()
            self.seen.answers.clear()
        return counted

    # What people see

    def publish(self) -> PublishReport:
        return self.product.publishing.publish()

    def read(self, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
        """Column names and rows of the analyst's file."""
        return read(self.product.lake.warehouse_path, sql)

    def query(self, sql: str) -> list[dict[str, Any]]:
        names, rows = self.read(sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def value(self, sql: str) -> Any:
        """The one value that a query answers with."""
        ((value,),) = self.read(sql)[1]
        return value

    def view(self, connection: ConnectionId) -> ConnectionView:
        """The connection in listings (its rows uncounted: that takes longest, and few tests ask)."""
        return next(view for view in self.product.listing.views(counts={}) if view.connection.id == connection)

    def standing(self, connection: ConnectionId) -> dict[str, Attention]:
        """What stands on a connection, by reason."""
        return {item.reason.value: item for item in self.product.control.attention(connection)}

    def published(self, connection: ConnectionId) -> dict[str, Any]:
        """The connection's row in the analyst's file."""
        rows = {row["connection_id"]: row for row in self.query("SELECT * FROM connections")}
        return rows[connection]

    def verdicts(self) -> dict[str, bool]:
        """The dashboard's checks: family -> whether nobody must act."""
        board = self.product.listing.dashboard(self.product.listing.views(counts={}))
        return {verdict.family.value: not verdict.action for verdict in board.verdicts}

    def differences(self) -> dict[str, Decimal]:
        """What reconciliation finds, by asset, without the zeros."""
        return {row.asset: row.difference for row in self.product.lake.reconcile() if row.difference}

    def stored(self, table: str) -> int:
        """Rows of a Delta table, all versions."""
        return int(DeltaTable(self.folder / "lake" / "delta" / table).count())

    def control_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the control database."""
        with sqlite3.connect(self.folder / "control.sqlite") as db:
            names = [
                name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            select = 'SELECT * FROM "{}"'.format  # names that SQLite itself listed
            rows = {name: sorted(db.execute(select(name)).fetchall(), key=repr) for name in names}
        db.close()
        return rows


def other(text: str) -> str:
    """Another text of the same form: its letters and digits exchanged, everything else in its place."""
    swap = str.maketrans("ABCDEFabcdef0123456789", "BCDEFAbcdefa1234567890")
    return text[:20].translate(swap) + text[20:]
