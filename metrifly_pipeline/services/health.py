"""Whether the pipeline is well: what the control database, the published file, the disk and Dagster's signs of life say together."""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from shlex import quote

from metrifly_pipeline.domain.buckets import BudgetUse, told_apart
from metrifly_pipeline.domain.health import Check, DagsterSigns, HealthReport, Measure, Objective
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.plans import DEFAULT_ACCOUNT
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.domain.status import Status, SyncKind
from metrifly_pipeline.domain.status_rules import STALE_AFTER, connection_status
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.health_signs import LOOK, checks_of_signs, in_words
from metrifly_pipeline.services.requesting import BATCH_DIES_AFTER

OVERDUE = STALE_AFTER - timedelta(days=1)
"""A connection that is due for longer misses the objective."""
LONG_WAIT = timedelta(minutes=10)
"""A request that nothing is in the way of starts within seconds."""
LONG_PAUSE = timedelta(minutes=10)
"""An exchange that sends us away for longer has banned us."""
LEAST_DISK = 1_000_000_000
_ALL = 1_000_000
_PUBLISHED = "SELECT published_at, stale_after, change_seq FROM _meta"


class Health:
    """The verb *tell whether all is well*, for the whole installation; changes nothing."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock, free_bytes: Callable[[], int]) -> None:
        """`free_bytes` tells what is left on the disk that the home lies on."""
        self._control = control
        self._lake = lake
        self._clock = clock
        self._free_bytes = free_bytes

    def report(self, signs: DagsterSigns) -> HealthReport:
        """Every check now; `signs` is what Dagster's storage shows."""
        now = self._clock()
        running = self._control.leased(now)
        objective = self.objective()
        checks = (
            *checks_of_signs(signs, now),
            self._due(running, now),
            self._queue(running, now),
            self._batches(running, now),
            self._leases(now),
            self._limits(now),
            self._disk(),
            self._warehouse(now),
            _of_objective(objective),
        )
        return HealthReport(at=now, checks=checks, objective=objective)

    def objective(self) -> Objective:
        """Of the connections that wait for nobody's action, how many were checked within 26 hours.

        One that was never checked counts from when it was connected. README has the same question in SQL.
        """
        now = self._clock()
        standing = defaultdict(list)
        for item in self._control.attention():
            standing[item.connection].append(item)
        not_expected = {Status.DISCONNECTED, Status.NEEDS_ATTENTION}
        expected = [
            each
            for each in self._control.connections()
            if connection_status(each, standing[each.id], running=False, now=now) not in not_expected
        ]
        checked = sum((each.last_checked_at or each.created_at) > now - STALE_AFTER for each in expected)
        return Objective(expected=len(expected), checked=checked)

    def _sync_of(self, connection: ConnectionId) -> str:
        """The command that syncs it here, whatever account it belongs to."""
        name = self._control.account(self._control.connection(connection).account).name
        return f"metrifly sync {connection} --here" + (f" --account {quote(name)}" if name != DEFAULT_ACCOUNT else "")

    def _due(self, running: Collection[ConnectionId], now: datetime) -> Check:
        waiting = [each for each in self._control.due(now, _ALL) if each not in running]
        behind = timedelta(0)
        if waiting:
            oldest = self._control.connection(waiting[0])
            behind = now - min(at for at in (oldest.retry_at, oldest.next_due_at, now) if at is not None)
        ok = behind <= OVERDUE
        text = f"{len(waiting)} due, the oldest for {in_words(behind)}" if waiting else "no connection is due"
        return Check(
            name="due",
            ok=ok,
            text=text if ok else f"{waiting[0]} is due for {in_words(behind)}: daily syncs don't keep up, or don't run",
            remedy="" if ok else f"Sync it with `{self._sync_of(waiting[0])}`, and {LOOK}.",
            measures=(
                Measure(name="connections_due", help="Connections whose sync is due.", value=len(waiting)),
                Measure(
                    name="oldest_due_seconds",
                    help="How long the longest due connection is due.",
                    value=behind.total_seconds(),
                ),
            ),
        )

    def _queue(self, running: Collection[ConnectionId], now: datetime) -> Check:
        waiting = self._control.requests(waiting=True, kinds=[SyncKind.SYNC_NOW, SyncKind.FIRST_IMPORT])
        # What waits behind a running sync waits for that to end, which may take hours.
        ready = [request for request in waiting if request.connection not in running]
        oldest = max((now - request.filed_at for request in ready), default=timedelta(0))
        ok = oldest <= LONG_WAIT
        text = f"{len(waiting)} waiting, the oldest that could start for {in_words(oldest)}"
        return Check(
            name="queue",
            ok=ok,
            text=text if ok else f"{text}: nobody starts it, or its runs die",
            remedy="" if ok else f"Start it with `{self._sync_of(ready[0].connection)}`, and {LOOK}.",
            measures=(
                Measure(name="requests_waiting", help="Sync requests that wait.", value=len(waiting)),
                Measure(
                    name="oldest_request_seconds",
                    help="How long the oldest request waits that nothing is in the way of.",
                    value=oldest.total_seconds(),
                ),
            ),
        )

    def _batches(self, running: Collection[ConnectionId], now: datetime) -> Check:
        unanswered = self._control.unanswered_batches()
        dead = [
            number
            for number, made_at in unanswered.items()
            if now - made_at > BATCH_DIES_AFTER and not set(self._control.batch(number)[1]) & set(running)
        ]
        return Check(
            name="batches",
            ok=not dead,
            text=f"{len(dead)} of {len(unanswered)} batches fell to runs that died, and nobody put them back in line"
            if dead
            else f"{len(unanswered)} at work",
            remedy=f"The sensor `sync_now` puts them back: {LOOK}." if dead else "",
            measures=(
                Measure(
                    name="unanswered_batches", help="Batches that hold unanswered requests.", value=len(unanswered)
                ),
                Measure(name="dead_batches", help="Those of them that nobody works on.", value=len(dead)),
            ),
        )

    def _leases(self, now: datetime) -> Check:
        ends = self._control.lease_ends()
        expired = [each for each, end in ends.items() if end <= now]
        left = [each for each in expired if now - ends[each] > LONG_WAIT]
        text = f"{len(ends) - len(expired)} held, {len(expired)} expired"
        return Check(
            name="leases",
            ok=not left,
            text=f"{text}: a worker died while it synced {left[0]}, and nobody went on" if left else text,
            remedy=f"Nothing is lost. Go on with `{self._sync_of(left[0])}`, and {LOOK}." if left else "",
            measures=tuple(
                Measure(name="leases", help="Leases by state.", value=number, labels=(("state", state),))
                for state, number in (("held", len(ends) - len(expired)), ("expired", len(expired)))
            ),
        )

    def _limits(self, now: datetime) -> Check:
        paused = _longest(self._control.budget_use(now), now)
        banned = {where: left for where, left in paused.items() if left > LONG_PAUSE}
        told = ", ".join(f"{exchange} for {in_words(left)}" for (exchange, _), left in sorted(banned.items()))
        return Check(
            name="limits",
            ok=not banned,
            text=f"an exchange bans us: {told}" if banned else f"{len(paused)} paused for a moment",
            remedy="Syncs go on by themselves when it ends. See what used the limits up: `metrifly capacity`."
            if banned
            else "",
            measures=tuple(
                Measure(
                    name="limit_paused_seconds",
                    help="How long an exchange's limit stays paused.",
                    value=left.total_seconds(),
                    labels=(("exchange", exchange), ("limit", limit)),
                )
                for (exchange, limit), left in sorted(paused.items())
            ),
        )

    def _disk(self) -> Check:
        free = self._free_bytes()
        ok = free >= LEAST_DISK
        text = f"{free / 1e9:,.1f} GB free"
        return Check(
            name="disk",
            ok=ok,
            text=text if ok else f"{text}: syncs and publishes will soon fail; what landed is safe",
            remedy="" if ok else "Make room on the disk of METRIFLY_HOME, then look again: `metrifly health`.",
            measures=(Measure(name="disk_free_bytes", help="Free bytes under METRIFLY_HOME.", value=free),),
        )

    def _warehouse(self, now: datetime) -> Check:
        try:
            ((published_at, stale_after, shown),) = self._lake.query(_PUBLISHED)[1]
        except RefusedError as refusal:
            return self._unpublished(str(refusal), now)
        if not isinstance(published_at, datetime) or not isinstance(stale_after, datetime):
            return self._unpublished("The published file does not say when it was made.", now)
        age = now - published_at
        # Nothing is published while nothing changes: such a file is old and right.
        ok = now <= stale_after or shown == self._control.change_seq()
        return Check(
            name="warehouse",
            ok=ok,
            text=f"published {in_words(age)} ago" + ("" if ok else ", and what changed since is not in it"),
            remedy="" if ok else f"Publish with `metrifly sync --all --here`, and {LOOK}.",
            measures=(
                Measure(name="warehouse_age_seconds", help="Age of the published file.", value=age.total_seconds()),
            ),
        )

    def _unpublished(self, why: str, now: datetime) -> Check:
        oldest = min((each.created_at for each in self._control.connections()), default=now)
        ok = now - oldest <= STALE_AFTER
        text = "nothing is published yet" if ok else f"{why} The oldest connection is {in_words(now - oldest)} old"
        remedy = "" if ok else f"Publish with `metrifly sync --all --here`, and {LOOK}."
        return Check(name="warehouse", ok=ok, text=text, remedy=remedy)


def _longest(used: Collection[BudgetUse], now: datetime) -> dict[tuple[str, str], timedelta]:
    """How long each limit of each exchange stays paused, whoever shares it."""
    found: dict[tuple[str, str], timedelta] = {}
    for use in used:
        if use.paused_until is not None and use.paused_until > now:
            where = told_apart(use.name)
            found[where] = max(found.get(where, timedelta(0)), use.paused_until - now)
    return found


def _of_objective(objective: Objective) -> Check:
    text = f"{objective.checked} of {objective.expected} connections that need nobody were checked within 26 hours"
    return Check(
        name="objective",
        ok=objective.held,
        text=f"{text}, {objective.share:.1%}",
        remedy=""
        if objective.held
        else f"See which with `metrifly connections`, sync with `metrifly sync --all --here`, and {LOOK}.",
        measures=(
            Measure(
                name="connections_expected", help="Connections that wait for nobody's action.", value=objective.expected
            ),
            Measure(name="connections_checked", help="Those of them checked within 26 hours.", value=objective.checked),
            Measure(name="checked_ratio", help="Their share; 0.99 is wanted.", value=objective.share),
        ),
    )
