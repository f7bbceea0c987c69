"""Dagster as commands need it: is its daemon alive, and run its jobs in this process. Imported late: Dagster takes seconds."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from metrifly_pipeline.cli.apology import write_down
from metrifly_pipeline.cli.dagster_home import adopt_home, dagster_home
from metrifly_pipeline.domain.health import Automation, DagsterSigns
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.health_signs import ALIVE
from metrifly_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from metrifly_pipeline.running import Ended
    from metrifly_pipeline.services.requesting import Batch

_NEEDED = ("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR")
"""The daemons without which no sync starts."""


def make_storage(settings: Settings) -> None:
    """Have the tables of Dagster's storage before two processes open it: both would make them, and leave it with two versions for ever."""
    made = adopt_home(settings) / "storage-is-made"
    if made.exists():
        return
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        instance.get_daemon_heartbeats()
        instance.all_instigator_state()
        instance.get_runs_count()
    made.touch()


def daemon_alive(settings: Settings) -> bool:
    """Whether the daemon that starts waiting requests has given a sign of life lately; RefusedError where nobody can know."""
    signs = dagster_signs(settings)
    if signs.unreadable:
        raise RefusedError("Dagster's storage can't be read, so nothing starts. What to do: `metrifly health`.")
    now = datetime.now(UTC)  # noqa: TID251 - compared with another process's real clock
    return signs.beat_at is not None and now - signs.beat_at <= ALIVE


def dagster_signs(settings: Settings) -> DagsterSigns:
    """What Dagster's storage shows of its daemon, of the daily schedule and of the sensor for sync now."""
    if not (dagster_home(settings) / "dagster.yaml").exists():
        return DagsterSigns()
    adopt_home(settings)
    try:
        return _read_signs(settings)
    except Exception:  # noqa: BLE001 - a storage that is down, or no storage: what is asked is whether all is well, and it is not
        return DagsterSigns(unreadable=True)


def _read_signs(settings: Settings) -> DagsterSigns:
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        beats = instance.get_daemon_heartbeats()
        last = [beats[name].timestamp for name in _NEEDED if name in beats]
        return DagsterSigns(
            beat_at=_moment(min(last)) if len(last) == len(_NEEDED) else None,
            schedule=_automation(instance, "daily_sync"),
            sensor=_automation(instance, "sync_now"),
        )


def _automation(instance: "DagsterInstance", name: str) -> Automation:
    """The one of that name; of several (the definitions were loaded under another origin before) the one that ticked last."""
    from dagster._core.scheduler.instigation import InstigatorStatus, ScheduleInstigatorData, TickStatus

    found = Automation()
    for state in instance.all_instigator_state():
        if state.instigator_name != name:
            continue
        data = state.instigator_data
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        began = data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None
        at = ticks[0].timestamp if ticks else began
        mine = Automation(
            on=state.status is not InstigatorStatus.STOPPED,
            ticked_at=None if at is None else _moment(at),
            failed=bool(ticks) and ticks[0].status is TickStatus.FAILURE,
        )
        found = max(found, mine, key=lambda each: each.ticked_at.timestamp() if each.ticked_at else 0.0)
    return found


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def run_jobs_here(settings: Settings, batch: "Batch") -> str:
    """Run the job `sync` for a batch in this process; returns where to read how Metrifly itself failed, empty where it did not."""
    from metrifly_pipeline.running import run_here

    adopt_home(settings)
    return _log_of(run_here(batch))


def run_publish_here(settings: Settings) -> str:
    """Run the job `portfolios` in this process; returns the same."""
    from metrifly_pipeline.running import publish_here

    adopt_home(settings)
    return _log_of(publish_here())


def forget_history(settings: Settings, connections: Collection[ConnectionId], asked_at: datetime) -> bool:
    """Delete what Dagster's storage says of connections; whether nothing is left. A home that Dagster never ran in has nothing."""
    if not (dagster_home(settings) / "dagster.yaml").exists():
        return True
    from metrifly_pipeline.running import forget_here

    adopt_home(settings)
    return forget_here(connections, asked_at)


def _log_of(ended: "Ended") -> str:
    if not ended.fault:
        return ""
    try:
        return str(write_down(ended.fault))
    except OSError:
        return f"the log of run {ended.run}, in the Dagster UI of `metrifly dev`"
