"""Time passes over a fleet: each tick of schedule and sensors is evaluated, and what they ask for is run, as the daemon would."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import dagster as dg

from metrifly_pipeline import automation
from metrifly_pipeline.assets.connection_assets import connection_assets
from metrifly_pipeline.assets.portfolio_assets import portfolio_assets
from metrifly_pipeline.bootstrap import Product, open_product
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.running import QUIET
from metrifly_pipeline.settings import Settings
from tests.fleet.figures import Costs
from tests.fleet.founding import Fleet
from tests.fleet.plan import START, Member, Plan
from tests.fleet.world import World

RENEWED_EVERY = timedelta(seconds=30)
ADDRESSES = ("203.0.113.1", "203.0.113.2")
STILL_SECONDS = 0.003
"""Nobody has asked for so long: everybody waits."""
PROMISED = timedelta(hours=26)


class FleetClock:
    """What the product is given for a clock: the shared time, and as it passes, leases are renewed."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._renewed = world.clock.now
        self._renewing = False
        self._wakers: list[datetime] = []
        self._lock = threading.Lock()
        self.waited = timedelta()
        self.renew: Any = None

    def __call__(self) -> datetime:
        now = self._clock.now
        if self.renew is not None and not self._renewing and now - self._renewed >= RENEWED_EVERY:
            self._renewing = True
            try:
                self._renewed = now
                self.renew()
            finally:
                self._renewing = False
        return now

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time: while others ask, it passes by itself; where everybody waits, it goes to whose turn is next."""
        waker = self._clock.now + timedelta(seconds=seconds)
        with self._lock:
            self._wakers.append(waker)
        try:
            while (before := self._clock.now) < waker:
                time.sleep(STILL_SECONDS)
                with self._lock:
                    if self._clock.now == before:
                        self._clock.wait_until(min(*self._wakers, before + RENEWED_EVERY, waker))
                self()
        finally:
            with self._lock:
                self._wakers.remove(waker)
        self.waited += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Tick:
    """A sensor as a daemon looks after it."""

    SCHEDULE = "schedule ticks"
    sensor: dg.SensorDefinition
    job: str
    use: str
    seconds: int

    @property
    def name(self) -> str:
        """The sensor's."""
        return self.sensor.name


SENSORS = (
    Tick(automation.sync_now, "sync", "first imports and sync now", automation.TICK_SECONDS),
    Tick(automation.connection_partitions, "sync", "none", automation.PARTITIONS_EVERY_SECONDS),
    Tick(automation.publish_due, "portfolios", "publishes", automation.PUBLISH_EVERY_SECONDS),
    Tick(automation.notifications_due, "notify", "notifications", automation.NOTIFY_EVERY_SECONDS),
)


@dataclass(slots=True)
class Seen:
    """What was observed while time passed."""

    objective: list[tuple[datetime, float]] = field(default_factory=list)
    """Each hour: which part of the connections without an action pending was checked within the promised time."""
    oldest_hours: float = 0.0
    """The longest that one of them went unchecked."""
    faults: list[str] = field(default_factory=list)
    runs: int = 0


class Driver:
    """Evaluates ticks and runs jobs on one Dagster instance; each run opens the product for itself, ticks share one, as in a code server."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, world: World, costs: Costs) -> None:
        self.costs = costs
        self._instance = instance
        self._world = world
        self._settings = settings
        self._addresses = cycle((ADDRESSES, ADDRESSES[::-1]))
        self.defs = dg.Definitions(
            assets=[connection_assets, portfolio_assets],
            jobs=[automation.sync_job, automation.portfolios_job, automation.notify_job],
            schedules=[automation.daily_sync],
            sensors=[
                automation.sync_now,
                automation.publish_due,
                automation.notifications_due,
                automation.connection_partitions,
            ],
            resources={"product": dg.ResourceDefinition(self._resource)},
            executor=dg.in_process_executor,
        )
        self.seen = Seen()
        self.kept: Product

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Keep the product that ticks share open for the block."""
        with self.product() as self.kept:
            yield

    @contextmanager
    def product(self) -> Iterator[Product]:
        """The product as one worker opens it; workers leave by different addresses."""
        clock = FleetClock(self._world)
        egress = ",".join(next(self._addresses))
        settings = self._settings.model_copy(update={"egress_ips": egress})
        with open_product(settings, clock=clock, sleep=clock.sleep) as product:
            clock.renew = product.syncing._leasing.renew_all
            yield product
            clock.renew = None

    @contextmanager
    def _resource(self, _context: Any) -> Iterator[Product]:
        with self.product() as product:
            yield product

    def tick(self) -> None:
        """Evaluate the schedule and every sensor once, and run what they ask for."""
        with self.costs.of(Tick.SCHEDULE):
            product = self.kept
            at = self._world.clock.now
            with dg.build_schedule_context(self._instance, at, resources={"product": product}) as context:
                asked = automation.daily_sync.evaluate_tick(context).run_requests or []
        self._run_all("sync", asked, "daily runs")
        for each in SENSORS:
            self._run_all(each.job, self._sense(each.sensor), each.use)

    def _sense(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        with self.costs.of(f"ticks of {sensor.name}"):
            resources = {"product": self.kept}
            with dg.build_sensor_context(
                instance=self._instance, resources=resources, definitions=self.defs
            ) as context:
                told = sensor.evaluate_tick(context)
        for request in told.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self._instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            else:
                for key in request.partition_keys:
                    self._instance.delete_dynamic_partition(request.partitions_def_name, key)
        return list(told.run_requests or ())

    def _run_all(self, job: str, asked: list[dg.RunRequest], use: str) -> None:
        for request in asked:
            with self.costs.of(use):
                self.run(job, request.run_config, request.tags)

    def run(self, job: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """One Dagster run, in this process."""
        result = self.defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET | dict(config), instance=self._instance, tags=dict(tags), raise_on_error=False
        )
        self.seen.runs += 1
        if not result.success:
            said = [event.event_specific_data for event in result.get_step_failure_events()]
            self.seen.faults.append(f"run {result.run_id} of {job} failed: {said}")


def pass_days(plan: Plan, fleet: Fleet, world: World, driver: Driver) -> None:
    """Let the plan's days pass: every few minutes a tick, every hour a look at who was checked when."""
    joins = sorted((member.connects_at, member.number) for member in plan.members if member.connects_at is not None)
    breaks = sorted((member.injected.at, member.number) for member in plan.members if member.injected is not None)
    moment, looked = START, START
    while moment <= plan.end:
        world.clock.wait_until(moment)
        _come_true(plan.members, fleet, world, driver, joins, breaks)
        driver.tick()
        if moment >= looked:
            looked += timedelta(hours=1)
            _look(driver, world.clock.now)
        now = world.clock.now
        while moment <= now:  # of ticks that were missed none is made up for
            moment += plan.tick


def _come_true(
    members: tuple[Member, ...], fleet: Fleet, world: World, driver: Driver, joins: Any, breaks: Any
) -> None:
    now = world.clock.now
    while breaks and breaks[0][0] <= now:
        world.inject(breaks.pop(0)[1])
    while joins and joins[0][0] <= now:
        with driver.costs.of("connects"), driver.product() as product:
            fleet.connect(product, world, members[joins.pop(0)[1]])


def _look(driver: Driver, now: datetime) -> None:
    with driver.product() as product:
        pending = {item.connection for item in product.control.attention() if item.level(now) == "action"}
        judged = [
            connection
            for connection in product.control.connections()
            if connection.disconnected_at is None and connection.id not in pending
        ]
    ages = [now - _checked_at(connection) for connection in judged]
    if ages:
        driver.seen.objective.append((now, sum(age <= PROMISED for age in ages) / len(ages)))
        driver.seen.oldest_hours = max(driver.seen.oldest_hours, max(ages) / timedelta(hours=1))


def _checked_at(connection: Connection) -> datetime:
    return connection.last_checked_at or connection.created_at
