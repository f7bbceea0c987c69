"""Syncing connections: lease, pull, land, normalise, judge, file what continues. One failing connection never fails another."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.domain.ports import (
    Clock,
    ControlStore,
    ExchangeGateway,
    Finding,
    Journal,
    Lake,
    Reach,
    Vault,
    journal_nothing,
    reach_nothing,
)
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.domain.status import Connection, Outcome, SyncKind
from metrifly_pipeline.domain.trouble import (
    ExchangeTroubleError,
    LeaseLostError,
    MasterKeyError,
    NotFoundError,
    OwnFaultError,
    RefusedError,
)
from metrifly_pipeline.services.budgeting import SharedBudget
from metrifly_pipeline.services.closing import Closing, Work
from metrifly_pipeline.services.judging import forgetful_streams, history_findings
from metrifly_pipeline.services.landing import GROUP_RECORDS, Landing
from metrifly_pipeline.services.leasing import Leasing
from metrifly_pipeline.services.normalizing import Normalizing, job
from metrifly_pipeline.services.pulling import PullOutcome, pull
from metrifly_pipeline.services.reports import ConnectionReport
from metrifly_pipeline.services.tables import small_tables
from metrifly_pipeline.services.turn import PullPorts, Turn

FIRST_SLICE = timedelta(seconds=30)
LATER_SLICE = timedelta(minutes=10)
TURNS_TOGETHER = 25
PULL_THREADS = 4
_GROUPS_WORTH_TYPING = 2
"""A batch of typing has a cost of its own, a tenth of a second: one for each commit would slow the pull that it goes on beside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPorts:
    """What syncing is joined from."""

    control: ControlStore
    lake: Lake
    vault: Vault
    gateway: ExchangeGateway
    budget: SharedBudget
    clock: Clock
    holder: str
    allowed_ips: tuple[str, ...] = ()
    daily_window: timedelta = timedelta(hours=24)
    reach: Reach = reach_nothing
    group_records: int = GROUP_RECORDS
    journal: Journal = journal_nothing


class Syncing:
    """The verb *sync*, for any number of connections in one process."""

    def __init__(self, ports: SyncPorts) -> None:
        """Join the ports; nothing is opened before a sync begins."""
        self._ports = ports
        self._leasing = Leasing(ports.control, ports.clock, ports.holder)
        self._normalizing = Normalizing(
            ports.lake, self._leasing.still_held, ports.clock, _GROUPS_WORTH_TYPING * ports.group_records
        )
        self._landing = Landing(
            ports.lake, ports.control, ports.clock, ports.reach, ports.group_records, self._normalizing.landed
        )
        self._closing = Closing(ports.control, ports.clock, ports.daily_window, ports.journal)
        self._faults: list[str] = []
        self._landed_markets: dict[str, Sequence[Market]] = {}

    def sync(self, connections: Sequence[ConnectionId], kind: SyncKind) -> Iterator[ConnectionReport]:
        """Sync each connection once and report it as its group is done.

        Connections whose lease somebody else holds are left out: their requests go back in line and are answered by the next sync.

        Args:
            connections: Known ids; each is synced once.
            kind: Why; a first import stops after its slice and files its own continuation.

        Yields:
            One report a connection, in groups.

        Raises:
            OwnFaultError: After all reports, where our own code failed for a connection; the others are synced all the same.
        """
        wanted = list(dict.fromkeys(connections))
        self._faults.clear()
        with self._leasing.renewing():
            for start in range(0, len(wanted), TURNS_TOGETHER):
                yield from self._sync_group(wanted[start : start + TURNS_TOGETHER], kind)
        if self._faults:
            raise OwnFaultError("\n".join(self._faults))

    def normalize_only(self, connections: Sequence[ConnectionId], *, rebuild: bool) -> Iterator[ConnectionReport]:
        """Normalise past the watermark, or rebuild from the first raw record, without asking the exchange."""
        with self._leasing.renewing():
            with self._let_go_after(connections):
                works = self._begin(connections, SyncKind.REBUILD)
                self._normalize(works, rebuild=rebuild)
                reports = self._close(works)
            yield from reports

    def _sync_group(self, connections: Sequence[ConnectionId], kind: SyncKind) -> list[ConnectionReport]:
        with self._let_go_after(connections):
            works = self._begin(connections, kind)
            for work in works:
                self._landing.begin(work.connection, work.lease)
            with (
                self._normalizing.beside([job(work.connection) for work in works], self._preparing(works)),
                ThreadPoolExecutor(max_workers=PULL_THREADS, thread_name_prefix="pull") as pool,
            ):
                for work, pulled in zip(works, pool.map(self._pull_or_fault, works), strict=True):
                    work.pulled = pulled
            self._landing.flush()
            for work in works:
                landed, work.lost = self._landing.end(work.connection.id)
                work.run = replace(work.run, raw_landed=landed)
                work.pulled.findings += self._history_findings(work.connection)
            self._normalize(works, rebuild=False)
            return self._close(works)

    def _preparing(self, works: Sequence[Work]) -> Callable[[], None] | None:
        """What the first publish will need is made while a first import begins; later there is nothing to make."""
        if all(work.connection.landed for work in works):
            return None
        return lambda: self._ports.lake.prepare(small_tables(self._ports.control, [], self._ports.clock()))

    @contextmanager
    def _let_go_after(self, connections: Sequence[ConnectionId]) -> Iterator[None]:
        """Give the leases back however the block ends; where it fails, requests go back in line for the next worker."""
        failed = True
        try:
            yield
            failed = False
        finally:
            for connection in connections:
                self._landing.forget(connection)
                self._normalizing.take(connection)
                self._leasing.give_back(connection)
            if failed:
                self._ports.control.requeue(connections)

    def _begin(self, connections: Sequence[ConnectionId], kind: SyncKind) -> list[Work]:
        works = []
        for connection in connections:
            with self._unless_deleted(connection):
                work = self._begin_one(connection, kind)
                if work is not None:
                    works.append(work)
        return works

    def _begin_one(self, connection_id: ConnectionId, kind: SyncKind) -> Work | None:
        connection = self._ports.control.connection(connection_id)
        if connection.disconnected_at is not None and kind is not SyncKind.REBUILD:
            return None
        lease = self._leasing.take(connection_id)
        if lease is None:
            self._ports.control.requeue([connection_id])
            return None
        earlier = self._ports.control.runs(connection_id, limit=1)
        died = any(run.outcome in {Outcome.RUNNING, Outcome.LEASE_LOST} for run in earlier)
        run = self._ports.control.start_run(connection_id, kind, self._ports.clock())
        self._ports.journal("sync began", connection=connection_id, sync_run=run.id, kind=kind.value)
        return Work(connection=connection, lease=lease, run=run, left_over=died or kind is SyncKind.REBUILD)

    @contextmanager
    def _unless_deleted(self, connection: ConnectionId) -> Iterator[None]:
        """Leave out what the block does where the connection is gone since it was named: its account was deleted."""
        try:
            yield
        except NotFoundError:
            if self._is_there(connection):
                raise

    def _is_there(self, connection: ConnectionId) -> bool:
        try:
            self._ports.control.connection(connection)
        except NotFoundError:
            return False
        return True

    def _pull_or_fault(self, work: Work) -> PullOutcome:
        """Pull one connection; a fault of ours stops it alone and is kept for the end.

        Only places and the kind of the fault are kept: the text of an unknown error may hold a secret or a payload.
        """
        try:
            return self._pull(work)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the other connections go on
            places = "".join(traceback.format_tb(fault.__traceback__))
            self._faults.append(f"{type(fault).__name__} while syncing {work.connection.id}:\n{places}")
            self._ports.journal(
                "metrifly failed",
                wrong=True,
                connection=work.connection.id,
                sync_run=work.run.id,
                fault=type(fault).__name__,
                places=places,
            )
            return _stopped(ExchangeTroubleError(Reason.OWN_FAULT))

    def _pull(self, work: Work) -> PullOutcome:
        """Pull one connection; expected trouble becomes a finding, never an exception."""
        connection = work.connection
        started = self._ports.clock()
        first = not connection.landed
        deadline = started + (FIRST_SLICE if first else LATER_SLICE)
        budget = self._ports.budget.lane(Lane.of(work.run.kind))
        try:
            sealed = self._ports.control.sealed_credential(connection.id)
            if sealed is None:
                return PullOutcome(trouble=ExchangeTroubleError(Reason.KEY_INVALID))
            credential = self._ports.vault.open(connection.account, sealed)
            session = self._ports.gateway.open(
                connection.exchange, credential, base_url=connection.base_url, budget=budget
            )
        except ExchangeTroubleError as trouble:
            return _stopped(trouble)
        except MasterKeyError:
            return _stopped(ExchangeTroubleError(Reason.MASTER_KEY_MISSING))
        except NotFoundError:
            return _stopped(ExchangeTroubleError(Reason.EXCHANGE_UNSUPPORTED))
        try:
            return pull(Turn(self._pull_ports(), connection, work.lease, session, budget, deadline))
        except (LeaseLostError, NotFoundError) as lost:
            if isinstance(lost, NotFoundError) and self._is_there(connection.id):
                raise
            return PullOutcome(finished=False)
        finally:
            session.close()

    def _pull_ports(self) -> PullPorts:
        ports = self._ports
        return PullPorts(
            gateway=ports.gateway,
            control=ports.control,
            lake=ports.lake,
            landing=self._landing,
            clock=ports.clock,
            normalize_now=self._normalize_one,
            allowed_ips=ports.allowed_ips,
            landed_markets=self._landed_markets,
        )

    def _history_findings(self, connection: Connection) -> list[Finding]:
        """What the committed coverage says; nothing of an exchange that has no room any more."""
        try:
            spec = self._ports.gateway.spec(connection.exchange)
        except (NotFoundError, RefusedError):
            return []
        coverage = self._ports.control.coverage(connection.id, single_spans_of=forgetful_streams(spec))
        return history_findings(spec, coverage)

    def _normalize_one(self, connection: Connection) -> None:
        self._normalizing.now([job(connection)])

    def _normalize(self, works: Sequence[Work], *, rebuild: bool) -> None:
        wanted = [work for work in works if not work.lost and (rebuild or work.run.raw_landed or work.left_over)]
        self._normalizing.now([job(work.connection, rebuild=rebuild) for work in wanted])

    def _close(self, works: Sequence[Work]) -> list[ConnectionReport]:
        reports = []
        held = self._leasing.still_held()
        for work in works:
            work.lost = work.lost or work.connection.id not in held
            with self._unless_deleted(work.connection.id):
                reports.append(self._closing.finish(work, self._normalizing.take(work.connection.id)))
        return reports


def _stopped(trouble: ExchangeTroubleError) -> PullOutcome:
    return PullOutcome(trouble=trouble, findings=[Finding(reason=trouble.reason, detail=trouble.detail)])
