"""The dashboard: `connection_status`, over all connections, with a check for each family of reasons.

It isn't partitioned on purpose: after a run over many connections the partition page of a failing one still shows its old green.
"""

import dagster as dg

from metrifly_pipeline.assets.metadata import dashboard_metadata, verdict_result
from metrifly_pipeline.domain.reasons import Family
from metrifly_pipeline.services.reports import Dashboard

CONNECTION_STATUS = "connection_status"

MEANINGS = {
    Family.CREDENTIALS_VALID: "Every key opens its exchange account.",
    Family.KEY_IS_READ_ONLY: "No key can do more than read.",
    Family.HISTORY_COMPLETE: "Every history is proven complete.",
    Family.BALANCES_RECONCILE: "Reported balances are what the ledger adds up to.",
    Family.FRESH: "Every connection was synced lately.",
    Family.NO_QUARANTINE: "Every record could be read.",
}

STATUS_CHECKS = tuple(
    dg.AssetCheckSpec(family.value, asset=CONNECTION_STATUS, description=MEANINGS[family]) for family in Family
)


def status_result(dashboard: Dashboard) -> dg.MaterializeResult[None]:
    """The dashboard's materialisation with its checks."""
    return dg.MaterializeResult(
        asset_key=CONNECTION_STATUS,
        metadata=dashboard_metadata(dashboard),
        check_results=[verdict_result(CONNECTION_STATUS, verdict) for verdict in dashboard.verdicts],
    )
