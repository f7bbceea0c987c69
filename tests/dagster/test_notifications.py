"""Notifications are sent by a run of their own, which a receiver can't fail."""

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from metrifly_pipeline import automation
from metrifly_pipeline.definitions import defs
from metrifly_pipeline.services.notifying import Delivered
from tests.dagster.builders import NOW


@pytest.fixture
def waiting(product):
    """Say which notification is due; None for none."""

    def told(due: tuple[int, int] | None) -> None:
        product.control.notification_due = lambda now: due if now == NOW else None

    return told


@pytest.fixture
def tick(instance, product):
    def evaluate() -> Any:
        with dg.build_sensor_context(instance=instance, resources={"product": product}, definitions=defs) as context:
            return automation.notifications_due.evaluate_tick(context)

    return evaluate


def keys(result: Any) -> list[str]:
    return [request.run_key for request in result.run_requests]


def test_nothing_is_started_while_nothing_waits(tick, waiting):
    waiting(None)

    assert keys(tick()) == []


def test_a_try_is_started_once_and_the_next_try_again(tick, waiting):
    waiting((7, 0))
    first = keys(tick())
    waiting((7, 1))

    assert len(first) == 1
    assert keys(tick()) != first
    waiting((7, 0))
    assert keys(tick()) == first  # Dagster launches one run a key


def test_the_job_sends_and_succeeds_although_a_receiver_failed(instance, product):
    sent = []
    product.notifying = SimpleNamespace(deliver=lambda: sent.append(1) or Delivered(delivered=2, failed=1))

    result = automation.notify_job.execute_in_process(instance=instance, resources={"product": product})

    assert result.success
    assert sent == [1]
    said = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.dagster_event is None]
    assert "delivered 2, to be tried again or given up 1" in said
