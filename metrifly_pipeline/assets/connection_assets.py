"""Connection-level assets: one multi-asset over raw records and what is made of them, a partition per connection.

A key's nonces forbid parallel steps, so one step syncs all connections of a run. A run is launched with partitions (from the UI) or with a
batch, a number that the control database resolves: an arbitrary set of partitions can't be named otherwise, and ids of people's connections
don't belong in run config.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from metrifly_pipeline.assets.metadata import (
    BALANCES,
    MOVEMENTS,
    NORMALISED_ASSETS,
    RAW_ACTIVITY,
    RAW_FILLS,
    TRADES,
    without_success,
)
from metrifly_pipeline.assets.recording import ATTENTION_CHECK, PARTITIONS, Recorder
from metrifly_pipeline.assets.schemas import stored_schema
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.domain.trouble import NotFoundError
from metrifly_pipeline.journal import within
from metrifly_pipeline.lake import tables
from metrifly_pipeline.lake.tables import TableShape
from metrifly_pipeline.resources.product import Product

SYNC_OP = "sync_connections"
GROUP = "connections"


class SyncConfig(dg.Config):
    """What a run without partitions syncs."""

    batch: int = Field(
        default=0, description="Number of the batch in the control database; 0 when launched with partitions."
    )
    rebuild: bool = Field(
        default=False, description="Make the rows again from the first raw record, without the exchange."
    )


def _spec(name: str, description: str, shape: TableShape, deps: Sequence[str] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=deps,
        description=description,
        metadata={"dagster/column_schema": stored_schema(shape)},
        kinds={"delta", "duckdb"} if deps else {"delta", "json"},
        group_name=GROUP,
        partitions_def=PARTITIONS,
        skippable=True,
    )


SPECS = (
    _spec(RAW_FILLS, "Executions as the exchange sent them, every digit. They are never changed.", tables.RAW_RECORDS),
    _spec(
        RAW_ACTIVITY,
        "Deposits, withdrawals, ledgers, converts, rewards and balances as the exchange sent them.",
        tables.RAW_RECORDS,
    ),
    _spec(TRADES, "Executions with typed, exact numbers, each once.", tables.TRADES, [RAW_FILLS]),
    _spec(
        MOVEMENTS,
        "What changed an asset and is no execution: deposits, withdrawals, converts, rewards, fees.",
        tables.MOVEMENTS,
        [RAW_ACTIVITY],
    ),
    _spec(BALANCES, "What the exchange reports as held, a row for every change.", tables.BALANCES, [RAW_ACTIVITY]),
)


@dg.multi_asset(
    name=SYNC_OP,
    specs=SPECS,
    check_specs=[ATTENTION_CHECK],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def connection_assets(
    context: dg.AssetExecutionContext, config: SyncConfig, product: dg.ResourceParam[Product]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Sync connections. Success is written by connection and only for what changed."""
    by_partition = context.has_partition_key or context.has_partition_key_range
    kind, connections = (SyncKind.SYNC_NOW, _known(product, context)) if by_partition else _batch(product, config.batch)
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    if config.rebuild or kind is SyncKind.REBUILD or selected <= NORMALISED_ASSETS:
        rebuild = config.rebuild or kind is SyncKind.REBUILD
        reports = product.syncing.normalize_only(connections, rebuild=rebuild)
    else:
        reports = product.syncing.sync(connections, kind)
    with within(dagster_run=context.run.run_id):
        seen = Recorder(context, connections).record(reports, product.clock)
    failed = without_success(connections, seen)
    if by_partition and failed:
        raise dg.Failure("\n".join(failed), allow_retries=False)
    yield from ()


def _known(product: Product, context: dg.AssetExecutionContext) -> list[ConnectionId]:
    """The partitions of this run, all of them connections: the UI lets anybody add a partition of any name."""
    keys = [ConnectionId(key) for key in context.partition_keys]
    known = {connection.id for connection in product.control.connections()}
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise dg.Failure(f"There is no connection {', '.join(unknown)}.", allow_retries=False)
    if not keys:
        raise dg.Failure("No connection was named.", allow_retries=False)
    return keys


def _batch(product: Product, number: int) -> tuple[SyncKind, Sequence[ConnectionId]]:
    if number <= 0:
        message = (
            "No connection was named: launch this with partitions, or with the number of a batch in the op's config."
        )
        raise dg.Failure(message, allow_retries=False)
    try:
        kind, connections = product.control.batch(number)
    except NotFoundError as unknown:
        raise dg.Failure(f"{unknown}.", allow_retries=False) from None
    return kind, connections  # none where the accounts of all were deleted meanwhile
