"""The whole product under Dagster, against the local exchange: fifty connections, one of them with a key that was deleted."""

import time
from dataclasses import replace

import pytest

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.services.connecting import ConnectRequest
from metrifly_pipeline.settings import Settings
from tests.dagster.fakes import Bench

CONNECTIONS = 50
SCALE = 1e6


@pytest.fixture
def accounts():
    """One small account for each connection, all at one exchange."""
    return [
        AccountBuilder("kraken", seed=seed).with_movement(kind="deposit", asset="USD", amount="10000").with_fill()
        for seed in range(CONNECTIONS)
    ]


@pytest.fixture
def sandbox(accounts):
    served = [builder.account for builder in accounts]
    with Sandbox(served, seed=1, clock=time.time, scale=SCALE) as sandbox:
        yield sandbox


@pytest.fixture
def product(tmp_path):
    with open_product(Settings(home=tmp_path / "home", limit_scale=SCALE)) as product:
        yield product


@pytest.fixture
def bench(stored_instance, product):
    return Bench(stored_instance, product)


@pytest.fixture
def connected(accounts, sandbox, product):
    product.control.create_portfolio(product.account, "Long term", product.clock())
    return [connect(product, sandbox, builder) for builder in accounts]


def connect(product, sandbox, builder):
    request = ConnectRequest(
        account=product.account,
        exchange="kraken",
        portfolio="Long term",
        credential=Credential(builder.key.api_key, builder.key.secret),
        base_url=sandbox.base_url("kraken"),
    )
    return product.connecting.connect(request).id


def delete_key(sandbox, builder):
    with sandbox.lock:
        key = builder.key
        builder.account.keys = {"another": replace(key, api_key="another")}


def test_one_bad_key_of_fifty_leaves_forty_nine_synced_and_an_idle_run_silent(
    bench, product, sandbox, accounts, connected, capsys
):
    delete_key(sandbox, accounts[7])
    bad = connected[7]

    (batch,) = product.requesting.batches()
    first = bench.run_batch(batch.number)

    assert first.success
    assert sorted(bench.materialised("trades")) == sorted(set(connected) - {bad})
    assert sorted(bench.partitions()) == sorted(set(connected) - {bad})

    product.requesting.file(connected)
    (batch,) = product.requesting.batches()
    used = time.process_time()
    idle = bench.run_batch(batch.number)
    used = time.process_time() - used
    with capsys.disabled():
        print(f"\nan idle sync of {CONNECTIONS} connections in one run: {used:.2f} CPU-seconds, server included")  # noqa: T201 - the figure

    assert idle.success
    assert len(bench.materialised("trades")) == CONNECTIONS - 1
    alone = bench.run_batch(product.control.make_batch([connected[0]], batch.kind, [], product.clock()))
    lines_for_the_bad_one = 1
    assert bench.rows(idle) == bench.rows(alone) + lines_for_the_bad_one

    accounts[0].with_fill(amount="0.02", at=product.clock())
    news = bench.run_batch(product.control.make_batch(connected, batch.kind, [], product.clock()))
    assert bench.materialised("trades")[CONNECTIONS - 1 :] == [connected[0]]
    assert bench.rows(news) > bench.rows(idle)

    assert bench.publish().success
    checks = {item.check_name: item for item in bench.evaluations("connection_status", "credentials_valid")}
    assert [record.data["connection"] for record in checks["credentials_valid"].metadata["connections"].records] == [
        bad
    ]
