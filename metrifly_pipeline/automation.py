"""What starts by itself: the jobs, the daily schedule, the sensors, and what is said when a run fails by our own fault."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from metrifly_pipeline.assets.connection_assets import SPECS as CONNECTION_SPECS
from metrifly_pipeline.assets.connection_assets import SYNC_OP
from metrifly_pipeline.assets.portfolio_assets import SPECS as PORTFOLIO_SPECS
from metrifly_pipeline.assets.recording import PARTITIONS, PARTITIONS_NAME
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.resources.product import Product
from metrifly_pipeline.services.requesting import Batch

LANE_TAG = "metrifly/lane"
BATCH_TAG = "metrifly/batch"
TICK_SECONDS = 5
"""Dagster looks after its sensors every five seconds at best."""
EVERY_LOOK_SECONDS = 2
"""A sensor that wants five seconds is passed over by every other look: a person would wait ten."""
PUBLISH_EVERY_SECONDS = 10
"""Changes wait ten seconds for others anyway."""
PARTITIONS_EVERY_SECONDS = 300
"""Runs add what lands first, and deletions take away what goes: this only mends what died in between, or what somebody added by hand."""
NOTIFY_EVERY_SECONDS = 30
LOST_AFTER_SECONDS = 600
"""A run for a notification that was launched so long ago and has not tried it was lost."""
NEVER_BEGAN = timedelta(minutes=1)
"""A batch this old that no run was made for fell to a tick that died."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.failure_hook
def say_whose_fault(context: dg.HookContext) -> None:
    """Say in the run's log what a failed step means; trouble with an exchange never fails a step that a batch started."""
    if not isinstance(context.op_exception, dg.Failure):
        kind = type(context.op_exception).__name__
        context.log.error(
            "A fault of Metrifly itself (%s). What landed is safe; the next sync goes on from there.", kind
        )


# Checks of connections are written as events when a verdict changes; selected, they would run as empty ones.
sync_job = dg.define_asset_job(
    "sync",
    selection=dg.AssetSelection.assets(*(spec.key for spec in CONNECTION_SPECS)).without_checks(),
    description="Sync connections: pull, land, normalise. Launch it with partitions; schedule and sensor launch batches.",
    hooks={say_whose_fault},
)
portfolios_job = dg.define_asset_job(
    "portfolios",
    selection=dg.AssetSelection.assets(*(spec.key for spec in PORTFOLIO_SPECS)),
    description="Judge all connections and publish all portfolios.",
    hooks={say_whose_fault},
)


@dg.op(name="send_notifications")
def send_notifications(context: dg.OpExecutionContext, product: dg.ResourceParam[Product]) -> None:
    """Send what waits. A receiver that fails or hangs fails nothing: its notifications are tried again later."""
    done = product.notifying.deliver()
    context.log.info("delivered %d, to be tried again or given up %d", done.delivered, done.failed)


@dg.job(
    name="notify",
    description="Send notifications that wait. A run of its own, so that a receiver that hangs holds up no sync.",
    hooks={say_whose_fault},
)
def notify_job() -> None:
    """One op."""
    send_notifications()


def batch_config(number: int) -> dict[str, Any]:
    """Run config of `sync` for one batch."""
    return {"ops": {SYNC_OP: {"config": {"batch": number}}}}


def batch_requests(batches: Iterable[Batch]) -> list[dg.RunRequest]:
    """One run a batch; its key makes the launch exactly-once, and nothing in it names a person."""
    return [
        dg.RunRequest(
            run_key=batch.key,
            run_config=batch_config(batch.number),
            tags={LANE_TAG: batch.kind.value, BATCH_TAG: str(batch.number)},
        )
        for batch in batches
    ]


def end_dead(instance: dg.DagsterInstance, product: Product) -> None:
    """Runs that died with all that would have said so, as when the machine lost its power, fail now: for Dagster they would go on for hours.

    The next daily sync waits for them, and so does whoever asked for a sync.
    """
    for run in instance.get_runs(dg.RunsFilter(job_name=sync_job.name, statuses=[dg.DagsterRunStatus.STARTED])):
        batch = run.tags.get(BATCH_TAG, "")
        if batch and product.control.batch_died(int(batch), product.clock()):
            instance.report_run_failed(run, "Its worker died: a lease ran out that nobody gave back. Nothing is lost.")


def put_back_lost(instance: dg.DagsterInstance, product: Product) -> None:
    """Requests go back in line whose run failed, was killed or never began: nobody else will answer them."""
    for batch, made_at in product.control.unanswered_batches().items():
        runs = instance.get_runs(dg.RunsFilter(tags={BATCH_TAG: str(batch)}))
        never_began = not runs and product.clock() - made_at > NEVER_BEGAN
        if never_began or (runs and all(run.is_finished for run in runs)):
            product.control.requeue_batch(batch)


@dg.schedule(
    job=sync_job,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Syncs each connection once a day, at its own time: every few minutes those that are due, in shards.",
)
def daily_sync(
    context: dg.ScheduleEvaluationContext, product: dg.ResourceParam[Product]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Launch what is due; also what waits for a retry. What an earlier run still works on would be due again: it goes first."""
    at_work = dg.RunsFilter(tags={LANE_TAG: SyncKind.DAILY.value}, statuses=UNFINISHED)
    if context.instance.get_runs_count(at_work):
        return dg.SkipReason("An earlier daily sync is still at work.")
    return batch_requests(product.requesting.daily_batches(product.settings.shard_size))


@dg.sensor(
    job=sync_job,
    minimum_interval_seconds=EVERY_LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts what somebody asked for: all waiting requests of a tick become one run a lane. What a run left behind that failed or "
    "was killed goes back in line.",
)
def sync_now(context: dg.SensorEvaluationContext, product: dg.ResourceParam[Product]) -> dg.SensorResult:
    """Launch waiting sync requests, those of runs that died too."""
    if product.requesting.is_idle():
        return dg.SensorResult()
    end_dead(context.instance, product)
    put_back_lost(context.instance, product)
    return dg.SensorResult(run_requests=batch_requests(product.requesting.batches()))


@dg.sensor(
    job=portfolios_job,
    minimum_interval_seconds=PUBLISH_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Publishes when something changed that a reader sees: at once after what a person did, else gathered.",
)
def publish_due(product: dg.ResourceParam[Product]) -> dg.SensorResult:
    """Launch the publish that is due, once."""
    due = product.control.publish_due(product.clock())
    return dg.SensorResult(run_requests=[] if due is None else [dg.RunRequest(run_key=f"{due[0]}-{due[1]}")])


@dg.sensor(
    job_name=notify_job.name,  # the job itself would be copied, through a parameter that warns of being beta
    minimum_interval_seconds=NOTIFY_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends notifications when some wait whose time has come.",
)
def notifications_due(product: dg.ResourceParam[Product]) -> dg.SensorResult:
    """Launch a run for the oldest that is due; again after a while where a run for the same try never came to it."""
    now = product.clock()
    due = product.control.notification_due(now)
    key = None if due is None else f"{due[0]}-{due[1]}-{int(now.timestamp()) // LOST_AFTER_SECONDS}"
    return dg.SensorResult(run_requests=[] if key is None else [dg.RunRequest(run_key=key)])


@dg.sensor(
    job=sync_job,
    minimum_interval_seconds=PARTITIONS_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions equal to the connections that have landed once.",
)
def connection_partitions(context: dg.SensorEvaluationContext, product: dg.ResourceParam[Product]) -> dg.SensorResult:
    """Add connections that landed, remove keys that no connection has."""
    landed = dict.fromkeys(product.control.landed_connections())
    present = dict.fromkeys(context.instance.get_dynamic_partitions(PARTITIONS_NAME))
    missing = [key for key in landed if key not in present]
    unknown = [key for key in present if key not in landed]
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = [
        *([PARTITIONS.build_add_request(missing)] if missing else []),
        *([PARTITIONS.build_delete_request(unknown)] if unknown else []),
    ]
    return dg.SensorResult(dynamic_partitions_requests=requests)
