"""The one Definitions object that `workspace.yaml` loads. Loading it opens nothing, asks nobody and writes no file."""

import dagster as dg

from metrifly_pipeline import automation
from metrifly_pipeline.assets.connection_assets import connection_assets
from metrifly_pipeline.assets.portfolio_assets import portfolio_assets
from metrifly_pipeline.resources.product import ProductResource

defs = dg.Definitions(
    assets=[connection_assets, portfolio_assets],
    jobs=[automation.sync_job, automation.portfolios_job, automation.notify_job],
    schedules=[automation.daily_sync],
    sensors=[
        automation.sync_now,
        automation.publish_due,
        automation.notifications_due,
        automation.connection_partitions,
    ],
    resources={"product": ProductResource()},
    # Each job is one step: a process of its own for it would cost more than an idle sync.
    executor=dg.in_process_executor,
)
