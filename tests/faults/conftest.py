"""A home with one connection to a local Kraken, and the truth to hold it against."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from deltalake import DeltaTable

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.live import append_trade
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.services.connecting import ConnectRequest
from metrifly_pipeline.settings import Settings
from tests.faults.worker import GROUP_RECORDS, main
from tests.support.forks import FORKS
from tests.support.founding import found

SCALE = 1_000_000.0
PATIENCE_SECONDS = 100.0
NORMALISED = ("trades", "movements", "balances")
ALL_ROWS = "SELECT {key}, count(*), min(amount)::VARCHAR FROM {table} GROUP BY ALL"


class FaultyHome:
    """One connection to one local exchange account; workers come and go.

    Their clock only goes forward, over all homes of this process: Kraken's nonces are taken from it.
    """

    ahead = timedelta()

    def __init__(self, folder, sandbox):
        self.settings = Settings(home=found(folder), limit_scale=SCALE)
        self.sandbox = sandbox
        self.account = sandbox.accounts[0]
        key = next(iter(self.account.keys.values()))
        with self.product() as product:
            product.control.create_portfolio(product.account, "Main", product.clock())
            request = ConnectRequest(
                account=product.account,
                exchange=self.account.exchange,
                portfolio="Main",
                credential=Credential(key.api_key, key.secret, key.passphrase),
                base_url=sandbox.base_url(self.account.exchange),
            )
            self.connection = product.connecting.connect(request).id

    def now(self):
        """The product's clock; leases of the dead run out when it is turned ahead."""
        return datetime.now(UTC) + self.ahead

    def product(self, **options):
        """Open the product in this process."""
        return open_product(self.settings, clock=self.now, group_records=GROUP_RECORDS, **options)

    def kill_worker(self, label, hit, *, wrong_order=False):
        """Start a worker process that dies at a labelled point; returns its exit status."""
        given = (self.settings.home, label, hit, self.ahead, self.sandbox.admin_url)
        worker = FORKS.Process(target=main, args=given, kwargs={"wrong_order": wrong_order})
        worker.start()
        worker.join(PATIENCE_SECONDS)
        if worker.exitcode is None:
            os.kill(worker.pid, signal.SIGABRT)
            worker.join()
            pytest.fail("the worker neither died nor ended; what it did stands in its traceback")
        return worker.exitcode

    def trade(self, count=1):
        """Let more trades happen at the exchange."""
        with self.sandbox.lock:
            for _ in range(count):
                append_trade(self.account, now_us=time.time_ns() // 1000)

    def recover(self):
        """What the next worker does: the dead one's lease runs out, somebody asks for a sync, everything is published."""
        FaultyHome.ahead += timedelta(minutes=15)
        with self.product() as product:
            product.requesting.file([self.connection])
            return self.drain(product)

    def drain(self, product):
        """Sync until nothing waits, publish; returns the reports."""
        reports = []
        while batches := product.requesting.batches():
            for batch in batches:
                reports += product.syncing.sync(batch.connections, batch.kind)
        product.publishing.publish()
        return reports

    def watermarks(self):
        """How far each table is normalised, as the tables themselves say."""
        with self.product() as product:
            app_id = product.control.connection(self.connection).app_id
        folders = [str(self.settings.lake_root / "delta" / name) for name in NORMALISED]
        told = [DeltaTable(f).transaction_version(app_id) if DeltaTable.is_deltatable(f) else None for f in folders]
        return {name: mark for name, mark in zip(NORMALISED, told, strict=True) if mark is not None}

    def published(self, table, key):
        """Rows of the warehouse: key to (how often, amount)."""
        with self.product() as product:
            rows = product.lake.query(ALL_ROWS.format(key=key, table=table))[1]
        return {key: (count, Decimal(amount)) for key, count, amount in rows}

    def lost_and_doubled(self):
        """How many trades and movements of the truth are missing, wrong or there more than once."""
        trades = {trade.trade_key: (1, trade.amount) for trade in self.account.trades}
        movements = {movement.movement_key: (1, movement.amount) for movement in self.account.movements}
        found = self.published("trades", "trade_key"), self.published("movements", "movement_key")
        wrong = [
            key
            for truth, there in zip((trades, movements), found, strict=True)
            for key in truth.keys() | there.keys()
            if truth.get(key) != there.get(key)
        ]
        return len(wrong)


@pytest.fixture
def faulty_home(tmp_path):
    account = generate("kraken", 11, trades=200, now_us=time.time_ns() // 1000)
    with Sandbox([account], seed=11, clock=time.time, scale=SCALE) as sandbox:
        yield FaultyHome(tmp_path / "home", sandbox)
