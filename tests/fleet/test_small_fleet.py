"""The fleet that `make fleet` runs, small: a simulated span of days with news, first imports and injected causes, on PostgreSQL."""

from collections import Counter
from datetime import timedelta

import pytest

from tests.fleet.plan import Cause, Plan
from tests.fleet.running import dagster_on, run

PLAN = Plan(connections=300, days=3, patterns=1, tick=timedelta(hours=4), window=timedelta(hours=4))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_fleet_is_checked_in_time_exact_and_each_cause_is_called_by_its_own_name(urls, settings, tmp_path, figure):
    with dagster_on(tmp_path / "dagster", captures=False) as instance:
        fleet = run(PLAN, settings, urls, instance)

    verdict = fleet.verdict
    assert fleet.seen.faults == []
    assert verdict.compared > PLAN.connections * 40
    assert (verdict.lost, verdict.doubled, verdict.wrong) == (0, 0, [])
    assert verdict.causes_missed == []
    assert verdict.causes_shown == Counter(member.injected.cause for member in PLAN.members if member.injected)
    assert fleet.actions_without_cause <= 0.02
    # Whose key somebody else uses can't be checked, and needs nobody before it has lasted three days.
    unchecked = sum(member.injected is not None and member.injected.cause is Cause.NONCES for member in PLAN.members)
    harmless = sum(member.injected is None for member in PLAN.members)
    assert 1 - fleet.objective <= unchecked / harmless
    per_day = fleet.costs.total / PLAN.connections / PLAN.days
    figure(f"a fleet of {PLAN.connections} over {PLAN.days} days: {per_day:.3f} CPU-seconds a connection and day")
