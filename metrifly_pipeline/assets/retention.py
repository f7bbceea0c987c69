"""Which runs Dagster's storage may forget: old ones that nothing shown still rests on. Dagster itself only forgets ticks.

Like `recording`, it leans on Dagster's inner parts: deleting a run through its public side leaves rows and files behind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from metrifly_pipeline.assets.recording import ATTENTION_CHECK
from metrifly_pipeline.assets.status_assets import STATUS_CHECKS

MOST_AT_ONCE = 2000
"""How many runs one call forgets at most; what is left waits for the next day."""
CHUNK = 500
LONGEST_RUN = timedelta(days=1)
"""No run lasts as long (dagster.yaml ends it): events this much younger belong to runs that are."""
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_CHECKS = [spec.key for spec in (ATTENTION_CHECK, *STATUS_CHECKS)]


def forget_runs(instance: dg.DagsterInstance, before: datetime, most: int = MOST_AT_ONCE) -> int:
    """Delete finished runs with their events and logs, except those that a status rests on.

    A deleted run takes its materialisations along: a partition that was materialised in no later run would show as missing. Killed on the
    way, what is left of a run is deleted the next time: its record goes last.

    Args:
        instance: Dagster's storage.
        before: Runs that changed since are kept; aware UTC.
        most: How many are deleted at most, the oldest first.

    Returns:
        How many were deleted.
    """
    needed = runs_behind_status(instance, before + LONGEST_RUN)
    forgotten = 0
    # All are named before the first is deleted: the next chunk is asked for by the last run of this one.
    for run in [run for run in _finished(instance, before) if run not in needed][:most]:
        _forget(instance, run)
        forgotten += 1
    return forgotten


def runs_behind_status(instance: dg.DagsterInstance, until: datetime) -> set[str]:
    """Runs up to `until` that hold the newest word on something: an asset, a partition of it, a check."""
    storage = instance.event_log_storage
    needed = {info.latest_planned_run_id for info in storage.get_asset_check_partition_info(_CHECKS)}
    for asset in instance.get_asset_keys():
        needed |= _runs(instance, dg.AssetRecordsFilter(asset), 1)
        older = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset, before_timestamp=until.timestamp()), limit=1
        ).records
        if not older:
            continue
        by_partition = storage.get_latest_storage_id_by_partition(asset, dg.DagsterEventType.ASSET_MATERIALIZATION)
        newest = sorted(number for number in by_partition.values() if number <= older[0].storage_id)
        for chunk in _chunks(newest):
            needed |= _runs(instance, dg.AssetRecordsFilter(asset, storage_ids=chunk), len(chunk))
        # Red until the next success: tried since it was last materialised.
        tried = storage.get_latest_asset_partition_materialization_attempts_without_materializations(asset)
        needed |= {run for run, _number in tried.values()}
    return needed


def _runs(instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter, limit: int) -> set[str]:
    return {record.run_id for record in instance.fetch_materializations(wanted, limit=limit).records}


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))


def _finished(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    """Finished runs that did not change since, the oldest first."""
    wanted, cursor = dg.RunsFilter(statuses=_FINISHED, updated_before=before), None
    while records := instance.get_run_records(wanted, limit=CHUNK, ascending=True, cursor=cursor):
        yield from (record.dagster_run.run_id for record in records)
        cursor = records[-1].dagster_run.run_id


def _forget(instance: dg.DagsterInstance, run: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run])
    storage = instance.event_log_storage
    storage.delete_events(run)
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as database:
            database.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id == run))
    instance.delete_run(run)
    if isinstance(storage, SqliteEventLogStorage):
        # A file for each run, which deleting its events has only emptied.
        for ending in ("", "-wal", "-shm"):
            Path(f"{storage.path_for_shard(run)}{ending}").unlink(missing_ok=True)
