"""What one run writes into Dagster's event log for its connections: success by connection, only what changed, nothing for an idle one.

In a run over many partitions an ordinary result marks every partition, failed ones too; so each success is an event of its own. It is also
the one place that leans on Dagster's inner parts, which is why its version is pinned exactly.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from metrifly_pipeline.assets.metadata import (
    CONNECTION_ASSETS,
    TRADES,
    actions,
    attention_table,
    changed_assets,
    connection_metadata,
    sentence,
)
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.services.reports import ConnectionReport

PARTITIONS_NAME = "connections"
PARTITIONS = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
CHECKED_ASSET = TRADES
NEEDS_ATTENTION = "needs_attention"

with warnings.catch_warnings():
    # Partitioned checks are a preview; Dagster is pinned exactly for that reason.
    warnings.simplefilter("ignore", dg.PreviewWarning)
    ATTENTION_CHECK = dg.AssetCheckSpec(
        NEEDS_ATTENTION,
        asset=CHECKED_ASSET,
        partitions_def=PARTITIONS,
        description="Whether somebody must act on this connection. Written when that changes; connection_status shows all.",
    )


class Recorder:
    """Writes what became of each connection of one run."""

    def __init__(self, context: dg.AssetExecutionContext, connections: Sequence[ConnectionId]) -> None:
        """Read once what Dagster knows of these connections."""
        self._context = context
        self._partitions = set(context.instance.get_dynamic_partitions(PARTITIONS_NAME))
        self._materialised = _materialised(context.instance, connections)
        # Launched from the UI, the check is planned with its asset: what is planned is written in any case.
        planned = bool(context.selected_asset_check_keys)
        self._passed = {} if planned else _last_verdicts(context.instance, connections)
        self._idle: list[ConnectionId] = []

    def record(self, reports: Iterable[ConnectionReport], clock: Clock) -> list[ConnectionReport]:
        """Write each report as it comes; returns them all."""
        seen = []
        for report in reports:
            self._say(report)
            self._materialise(report)
            self._judge(report, clock())
            seen.append(report)
        if self._idle:
            self._context.log.info("nothing new: %s", ", ".join(self._idle))
        return seen

    def _say(self, report: ConnectionReport) -> None:
        """One line; connections without news share theirs, because a line is an event that costs as much as any."""
        if report.run.outcome is Outcome.NOTHING_NEW and not report.balances_added and not report.run.cured:
            self._idle.append(report.connection)
        elif report.succeeded:
            self._context.log.info(sentence(report))
        else:
            self._context.log.warning(sentence(report))

    def _materialise(self, report: ConnectionReport) -> None:
        if not report.succeeded:
            return
        connection = report.connection
        if report.new_partition and connection not in self._partitions:
            self._context.instance.add_dynamic_partitions(PARTITIONS_NAME, [connection])
            self._partitions.add(connection)
        first = connection in self._partitions and connection not in self._materialised
        # The first success names every asset, else a connection without movements would look like one never synced.
        for asset in CONNECTION_ASSETS if first else changed_assets(report):
            metadata = connection_metadata(asset, report)
            self._context.log_event(dg.AssetMaterialization(asset, partition=connection, metadata=metadata))
        self._materialised.add(connection)

    def _judge(self, report: ConnectionReport, now: datetime) -> None:
        """Write the verdict when it is another one than last time; a connection that never landed has no partition for it."""
        needed = actions(report.standing, now)
        passed, before = not needed, self._passed.get(report.connection)
        same = before is passed and (passed or not report.changed)
        if same or report.connection not in self._partitions:
            return
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(CHECKED_ASSET),
            check_name=NEEDS_ATTENTION,
            passed=passed,
            partition=report.connection,
            severity=dg.AssetCheckSeverity.ERROR,
            description=needed[0].title + ". " + needed[0].remedy if needed else "Nobody needs to act.",
            metadata={"attention": attention_table(needed)} if needed else {},
            target_materialization_data=_target(self._context.instance, report.connection),
        )
        self._context.log_event(evaluation)


def _materialised(instance: dg.DagsterInstance, connections: Sequence[ConnectionId]) -> set[str]:
    found = instance.get_latest_storage_id_by_partition(
        dg.AssetKey(CHECKED_ASSET), dg.DagsterEventType.ASSET_MATERIALIZATION, set(connections)
    )
    return set(found)


def _last_verdicts(instance: dg.DagsterInstance, connections: Sequence[ConnectionId]) -> Mapping[str, bool]:
    """Whether the newest evaluation passed, by connection; one query for a whole run. One that was only planned says nothing."""
    key = dg.AssetCheckKey(dg.AssetKey(CHECKED_ASSET), NEEDS_ATTENTION)
    infos = instance.event_log_storage.get_asset_check_partition_info([key], partition_keys=list(connections))
    verdicts = {AssetCheckExecutionRecordStatus.SUCCEEDED: True, AssetCheckExecutionRecordStatus.FAILED: False}
    return {
        info.partition_key: verdicts[info.latest_execution_status]
        for info in infos
        if info.partition_key is not None and info.latest_execution_status in verdicts
    }


def _target(
    instance: dg.DagsterInstance, connection: ConnectionId
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The materialisation an evaluation speaks of; without it a pass vanishes from the partition's page."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(CHECKED_ASSET), asset_partitions=[connection])
    records = instance.fetch_materializations(wanted, limit=1).records
    if not records:
        return None
    newest = records[0]
    return AssetCheckEvaluationTargetMaterializationData(
        run_id=newest.run_id, storage_id=newest.storage_id, timestamp=newest.timestamp
    )
