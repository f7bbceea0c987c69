"""Schedule and sensors: what is asked for starts exactly once, and partitions follow the connections."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from metrifly_pipeline import automation
from metrifly_pipeline.definitions import defs
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.services.requesting import Batch
from tests.dagster.builders import NOW, a_connection

KRAKEN, OKX = "kraken-aaaaaaaa", "okx-cccccccc"


@pytest.fixture
def tick(instance, product):
    """Evaluate a sensor once."""

    def evaluate(sensor: dg.SensorDefinition) -> Any:
        resources = {"product": product}
        with dg.build_sensor_context(instance=instance, resources=resources, definitions=defs) as context:
            return sensor.evaluate_tick(context)

    return evaluate


def a_batch(number: int, key: str, *names: str, kind: SyncKind = SyncKind.SYNC_NOW) -> Batch:
    return Batch(number=number, key=key, connections=tuple(names), kind=kind)


def test_all_waiting_requests_of_a_tick_become_one_run_a_lane(tick, product):
    product.waiting = [
        a_batch(4, "17-0", KRAKEN, OKX),
        a_batch(5, "18-0", OKX, kind=SyncKind.FIRST_IMPORT),
    ]

    requests = tick(automation.sync_now).run_requests

    assert [(request.run_key, request.tags["metrifly/lane"]) for request in requests] == [
        ("17-0", "sync_now"),
        ("18-0", "first_import"),
    ]
    assert requests[0].run_config == {"ops": {"sync_connections": {"config": {"batch": 4}}}}


def test_a_second_tick_starts_nothing_again(tick, product):
    product.waiting = [a_batch(4, "17-0", KRAKEN)]

    first, second = tick(automation.sync_now), tick(automation.sync_now)

    assert len(first.run_requests) == 1
    assert second.run_requests == []


def test_no_id_of_a_connection_stands_in_a_runs_tags_or_config(tick, product):
    product.waiting = [a_batch(4, "17-0", KRAKEN)]

    (request,) = tick(automation.sync_now).run_requests

    assert KRAKEN not in str((request.run_key, request.run_config, request.tags))


def a_run(instance, batch: int, status: dg.DagsterRunStatus) -> None:
    job = defs.resolve_job_def("sync")
    instance.create_run_for_job(job_def=job, tags={"metrifly/batch": str(batch)}, status=status)


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED", "SUCCESS"])
def test_requests_that_a_run_left_unanswered_go_back_in_line_at_the_next_tick(tick, product, instance, status):
    product.control.unanswered = {4: NOW, 5: NOW}
    a_run(instance, 4, dg.DagsterRunStatus[status])
    a_run(instance, 5, dg.DagsterRunStatus.STARTED)

    tick(automation.sync_now)

    assert product.control.requeued == [4]


def test_a_run_whose_worker_died_without_a_word_fails_and_its_requests_go_back_in_line(tick, product, instance):
    product.control.unanswered = {4: NOW, 5: NOW}
    product.control.died = {4}
    a_run(instance, 4, dg.DagsterRunStatus.STARTED)
    a_run(instance, 5, dg.DagsterRunStatus.STARTED)
    job = defs.resolve_job_def("sync")
    instance.create_run_for_job(
        job_def=job, status=dg.DagsterRunStatus.STARTED
    )  # launched from the UI: it has no batch

    tick(automation.sync_now)

    assert product.control.requeued == [4]
    statuses = {run.tags.get("metrifly/batch"): run.status for run in instance.get_runs()}
    assert statuses == {
        "4": dg.DagsterRunStatus.FAILURE,
        "5": dg.DagsterRunStatus.STARTED,
        None: dg.DagsterRunStatus.STARTED,
    }


def test_so_do_those_whose_run_was_never_made_because_a_tick_died(tick, product):
    product.control.unanswered = {4: NOW - timedelta(seconds=61), 5: NOW - timedelta(seconds=59)}

    tick(automation.sync_now)

    assert product.control.requeued == [4]


def test_a_publish_that_is_due_is_named_by_its_change_and_attempt(tick, product):
    product.control.due = (12, 1)
    due = tick(automation.publish_due)
    product.control.due = None
    not_due = tick(automation.publish_due)

    assert [request.run_key for request in due.run_requests] == ["12-1"]
    assert not_due.run_requests == []


@pytest.fixture
def daily(stored_instance, product):
    """Evaluate the daily schedule once."""

    def evaluate() -> list[dg.RunRequest]:
        with dg.build_schedule_context(instance=stored_instance, resources={"product": product}) as context:
            return automation.daily_sync.evaluate_tick(context).run_requests

    return evaluate


def test_the_daily_schedule_starts_a_run_a_shard(daily, product):
    product.due = [a_batch(7, "daily-7", KRAKEN, kind=SyncKind.DAILY), a_batch(8, "daily-8", OKX, kind=SyncKind.DAILY)]

    assert [request.run_key for request in daily()] == ["daily-7", "daily-8"]
    assert product.shards == [2]


def test_the_daily_schedule_waits_for_its_earlier_runs_and_for_no_others(daily, product, stored_instance):
    product.due = [a_batch(7, "daily-7", KRAKEN, kind=SyncKind.DAILY)]
    job = defs.resolve_job_def("sync")
    unfinished = {"job_def": job, "status": dg.DagsterRunStatus.STARTED}
    stored_instance.create_run_for_job(tags={"metrifly/lane": "sync_now"}, **unfinished)
    beside_another = daily()
    earlier = stored_instance.create_run_for_job(tags={"metrifly/lane": "daily"}, **unfinished)
    while_it_works = daily()
    stored_instance.report_run_failed(earlier)

    assert len(beside_another) == 1
    assert while_it_works == []
    assert len(daily()) == 1


def test_partitions_become_those_connections_that_have_landed(tick, product, instance):
    instance.add_dynamic_partitions("connections", [OKX, "deleted-zzzzzzzz"])
    product.knows(KRAKEN, OKX)
    product.knows("binance-bbbbbbbb", landed=False)

    requests = tick(automation.connection_partitions).dynamic_partitions_requests

    added, removed = requests
    assert isinstance(added, dg.AddDynamicPartitionsRequest)
    assert list(added.partition_keys) == [KRAKEN]
    assert isinstance(removed, dg.DeleteDynamicPartitionsRequest)
    assert list(removed.partition_keys) == ["deleted-zzzzzzzz"]


def test_partitions_that_are_right_are_left_alone(tick, product, instance):
    instance.add_dynamic_partitions("connections", [KRAKEN])
    product.control.known = [a_connection(KRAKEN)]

    assert not tick(automation.connection_partitions).dynamic_partitions_requests


def test_everything_that_starts_by_itself_runs_by_default():
    schedules = {each.name: each.default_status.value for each in defs.schedules or []}
    sensors = {each.name: each.default_status.value for each in defs.sensors or []}

    assert schedules == {"daily_sync": "RUNNING"}
    assert sensors == dict.fromkeys(
        ["sync_now", "publish_due", "notifications_due", "connection_partitions"], "RUNNING"
    )
