"""Run the jobs in this process, for commands that don't wait for the daemon. What they did stands in the Dagster UI all the same."""

from typing import Any

import dagster as dg

from metrifly_pipeline.automation import LANE_TAG, batch_config, portfolios_job, sync_job
from metrifly_pipeline.definitions import defs
from metrifly_pipeline.services.requesting import Batch

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster prints a line for every event otherwise; they stand in its event log."""


def run_here(batch: Batch) -> bool:
    """Run `sync` for a batch on the Dagster instance of DAGSTER_HOME; whether the run succeeded (a connection may still need attention)."""
    return _run(sync_job.name, batch_config(batch.number), {LANE_TAG: batch.kind.value})


def publish_here() -> bool:
    """Run `portfolios` there; whether it succeeded."""
    return _run(portfolios_job.name, {}, {})


def _run(job: str, config: dict[str, Any], tags: dict[str, str]) -> bool:
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET | config, instance=instance, tags=tags, raise_on_error=False
        )
    return result.success
