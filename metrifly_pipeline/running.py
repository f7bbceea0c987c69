"""Run the jobs in this process, for commands that don't wait for the daemon. What they did stands in the Dagster UI all the same."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from metrifly_pipeline.assets.forgetting import History
from metrifly_pipeline.automation import BATCH_TAG, LANE_TAG, batch_config, portfolios_job, sync_job
from metrifly_pipeline.definitions import defs
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.trouble import OwnFaultError
from metrifly_pipeline.services.requesting import Batch

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster prints a line for every event otherwise; they stand in its event log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended."""

    run: str
    """The run's id at Dagster."""
    fault: str = ""
    """Where our own code failed and with which kinds of error; empty where the job succeeded, whatever connections need."""


def run_here(batch: Batch) -> Ended:
    """Run `sync` for a batch on the Dagster instance of DAGSTER_HOME."""
    return _run(sync_job.name, batch_config(batch.number), {LANE_TAG: batch.kind.value, BATCH_TAG: str(batch.number)})


def publish_here() -> Ended:
    """Run `portfolios` there."""
    return _run(portfolios_job.name, {}, {})


def forget_here(connections: Collection[ConnectionId], asked_at: datetime) -> bool:
    """Delete what the Dagster instance of DAGSTER_HOME says of connections; whether nothing is left."""
    with dg.DagsterInstance.get() as instance:
        return History(instance)(connections, asked_at)


def _run(job: str, config: dict[str, Any], tags: dict[str, str]) -> Ended:
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET | config, instance=instance, tags=tags, raise_on_error=False
        )
    return Ended(run=result.run_id, fault="" if result.success else _fault(result))


def _fault(result: dg.ExecuteInProcessResult) -> str:
    """Places and kinds of the errors of all failed steps; only our own error's text, a library's may hold a key or a signed URL."""
    errors = [event.step_failure_data.error for event in result.get_step_failure_events()]
    told = [_told(each) for error in errors if error is not None for each in _causes(error)]
    return f"run {result.run_id}\n" + "\n".join(told)


def _told(error: SerializableErrorInfo) -> str:
    text = error.message if error.cls_name == OwnFaultError.__name__ else f"{error.cls_name}\n"
    return "".join(error.stack) + text


def _causes(error: SerializableErrorInfo) -> Iterator[SerializableErrorInfo]:
    if error.cause is not None:
        yield from _causes(error.cause)
    yield error
