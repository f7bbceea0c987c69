"""Sync runs: what one sync of one connection did, and all that follows from how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, ScalarSelect, bindparam, exists, func, insert, or_, select, update

from metrifly_pipeline.control.attention import PERMANENT, SYNC, noted, replace_stage, show_status, unanswered
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.rows import from_run, lock_connection, one_run, to_run
from metrifly_pipeline.control.tables import attention, connections, leases, requests, runs
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.curing import CURED_BY_A_SYNC, cured_by
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Finding, RunEnd
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Connection, Outcome, SyncKind, SyncRun, Urgency
from metrifly_pipeline.domain.trouble import NotFoundError

_DONE = (Outcome.ADDED, Outcome.NOTHING_NEW)
_GOOD = (*_DONE, Outcome.CONTINUES)


class Runs(Transactions):
    """The store's methods for sync runs and what is due."""

    def start_run(self, connection: ConnectionId, kind: SyncKind, now: datetime) -> SyncRun:
        """A sync of one connection begins. An earlier one that never ended is closed: its worker died or was overtaken."""
        with self._writing() as db:
            lock_connection(db, connection)
            found = db.execute(_BEFORE, {"connection": connection}).mappings().one()
            if found["newest"] == Outcome.RUNNING:
                dead = update(runs).where(runs.c.connection == connection, runs.c.outcome == Outcome.RUNNING)
                db.execute(dead.values(outcome=Outcome.LEASE_LOST, finished_at=now))
            run = SyncRun(id=0, connection=connection, kind=kind, started_at=now)
            values = from_run(run) | {"newest_request": found["newest_request"], "fences": found["fences"]}
            made = db.execute(insert(runs).values(values)).inserted_primary_key
            return replace(run, id=int(made[0]) if made else 0)

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
        """Store what a run did, and what follows from it; see the port.

        A run that lost its lease, or whose key was replaced or taken away meanwhile, only leaves its record (and a change, if it added rows):
        what it found belongs to another key, and who asked for a sync still waits for one. A rebuild has not asked the exchange, so it answers
        who asked for it and says nothing of how syncs fare. Both times are stored as given.
        """
        with self._writing() as db:
            known = lock_connection(db, run.connection)
            started = _record(db, run, now)
            changed = _added(run)
            overtaken = run.outcome is Outcome.LEASE_LOST or started["fences"] != started["fences_now"]
            if started["is_waited_for"]:
                _answer_or_let_wait_again(db, run, overtaken=overtaken)
            rows = noted(db, run.connection)
            stands = unanswered(rows)
            if not overtaken and run.kind is not SyncKind.REBUILD:
                before = stands
                times = {"next_due_at": next_due_at, "retry_at": retry_at}
                if swept and run.outcome in _DONE:
                    times["swept_at"] = now
                settled = _settle(db, known, run, times, now)
                found = replace_stage(db, run.connection, SYNC, findings, now, rows)
                stands = unanswered(noted(db, run.connection)) if found else before
                cured = _note_cured(db, known, run, before, stands)
                changed = show_status(db, run.connection, now, stands, settled) or found or cured or changed
            if changed:
                number_change(db, [known.portfolio], urgency, now)
            return RunEnd(changed=changed, standing=stands)

    def runs(self, connection: ConnectionId | None = None, limit: int = 50) -> Sequence[SyncRun]:
        """Sync runs, newest first."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if connection is not None:
            query = query.where(runs.c.connection == connection)
        with self._reading() as db:
            return [to_run(row) for row in db.execute(query).mappings()]

    def run(self, run: int) -> SyncRun:
        """One run; NotFoundError."""
        with self._reading() as db:
            return one_run(db, run)

    def due(self, now: datetime, limit: int) -> Sequence[ConnectionId]:
        """Connected connections whose next_due_at or retry_at has passed, longest due first; permanent reasons stop them."""
        stopped = select(attention.c.connection).where(attention.c.reason.in_(sorted(PERMANENT)))
        query = (
            select(connections.c.id)
            .where(
                connections.c.disconnected_at.is_(None),
                or_(connections.c.next_due_at <= now, connections.c.retry_at <= now),
                connections.c.id.not_in(stopped),
            )
            .order_by(func.coalesce(connections.c.retry_at, connections.c.next_due_at), connections.c.id)
            .limit(limit)
        )
        with self._reading() as db:
            return [ConnectionId(each) for each in db.execute(query).scalars()]


# Made once: every sync asks both.
_OUTCOMES = runs.alias("outcomes")
_BEFORE = select(
    leases.c.fences,
    select(func.coalesce(func.max(requests.c.id), 0))
    .where(requests.c.connection == bindparam("connection"))
    .scalar_subquery()
    .label("newest_request"),
    # Of several runs only the newest can be under way: each that starts closes those before it.
    select(_OUTCOMES.c.outcome)
    .where(_OUTCOMES.c.connection == bindparam("connection"))
    .order_by(_OUTCOMES.c.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("newest"),
).where(leases.c.connection == bindparam("connection"))
_STARTED = (
    select(
        runs.c.fences,
        leases.c.fences.label("fences_now"),
        exists()
        .where(requests.c.connection == runs.c.connection, requests.c.answered_by.is_(None))
        .label("is_waited_for"),
    )
    .join(leases, leases.c.connection == runs.c.connection)
    .where(runs.c.id == bindparam("run"))
)


def _record(db: Database, run: SyncRun, now: datetime) -> RowMapping:
    """Store the run; returns the connection's fences as they were when it started and as they are, and whether somebody waits."""
    started = db.execute(_STARTED, {"run": run.id}).mappings().one_or_none()
    if started is None:
        raise NotFoundError(f"There is no sync run {run.id}")
    values = from_run(run) | {"finished_at": run.finished_at or now}
    db.execute(update(runs).where(runs.c.id == run.id).values(values))
    return started


def _note_cured(
    db: Database, known: Connection, run: SyncRun, before: Sequence[Attention], after: Sequence[Attention]
) -> bool:
    """Let a good run say which reasons it cured; returns whether any.

    What ails a connection is remembered beside it: replacing a key takes its findings away, but only the sync after it proves anything.
    """
    stood = {item.reason for item in (*before, *after)} & CURED_BY_A_SYNC
    ailing = stood | {Reason(each) for each in known.ailing.split()}
    cured = cured_by(ailing, after) if run.outcome in _GOOD else []
    left = " ".join(reason for reason in Reason if reason in ailing and reason not in cured)
    if left != known.ailing:
        db.execute(update(connections).where(connections.c.id == known.id).values(ailing=left))
    if cured:
        db.execute(update(runs).where(runs.c.id == run.id).values(cured=" ".join(cured)))
    return bool(cured)


def _added(run: SyncRun) -> bool:
    return any((run.raw_landed, run.trades_added, run.movements_added, run.amended, run.quarantined))


def _newest_request(run: SyncRun) -> ScalarSelect[int]:
    return select(runs.c.newest_request).where(runs.c.id == run.id).scalar_subquery()


def _answer_or_let_wait_again(db: Database, run: SyncRun, *, overtaken: bool) -> None:
    if not overtaken:
        _answer(db, run)
    _let_wait_again(db, run, overtaken=overtaken)


def _answer(db: Database, run: SyncRun) -> None:
    """Answer what was filed before the run started. Numbers of requests tell that, not times: two may share a microsecond.

    A rebuild doesn't ask the exchange and a sync doesn't rebuild, so neither answers for the other.
    """
    rebuild = requests.c.kind == SyncKind.REBUILD
    db.execute(
        update(requests)
        .where(
            requests.c.connection == run.connection,
            requests.c.answered_by.is_(None),
            requests.c.id <= _newest_request(run),
            rebuild if run.kind is SyncKind.REBUILD else ~rebuild,
        )
        .values(answered_by=run.id)
    )


def _let_wait_again(db: Database, run: SyncRun, *, overtaken: bool) -> None:
    """Requests that were handed to a batch while this run held the lease were passed over there: they wait for another batch.

    So do those that an overtaken run leaves unanswered.
    """
    in_a_batch = requests.c.answered_by.is_(None) & requests.c.batch.is_not(None)
    passed_over = update(requests).where(requests.c.connection == run.connection, in_a_batch)
    if not overtaken:
        passed_over = passed_over.where(requests.c.id > _newest_request(run))
    db.execute(passed_over.values(batch=None, attempt=requests.c.attempt + 1))


def _settle(
    db: Database, known: Connection, run: SyncRun, times: Mapping[str, datetime | None], now: datetime
) -> RowMapping:
    """Set what a connection's next syncs and its status depend on; returns the connection as it is now."""
    values: dict[str, Any] = {"failures": known.failures + 1, "failing_since": known.failing_since or now}
    if run.outcome in _GOOD:
        values = {"failures": 0, "failing_since": None, "last_success_at": now, "last_checked_at": now}
    if run.outcome in _DONE:
        values["first_import_done"] = True
    settled = update(connections).where(connections.c.id == known.id).values({**values, **times})
    return db.execute(settled.returning(connections)).mappings().one()
