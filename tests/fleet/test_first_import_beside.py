"""A first import that lasts six hours, beside a hundred connections that are synced once a day: it does not hold up what they publish."""

import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.status import Outcome, SyncKind
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import Faults
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.services.connecting import ConnectRequest
from metrifly_pipeline.settings import Settings
from tests.fleet.stage import Stage, Worker

NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
DAILY = 100
REQUEST = timedelta(seconds=0.025)
SLOW = timedelta(seconds=100)
"""How long one answer takes for the account that is imported: with its slices of ten minutes some two hundred of them last six hours."""
LOOK = 5.0
"""Seconds between two looks whether a publish is due."""
MOVED_AT_MOST = timedelta(seconds=60)


class Slowness(Faults):
    """Nothing goes wrong, but each answer takes its time, on the clock of who asked."""

    def __init__(self, slow_key):
        super().__init__()
        self.slow_key = slow_key
        self.importer = self.daily = None

    def spoil(self, fault, dialect, request, response):
        if self.importer is not None:
            is_slow = request.headers.get("api-key") == self.slow_key
            (self.importer if is_slow else self.daily).owe(SLOW if is_slow else REQUEST)
        return super().spoil(fault, dialect, request, response)


class Beside:
    """One home, one local exchange, and two workers on one clock: as two processes of Dagster would be."""

    def __init__(self, folder):
        self.stage = Stage(NOW)
        self.settings = Settings(home=folder, limit_scale=1e6)
        long_history = generate("kraken", 3, trades=2_300, now_us=round(NOW.timestamp()) * 1_000_000)
        self.small = [
            AccountBuilder("kraken", seed=seed).with_movement(amount="100000").with_fill()
            for seed in range(100, 100 + DAILY)
        ]
        self.long = long_history
        accounts = [long_history, *(builder.account for builder in self.small)]
        self.sandbox = Sandbox(accounts, seed=1, clock=self.unix, scale=1e6)
        (key,) = long_history.keys.values()
        self.key = key
        self.sandbox.faults = self.slowness = Slowness(key.api_key)

    def unix(self):
        return self.stage.now.timestamp()

    @contextmanager
    def working(self, name):
        worker = Worker(self.stage, name)
        with open_product(self.settings, clock=worker.clock, sleep=worker.sleep) as product:
            worker.renew = product.syncing._leasing.renew_all
            yield worker, product

    def connect(self, product, key):
        request = ConnectRequest(
            account=product.account,
            exchange="kraken",
            portfolio="Main",
            credential=Credential(key.api_key, key.secret, key.passphrase),
            base_url=self.sandbox.base_url("kraken"),
        )
        return product.connecting.connect(request).id

    def trade(self):
        """Something happens in each of the hundred accounts."""
        with self.sandbox.lock:
            for builder in self.small:
                builder.with_fill(amount="0.01", at=self.stage.now - timedelta(minutes=5))


@pytest.fixture
def beside(tmp_path):
    made = Beside(tmp_path / "home")
    with made.sandbox:
        yield made


def sync_all(product):
    while batches := product.requesting.batches():
        for batch in batches:
            yield from (report.run for report in product.syncing.sync(batch.connections, batch.kind))


def published_after(beside, worker, product, connections):
    """Sync them as a daily run does; how long after its beginning what they brought is published, and how much that was."""
    beside.trade()
    begun = beside.stage.now
    added = [report.run.trades_added for report in product.syncing.sync(connections, SyncKind.DAILY)]
    wanted = product.control.change_seq()
    while beside.stage.now < begun + timedelta(hours=2):
        due = product.control.publish_due(worker.clock())
        if due is not None and product.publishing.publish().change_seq >= wanted:
            return worker.clock() - begun, sum(added)
        worker.sleep(LOOK)
    raise AssertionError("nothing was published")


@pytest.mark.torture
def test_a_first_import_of_six_hours_moves_what_a_hundred_others_publish_by_less_than_a_minute(beside, figure):
    with ExitStack() as stack:
        daily, product = stack.enter_context(beside.working("daily"))
        importer, other = stack.enter_context(beside.working("import"))
        product.control.create_portfolio(product.account, "Main", NOW)
        connections = [beside.connect(product, builder.key) for builder in beside.small]
        list(sync_all(product))
        product.publishing.publish()
        beside.stage.now += timedelta(days=1)
        beside.slowness.importer, beside.slowness.daily = importer, daily

        with beside.stage.playing("daily"):
            alone, brought_alone = published_after(beside, daily, product, connections)

        beside.stage.now += timedelta(hours=20)
        slow = beside.connect(other, beside.key)
        begun, runs = beside.stage.now, []

        def import_everything():
            with beside.stage.playing("import"):
                runs.extend(sync_all(other))

        importing = threading.Thread(target=import_everything)
        moved = []
        with beside.stage.playing("daily"):
            importing.start()
            for hours in (1.2, 4):
                daily.sleep((begun + timedelta(hours=hours) - beside.stage.now).total_seconds())
                taken, brought = published_after(beside, daily, product, connections)
                moved.append(taken - alone)
                assert brought == brought_alone == DAILY
        importing.join()

    lasted = runs[-1].finished_at - begun
    assert lasted >= timedelta(hours=6)
    assert {run.connection for run in runs} == {slow}
    # What is read last holds no trades: they were all there hours before.
    assert [run.outcome for run in runs] == [Outcome.CONTINUES] * (len(runs) - 1) + [Outcome.NOTHING_NEW]
    assert sum(run.trades_added for run in runs) == len(beside.long.trades)
    assert max(moved) < MOVED_AT_MOST
    later = ", ".join(f"{each.total_seconds():+.0f}" for each in moved)
    figure(
        f"beside a first import of {lasted}, {DAILY} daily connections were published {later} s later than alone ({alone})"
    )
