"""Portfolio-level assets: all portfolios at once, unpartitioned, made by one publish.

They are one multi-asset because they are one file: its tables are made, compared and swapped in together, and either all are new or none is.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from metrifly_pipeline.assets.forgetting import History
from metrifly_pipeline.assets.metadata import (
    BALANCES,
    MOVEMENTS,
    TRADES,
    reconciliation_metadata,
    span_metadata,
    view_rows,
    warehouse_metadata,
)
from metrifly_pipeline.assets.retention import forget_runs
from metrifly_pipeline.assets.schemas import column_schemas, table_metadata
from metrifly_pipeline.assets.status_assets import CONNECTION_STATUS, STATUS_CHECKS, status_result
from metrifly_pipeline.journal import within
from metrifly_pipeline.resources.product import Product
from metrifly_pipeline.services.reports import PublishReport

PUBLISH_OP = "publish_portfolios"
GROUP = "portfolios"
PORTFOLIO_TRANSACTIONS = "portfolio_transactions"
POSITIONS = "positions"
RECONCILIATION = "reconciliation"
WAREHOUSE = "warehouse"

# What the publish doesn't tell of its views. The two are the only SQL of this room, and read the catalogue rather than data.
COLUMNS = (
    "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY column_index"
)
TRANSACTIONS = "SELECT count(*) FROM portfolio_transactions"


def _all_of(*names: str) -> list[dg.AssetDep]:
    """Depend on every partition of these connection assets."""
    return [dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in names]


def _spec(name: str, description: str, deps: Sequence[dg.AssetDep | str]) -> dg.AssetSpec:
    return dg.AssetSpec(name, deps=deps, description=description, kinds={"duckdb"}, group_name=GROUP, skippable=True)


SPECS = (
    _spec(
        PORTFOLIO_TRANSACTIONS,
        "Everything that happened in a portfolio, from every source, each once.",
        _all_of(TRADES, MOVEMENTS),
    ),
    _spec(POSITIONS, "What each portfolio holds of each asset, exact.", [PORTFOLIO_TRANSACTIONS]),
    _spec(
        RECONCILIATION,
        "Reported balance minus what the ledger adds up to, by connection and asset.",
        _all_of(TRADES, MOVEMENTS, BALANCES),
    ),
    _spec(
        CONNECTION_STATUS,
        "The dashboard: which connections need someone, and what to do. Red where somebody must act.",
        [RECONCILIATION],
    ),
    _spec(
        WAREHOUSE,
        "The DuckDB file that analysts read, swapped in whole.",
        [PORTFOLIO_TRANSACTIONS, POSITIONS, RECONCILIATION, CONNECTION_STATUS],
    ),
)


@dg.multi_asset(name=PUBLISH_OP, specs=SPECS, check_specs=STATUS_CHECKS)
def portfolio_assets(
    context: dg.AssetExecutionContext, product: dg.ResourceParam[Product]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Judge and publish all portfolios once."""
    with within(dagster_run=context.run.run_id):
        report = product.publishing.publish()
    status = status_result(product.listing.dashboard(report.views))
    if not report.outcome.published:
        context.log.info("A newer file is in place already: this publish was dropped.")
        yield status
        return
    _names, columns = product.lake.query(COLUMNS)
    _names, ((transactions,),) = product.lake.query(TRANSACTIONS)
    rows = {**view_rows(report.views), PORTFOLIO_TRANSACTIONS: int(str(transactions)), **report.outcome.rows}
    yield from published_results(report, status, rows, column_schemas(columns))
    forget = History(context.instance)
    tidied = product.maintaining.maintain_when_due(forget)
    if tidied is not None:
        joined, removed = sum(tidied.joined.values()), sum(tidied.removed.values())
        runs = forget_runs(context.instance, product.clock() - timedelta(days=product.settings.runs_kept_days))
        told = "Once a day: joined %d small files, removed %d old ones, forgot %d old runs."
        context.log.info(told, joined, removed, runs)


def published_results(
    report: PublishReport,
    status: dg.MaterializeResult[Any],
    rows: Mapping[str, int],
    schemas: Mapping[str, dg.TableSchema],
) -> Iterator[dg.MaterializeResult[Any]]:
    """What each table of the file is now, in the order in which the assets depend on each other."""
    own = {
        PORTFOLIO_TRANSACTIONS: span_metadata(report.views),
        POSITIONS: {},
        RECONCILIATION: reconciliation_metadata(report.differences, rows[RECONCILIATION]),
    }
    for name, metadata in own.items():
        yield dg.MaterializeResult(asset_key=name, metadata=table_metadata(name, rows, schemas) | metadata)
    yield status
    file = warehouse_metadata(report.outcome.path, rows, report.change_seq)
    yield dg.MaterializeResult(asset_key=WAREHOUSE, metadata=file)
