"""One fleet from its founding to its verdict."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg

from metrifly_pipeline.automation import batch_config
from metrifly_pipeline.cli.dagster_home import POSTGRES
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.settings import Settings
from tests.fleet.figures import Costs, Sizes, sizes, used_by_postgres
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
    postgres_cpu: float
    one_run_each: Sequence[float]
    """CPU-seconds of single connections that were synced by a run each."""

    @property
    def objective(self) -> float:
        """The smallest part, at any hour, of the connections without an action pending that was checked within the promised time."""
        return min(part for _, part in self.seen.objective)

    @property
    def actions_without_cause(self) -> float:
        """Which part of those to whom nothing was done needs someone."""
        unharmed = sum(member.injected is None for member in self.plan.members)
        return len(self.verdict.actions_without_cause) / unharmed


def run(
    plan: Plan, settings: Settings, urls: Mapping[str, str], instance: dg.DagsterInstance, *, single: int = 0
) -> Outcome:
    """Found a fleet, let its days pass, judge it.

    Args:
        plan: Who is in it.
        settings: Of the product; its control database is that of `urls`.
        urls: The two databases, `control` and `dagster`.
        instance: Dagster's own state, on the latter.
        single: So many connections are synced once more in the end, by a run each.
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
        before, served, by_postgres = sizes(urls, settings.lake_root), world.used(), used_by_postgres()
        with driver.ticking():
            pass_days(plan, fleet, world, driver)
        used, by_postgres = world.used(), used_by_postgres() - by_postgres
        after = sizes(urls, settings.lake_root)
        verdict = Verdict()
        with driver.product() as product:
            product.publishing.publish()
            compare(plan, fleet, world, product, verdict)
            judge_causes(plan, fleet, product, world.clock.now, verdict)
        alone = [member for member in plan.members if member.injected is None][:single]
        one_run_each = [_cpu_of_a_run(driver, fleet.connections[member.number]) for member in alone]
    return Outcome(
        plan=plan,
        verdict=verdict,
        seen=driver.seen,
        costs=costs,
        founding_cpu=founding.total,
        exchange_cpu=used["cpu"] - served["cpu"],
        requests=int(used["requests"] - served["requests"]),
        before=before,
        after=after,
        wall_seconds=time.monotonic() - begun,
        postgres_cpu=by_postgres,
        one_run_each=one_run_each,
    )


def _cpu_of_a_run(driver: Driver, connection: ConnectionId) -> float:
    """CPU-seconds of a run of its own for one connection."""
    with driver.product() as product:
        product.requesting.file([connection])
        (batch,) = product.requesting.batches([connection])
    before = time.process_time()
    driver.run("sync", batch_config(batch.number), {})
    return time.process_time() - before


DAGSTER = "telemetry: {enabled: false}\n" + POSTGRES
NOTHING_CAPTURED = """\
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
"""


@contextmanager
def dagster_on(folder: Path, *, captures: bool = True) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance whose state lies in the database that METRIFLY_DAGSTER_URL names.

    To capture what steps print it starts four processes a run: what only judges the outcome can do without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(DAGSTER if captures else DAGSTER + NOTHING_CAPTURED)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance
