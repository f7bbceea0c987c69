"""Sync requests: file them, turn those that wait into batches that a run can name, and tell what became of one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from metrifly_pipeline.domain.curing import in_words
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.status import Outcome, SyncKind, SyncRequest, SyncRun
from metrifly_pipeline.services.estimating import Estimating

BATCH_DIES_AFTER = timedelta(minutes=10)
"""A batch this old with no lease held was dropped by a run that died."""
FREE_TRIES = 2
"""A request whose run died is tried again at once; after so many tries only later and later."""
PAUSE = timedelta(seconds=15)
DIED = (
    "Metrifly itself failed: the run that synced this died. Nothing is lost, and it is tried again by itself. What "
    "happened stands in the log of the run, in the Dagster UI of `metrifly dev`; if it goes on, report it with that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A set of connections that one run syncs; `key` makes its launch exactly-once."""

    number: int
    key: str
    connections: tuple[ConnectionId, ...]
    kind: SyncKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request, in words; `done` says whether it is answered, `ok` whether well."""

    done: bool
    ok: bool
    text: str
    cured: tuple[str, ...] = ()
    """Reasons that no longer stand because the sync that answers it ended well; the text says them in words."""


class Requesting:
    """The verb *ask for a sync*, and its answer."""

    def __init__(
        self,
        control: ControlStore,
        clock: Clock,
        remedy: Callable[[SyncRun], str],
        estimating: Estimating | None = None,
    ) -> None:
        """`remedy` words why a failed run failed and what to do; `estimating` tells how far an import is that a request waits for."""
        self._estimating = estimating
        self._control = control
        self._clock = clock
        self._remedy = remedy

    def file(self, connections: Sequence[ConnectionId]) -> list[SyncRequest]:
        """Ask for a sync now of each."""
        return [self._control.file_request(connection, SyncKind.SYNC_NOW, self._clock()) for connection in connections]

    def is_idle(self) -> bool:
        """Whether nobody waits for anything and nobody died at work: almost always, and one look tells."""
        return self._control.is_idle(self._clock())

    def batches(self, only: Collection[ConnectionId] | None = None) -> list[Batch]:
        """Turn waiting requests into at most one batch a lane: first imports apart, whoever asks for a sync of one meanwhile among them.

        What waits behind a running sync goes on waiting: a run for it would find its connection taken.

        Args:
            only: Take the requests of these connections only, also those whose tries died lately; None for all that may start.
        """
        now = self._clock()
        self._control.requeue_stale_batches(now, BATCH_DIES_AFTER)
        running = self._control.leased(now)
        waiting = [
            request
            for request in self._control.requests(waiting=True, kinds=[SyncKind.SYNC_NOW, SyncKind.FIRST_IMPORT])
            if request.connection not in running
            and (_may_start(request, now) if only is None else request.connection in only)
        ]
        importing = {request.connection for request in waiting if request.kind is SyncKind.FIRST_IMPORT}
        imports = [request for request in waiting if request.connection in importing]
        others = [request for request in waiting if request.connection not in importing]
        lanes = ((others, SyncKind.SYNC_NOW), (imports, SyncKind.FIRST_IMPORT))
        return [self._batch(asked, kind, now) for asked, kind in lanes if asked]

    def daily_batches(self, shard_size: int, limit: int = 100_000) -> list[Batch]:
        """Connections whose slot has come, in shards."""
        now = self._clock()
        due = list(self._control.due(now, limit))
        made = []
        for start in range(0, len(due), shard_size):
            shard = due[start : start + shard_size]
            number = self._control.make_batch(shard, SyncKind.DAILY, [], now)
            made.append(Batch(number=number, key=f"daily-{number}", connections=tuple(shard), kind=SyncKind.DAILY))
        return made

    def answer(self, request: SyncRequest) -> Answer:
        """What became of a request so far."""
        current = self._control.request(request.id)
        if current.answered_by is None:
            return self._waiting(current)
        run = self._control.run(current.answered_by)
        answer = self._of_run(run)
        if not run.cured:
            return answer
        text = f"{answer.text}; cured: {in_words(run.cured)}"
        return replace(answer, text=text, cured=tuple(run.cured.split()))

    def _batch(self, waiting: Sequence[SyncRequest], kind: SyncKind, now: datetime) -> Batch:
        connections = tuple(dict.fromkeys(item.connection for item in waiting))
        number = self._control.make_batch(connections, kind, [item.id for item in waiting], now)
        newest = waiting[-1]
        return Batch(number=number, key=f"{newest.id}-{newest.attempt}", connections=connections, kind=kind)

    def _waiting(self, request: SyncRequest) -> Answer:
        if request.connection in self._control.leased(self._clock()):
            connection = self._control.connection(request.connection)
            progress = self._estimating.progress(connection) if self._estimating else None
            how_far = f", {progress.whole.text}" if progress and progress.whole.text else ""
            return Answer(done=False, ok=True, text=f"waiting behind the running sync{how_far}")
        newest = self._control.runs(request.connection, limit=1)
        if any(run.outcome is Outcome.RUNNING and run.started_at >= request.filed_at for run in newest):
            return Answer(done=True, ok=False, text=DIED)  # nobody holds its lease, so nobody will end it
        return Answer(done=False, ok=True, text="waiting to start")

    def _of_run(self, run: SyncRun) -> Answer:
        at = run.finished_at or self._clock()
        if run.outcome is Outcome.FAILED:
            return Answer(done=True, ok=False, text=f"can't: {self._remedy(run)}")
        if run.outcome is Outcome.CONTINUES:
            return Answer(
                done=True, ok=True, text=f"importing: {run.trades_added} trades so far, the rest follows by itself"
            )
        if run.trades_added or run.movements_added:
            return Answer(done=True, ok=True, text=_added(run, self._clock()))
        return Answer(done=True, ok=True, text=f"already up to date, checked {at:%H:%M}")


def _may_start(request: SyncRequest, now: datetime) -> bool:
    """A fault of ours that lasts must not start a run every few seconds for ever."""
    pauses = request.attempt - FREE_TRIES
    return pauses < 0 or now >= request.filed_at + PAUSE * 4 ** min(pauses, 8)


def _added(run: SyncRun, now: datetime) -> str:
    parts = [_count(run.trades_added, "trade")]
    if run.movements_added:
        parts.append(_count(run.movements_added, "movement"))
    return f"added {' and '.join(parts)}{_last(run.last_trade_at, now)}"


def _last(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    return f", last {at:%H:%M}" if at.date() == now.date() else f", last {at:%Y-%m-%d %H:%M}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
