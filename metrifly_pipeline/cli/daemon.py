"""Dagster as commands need it: is its daemon alive, and run its jobs in this process. Imported late: Dagster takes seconds."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from metrifly_pipeline.cli.apology import write_down
from metrifly_pipeline.cli.dagster_home import adopt_home, dagster_home
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.settings import Settings

if TYPE_CHECKING:
    from metrifly_pipeline.running import Ended
    from metrifly_pipeline.services.requesting import Batch

ALIVE = timedelta(seconds=90)
"""The daemon says that it is alive every 30 seconds."""


def daemon_alive(settings: Settings) -> bool:
    """Whether the daemon that starts waiting requests has given a sign of life lately."""
    if not (dagster_home(settings) / "dagster.yaml").exists():
        return False
    from dagster import DagsterInstance

    adopt_home(settings)
    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        sign = instance.get_daemon_heartbeats().get("SENSOR")
    if sign is None:
        return False
    now = datetime.now(UTC)  # noqa: TID251 - compared with another process's real clock
    return now - datetime.fromtimestamp(sign.timestamp, UTC) <= ALIVE


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


def forget_history(settings: Settings, connections: Collection[ConnectionId]) -> bool:
    """Delete what Dagster's storage says of connections; whether nothing is left. A home that Dagster never ran in has nothing."""
    if not (dagster_home(settings) / "dagster.yaml").exists():
        return True
    from metrifly_pipeline.running import forget_here

    adopt_home(settings)
    return forget_here(settings.log_folder, connections)


def _log_of(ended: "Ended") -> str:
    if not ended.fault:
        return ""
    try:
        return str(write_down(ended.fault))
    except OSError:
        return f"the log of run {ended.run}, in the Dagster UI of `metrifly dev`"
