"""The end of one connection's turn: what it came to is stored, answered and reported."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from metrifly_pipeline.domain.lake_rows import NormalizeOutcome
from metrifly_pipeline.domain.ports import Clock, ControlStore, Journal
from metrifly_pipeline.domain.reasons import MEANING
from metrifly_pipeline.domain.scheduling import next_slot, retry_at
from metrifly_pipeline.domain.status import Connection, Lease, Outcome, SyncKind, SyncRun, Urgency
from metrifly_pipeline.services.pulling import PullOutcome
from metrifly_pipeline.services.reports import ConnectionReport


@dataclass(slots=True)
class Work:
    """One connection on its way through a group of turns."""

    connection: Connection
    lease: Lease
    run: SyncRun
    left_over: bool
    """Whether rows may lie landed but not normalised: always without a pull, or after a run that died."""
    pulled: PullOutcome = field(default_factory=PullOutcome)
    lost: bool = False


class Closing:
    """Ends turns."""

    def __init__(self, control: ControlStore, clock: Clock, daily_window: timedelta, journal: Journal) -> None:
        """Daily syncs are spread over `daily_window`."""
        self._control = control
        self._clock = clock
        self._daily_window = daily_window
        self._journal = journal

    def finish(self, work: Work, outcome: NormalizeOutcome) -> ConnectionReport:
        """Store what a turn did, answer its requests and file its continuation."""
        control, now = self._control, self._clock()
        trouble = work.pulled.trouble
        run = replace(
            work.run,
            finished_at=now,
            outcome=_verdict(work, outcome),
            trades_added=outcome.trades_added,
            movements_added=outcome.movements_added,
            amended=outcome.amended,
            quarantined=outcome.quarantined,
            requests=sum(work.pulled.requests.values()),
            reason=trouble.reason.value if trouble else "",
            detail=trouble.detail if trouble else "",
            last_trade_at=outcome.last_trade_at,
        )
        ended = control.finish_run(
            run,
            work.pulled.findings,
            urgency=Urgency.SOON if run.kind is SyncKind.DAILY else Urgency.NOW,
            next_due_at=next_slot(work.connection.id, now, self._daily_window),
            retry_at=_retry(work, now),
            swept=work.pulled.swept,
            now=now,
        )
        self._write_down(run)
        if run.outcome is Outcome.CONTINUES:
            control.file_request(work.connection.id, SyncKind.FIRST_IMPORT, now)
        return ConnectionReport(
            connection=work.connection.id,
            run=control.run(run.id) if ended.changed else run,
            changed=ended.changed,
            new_partition=not work.connection.landed and run.raw_landed > 0,
            balances_added=outcome.balances_added,
            standing=tuple(ended.standing),
            requests=work.pulled.requests,
        )

    def _write_down(self, run: SyncRun) -> None:
        self._journal(
            "sync ended",
            wrong=run.outcome in {Outcome.FAILED, Outcome.LEASE_LOST},
            connection=run.connection,
            sync_run=run.id,
            kind=run.kind.value,
            outcome=run.outcome.value,
            reason=run.reason,
            seconds=round(((run.finished_at or run.started_at) - run.started_at).total_seconds(), 3),
            raw_landed=run.raw_landed,
            trades_added=run.trades_added,
            movements_added=run.movements_added,
            amended=run.amended,
            quarantined=run.quarantined,
            requests=run.requests,
        )


def _verdict(work: Work, outcome: NormalizeOutcome) -> Outcome:
    if work.lost or outcome.lease_lost:
        return Outcome.LEASE_LOST
    if work.pulled.trouble is not None:
        return Outcome.FAILED
    if not work.pulled.finished:
        return Outcome.CONTINUES
    added = outcome.trades_added or outcome.movements_added or outcome.amended or outcome.quarantined
    return Outcome.ADDED if added else Outcome.NOTHING_NEW


def _retry(work: Work, now: datetime) -> datetime | None:
    """When to try again by itself: only after trouble that mends itself."""
    trouble = work.pulled.trouble
    if trouble is None or not MEANING[trouble.reason].retries:
        return None
    return retry_at(work.connection.failures + 1, now, trouble.retry_after_seconds)
