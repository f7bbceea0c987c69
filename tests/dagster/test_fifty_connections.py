"""The whole product under Dagster, against the local exchange: fifty connections, one of them with a key that was deleted."""

import time
from dataclasses import replace

import pytest

from tests.dagster.bench import Bench
from tests.dagster.real import a_small_account, connect, served

CONNECTIONS = 50


@pytest.fixture
def accounts():
    """One small account for each connection, all at one exchange."""
    return [a_small_account(seed) for seed in range(CONNECTIONS)]


@pytest.fixture
def sandbox(accounts):
    with served(accounts) as sandbox:
        yield sandbox


@pytest.fixture
def bench(stored_instance, real_product):
    return Bench(stored_instance, real_product)


@pytest.fixture
def connected(accounts, sandbox, real_product):
    return [connect(real_product, sandbox, builder) for builder in accounts]


def delete_key(sandbox, builder):
    with sandbox.lock:
        key = builder.key
        builder.account.keys = {"another": replace(key, api_key="another")}


@pytest.mark.long
def test_one_bad_key_of_fifty_leaves_forty_nine_synced_and_an_idle_run_silent(
    bench, real_product, sandbox, accounts, connected, figure
):
    product = real_product
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
    figure(f"an idle sync of {CONNECTIONS} connections in one run: {used:.2f} CPU-seconds, the local exchange included")

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
