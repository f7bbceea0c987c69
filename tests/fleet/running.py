"""One fleet from its founding to its verdict."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg

from metrifly_pipeline.settings import Settings
from tests.fleet.figures import Costs, Sizes, sizes
from tests.fleet.founding import found
from tests.fleet.judging import Verdict, compare, judge_causes
from tests.fleet.plan import START, Plan
from tests.fleet.week import Driver, Seen, pass_days
from tests.fleet.world import running_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a fleet fared and what it cost."""

    plan: Plan
    verdict: Verdict
    seen: Seen
    costs: Costs
    founding_cpu: float
    exchange_cpu: float
    requests: int
    before: Sizes
    after: Sizes
    wall_seconds: float

    @property
    def objective(self) -> float:
        """The smallest part, at any hour, of the connections without an action pending that was checked within the promised time."""
        return min(part for _, part in self.seen.objective)

    @property
    def actions_without_cause(self) -> float:
        """Which part of those to whom nothing was done needs someone."""
        unharmed = sum(member.injected is None for member in self.plan.members)
        return len(self.verdict.actions_without_cause) / unharmed


def run(plan: Plan, settings: Settings, urls: Mapping[str, str], instance: dg.DagsterInstance) -> Outcome:
    """Found a fleet, let its days pass, judge it.

    Args:
        plan: Who is in it.
        settings: Of the product; its control database is that of `urls`.
        urls: The two databases, `control` and `dagster`.
        instance: Dagster's own state, on the latter.
    """
    begun = time.monotonic()
    settings = settings.model_copy(update={"daily_window_hours": plan.window // timedelta(hours=1)})
    costs = Costs()
    founding = Costs()
    with running_world(plan) as world:
        driver = Driver(instance, settings, world, costs)
        with founding.of("founding"), driver.product() as product:
            fleet = found(plan, world, product, urls, driver.run)
        world.clock.wait_until(START)
        before, served = sizes(urls, settings.lake_root), world.used()
        with driver.ticking():
            pass_days(plan, fleet, world, driver)
        used = world.used()
        verdict = Verdict()
        with driver.product() as product:
            product.publishing.publish()
            compare(plan, fleet, world, product, verdict)
            judge_causes(plan, fleet, product, world.clock.now, verdict)
    return Outcome(
        plan=plan,
        verdict=verdict,
        seen=driver.seen,
        costs=costs,
        founding_cpu=founding.total,
        exchange_cpu=used["cpu"] - served["cpu"],
        requests=int(used["requests"] - served["requests"]),
        before=before,
        after=sizes(urls, settings.lake_root),
        wall_seconds=time.monotonic() - begun,
    )


DAGSTER = """\
telemetry: {enabled: false}
storage:
  postgres:
    postgres_url: {env: METRIFLY_DAGSTER_URL}
"""


@contextmanager
def dagster_on(folder: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance whose state lies in the database that METRIFLY_DAGSTER_URL names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(DAGSTER)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance
