"""The real product under Dagster: what is asked for starts once and is answered, and jobs run in this process leave their trace."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from metrifly_pipeline import automation, running
from metrifly_pipeline.cli.dagster_home import adopt_home
from metrifly_pipeline.definitions import defs
from tests.dagster.bench import Bench
from tests.dagster.real import PORTFOLIO, SCALE, a_small_account, connect, served


@pytest.fixture
def account():
    return a_small_account()


@pytest.fixture
def sandbox(account):
    with served([account]) as sandbox:
        yield sandbox


@pytest.fixture
def connection(real_product, sandbox, account):
    return connect(real_product, sandbox, account)


@pytest.fixture
def bench(stored_instance, real_product):
    return Bench(stored_instance, real_product)


@pytest.fixture
def tick(stored_instance, real_product):
    def evaluate(sensor, product=real_product):
        resources = {"product": product}
        with dg.build_sensor_context(instance=stored_instance, resources=resources, definitions=defs) as context:
            return sensor.evaluate_tick(context)

    return evaluate


def batch_of(request):
    return request.run_config["ops"]["sync_connections"]["config"]["batch"]


def test_a_request_starts_one_run_that_answers_it(bench, tick, real_product, connection):
    (first_import,) = tick(automation.sync_now).run_requests
    bench.run_batch(batch_of(first_import))
    (asked,) = real_product.requesting.file([connection])

    ticks = [tick(automation.sync_now).run_requests for _ in range(3)]
    before = real_product.requesting.answer(asked)
    bench.run_batch(batch_of(ticks[0][0]))

    assert [len(requests) for requests in ticks] == [1, 0, 0]
    assert not before.done
    assert real_product.requesting.answer(asked).text.startswith("already up to date")


def test_a_publish_is_launched_under_one_name_until_it_is_done(bench, tick, real_product, connection):
    (batch,) = real_product.requesting.batches()
    bench.run_batch(batch.number)
    later = LaterProduct(real_product, timedelta(seconds=30))

    keys = [[request.run_key for request in tick(automation.publish_due, later).run_requests] for _ in range(2)]
    assert bench.publish().success

    assert keys[0] == keys[1]
    assert len(keys[0]) == 1
    assert tick(automation.publish_due, later).run_requests == []


class LaterProduct:
    """The same product when some time has passed."""

    def __init__(self, product, passed):
        self.control = product.control
        self.clock = lambda: product.clock() + passed


def test_a_connection_becomes_a_partition_by_its_first_landing_and_not_before(bench, tick, real_product, connection):
    before = tick(automation.connection_partitions).dynamic_partitions_requests
    (batch,) = real_product.requesting.batches()
    bench.run_batch(batch.number)
    added_by_the_run = bench.partitions()
    bench.instance.delete_dynamic_partition("connections", connection)
    (restored,) = tick(automation.connection_partitions).dynamic_partitions_requests

    assert not before
    assert added_by_the_run == [connection]
    assert list(restored.partition_keys) == [connection]


def test_a_range_of_real_connections_raises_where_one_fails(bench, real_product, connection, account, sandbox):
    (batch,) = real_product.requesting.batches()
    bench.run_batch(batch.number)
    assert bench.run_range(connection, connection).success

    with sandbox.lock:
        account.account.keys = {}
    failed = bench.run_range(connection, connection)

    assert not failed.success
    (evaluation,) = bench.evaluations("trades", "needs_attention")[-1:]
    assert (evaluation.partition, evaluation.passed) == (connection, False)


def test_jobs_run_here_stand_in_dagsters_storage_and_print_nothing(real_product, connection, monkeypatch, capfd):
    monkeypatch.setenv("DAGSTER_HOME", "set by adopt_home, and put back after the test")
    monkeypatch.setenv("METRIFLY_HOME", str(real_product.settings.home))
    monkeypatch.setenv("METRIFLY_LIMIT_SCALE", str(SCALE))
    adopt_home(real_product.settings)

    (batch,) = real_product.requesting.batches()
    synced, published = running.run_here(batch), running.publish_here()
    captured = capfd.readouterr()

    assert (synced.fault, published.fault) == ("", "")
    assert captured.out + captured.err == ""
    assert [tuple(row) for row in real_product.lake.query("SELECT count(*) FROM trades")[1]] == [(1,)]
    with dg.DagsterInstance.get() as instance:
        assert {run.job_name for run in instance.get_runs()} == {"sync", "portfolios"}
        of_dagster = {run.job_name: run.run_id for run in instance.get_runs()}
    journal = "".join(file.read_text() for file in (real_product.settings.home / "logs").glob("*.jsonl"))
    written = [json.loads(line) for line in journal.splitlines()]
    assert {each["dagster_run"] for each in written if each["event"] == "published"} == {of_dagster["portfolios"]}
    assert {each["dagster_run"] for each in written if each["event"] == "sync ended"} == {of_dagster["sync"]}


def test_a_run_that_died_is_tried_again_under_another_key(bench, tick, real_product, connection, monkeypatch):
    (first,) = tick(automation.sync_now).run_requests
    with monkeypatch.context() as patch:
        patch.setattr(type(real_product.control), "connection", lambda *_: 1 / 0)
        bench.run_batch(batch_of(first), tags=first.tags)

    (again,) = tick(automation.sync_now).run_requests
    bench.run_batch(batch_of(again), tags=again.tags)

    assert again.run_key != first.run_key
    assert tick(automation.sync_now).run_requests == []
    assert bench.partitions() == [connection]


def test_neither_key_nor_a_persons_word_stands_in_dagsters_storage(bench, real_product, connection, account):
    (batch,) = real_product.requesting.batches()
    runs = [bench.run_batch(batch.number), bench.publish()]

    written = "\n".join(str(entry) for run in runs for entry in bench.instance.all_logs(run.run_id))
    written += str([bench.instance.get_run_by_id(run.run_id) for run in runs])

    assert connection in written
    for secret in (account.key.api_key, account.key.secret, PORTFOLIO):
        assert secret not in written
