"""The definitions over a product and a Dagster instance of their own, and what then stands in Dagster's storage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from metrifly_pipeline.assets.connection_assets import connection_assets
from metrifly_pipeline.assets.portfolio_assets import portfolio_assets
from metrifly_pipeline.automation import portfolios_job, sync_job
from metrifly_pipeline.running import QUIET


class Bench:
    """Runs the jobs, and reads what they left."""

    def __init__(self, instance: dg.DagsterInstance, product: Any) -> None:
        self.instance = instance
        self.product = product
        self.defs = dg.Definitions(
            assets=[connection_assets, portfolio_assets],
            jobs=[sync_job, portfolios_job],
            resources={"product": dg.ResourceDefinition(self._open)},
            executor=dg.in_process_executor,
        )

    @contextmanager
    def _open(self, _context: Any) -> Iterator[Any]:
        yield self.product

    def run_batch(
        self, number: int, *, rebuild: bool = False, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        config = {"ops": {"sync_connections": {"config": {"batch": number, "rebuild": rebuild}}}}
        return self._run("sync", run_config=config, tags=tags)

    def run_partition(self, key: str, assets: Sequence[str] | None = None) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(name) for name in assets] if assets else None
        return self._run("sync", partition_key=key, asset_selection=selection)

    def run_range(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self._run("sync", tags=tags)

    def run_from_the_ui(self, key: str, asset: str) -> dg.ExecuteInProcessResult:
        """What the button on an asset's partition page launches: that asset with its check, in no job of ours."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            raise_on_error=False,
            partition_key=key,
            asset_selection=[dg.AssetKey(asset)],
        )

    def publish(self) -> dg.ExecuteInProcessResult:
        return self._run("portfolios")

    def _run(self, job: str, **options: Any) -> dg.ExecuteInProcessResult:
        definition = self.defs.resolve_job_def(job)
        config = QUIET | options.pop("run_config", {})
        return definition.execute_in_process(run_config=config, instance=self.instance, raise_on_error=False, **options)

    # What stands in Dagster's storage

    def partitions(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("connections"))

    def materialised(self, asset: str = "trades") -> list[str | None]:
        """Partitions of all materialisations of an asset, oldest first."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000, ascending=True).records
        return [record.partition_key for record in records]

    def evaluations(self, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
        """All evaluations of a check, oldest first."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        records = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1000)
        found = [record.event.dagster_event.event_specific_data for record in reversed(records) if record.event]
        return [item for item in found if isinstance(item, dg.AssetCheckEvaluation)]

    def rows(self, result: dg.ExecuteInProcessResult) -> int:
        """Rows of the event log that a run wrote, whatever they are."""
        return len(self.instance.all_logs(result.run_id))

    def said(self, result: dg.ExecuteInProcessResult) -> list[str]:
        """What our own code said in a run's log."""
        return [entry.user_message for entry in self.instance.all_logs(result.run_id) if entry.dagster_event is None]


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """What a failed step said."""
    errors = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    return "\n".join(data.description or "" for data in errors if data is not None)
