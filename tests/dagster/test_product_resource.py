"""The product as ticks and runs are given it: on PostgreSQL ticks share one, everybody else opens their own."""

from contextlib import contextmanager
from types import SimpleNamespace

import dagster as dg
import pytest

from metrifly_pipeline import bootstrap
from metrifly_pipeline.resources import product as module
from metrifly_pipeline.resources.keeping import KEPT_SECONDS, Kept
from metrifly_pipeline.resources.product import ProductResource

TICK, RUN = SimpleNamespace(run=None), SimpleNamespace(run=SimpleNamespace(run_id="one"))


@pytest.fixture
def opened(monkeypatch):
    """What was opened, in order, and which of it is closed again."""
    seen = SimpleNamespace(made=[], closed=[], now=0.0)

    @contextmanager
    def open_product(settings):
        number = len(seen.made)
        seen.made.append(settings)
        yield number
        seen.closed.append(number)

    monkeypatch.setattr(bootstrap, "open_product", open_product)
    monkeypatch.setattr(module, "_KEPT", Kept(clock=lambda: seen.now))
    yield seen
    module._KEPT.close()


def given(context, tmp_path):
    with ProductResource(home=str(tmp_path)).yield_for_execution(context) as product:
        return product


def test_on_postgresql_ticks_share_a_product_for_a_while_and_runs_have_their_own(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("METRIFLY_DATABASE_URL", "postgresql://nobody@/none")

    shared = [given(TICK, tmp_path)]
    opened.now = KEPT_SECONDS - 1
    shared.append(given(TICK, tmp_path))
    own = [given(RUN, tmp_path), given(RUN, tmp_path)]
    opened.now = KEPT_SECONDS
    later = given(TICK, tmp_path)

    assert (shared, own, later) == ([0, 0], [1, 2], 3)
    assert opened.closed == [1, 2, 0]
    assert {settings.home for settings in opened.made} == {tmp_path}


def test_on_sqlite_each_tick_opens_its_own_since_somebody_may_have_put_another_file_there(opened, tmp_path):
    assert [given(TICK, tmp_path), given(TICK, tmp_path), given(RUN, tmp_path)] == [0, 1, 2]
    assert opened.closed == [0, 1, 2]


def test_a_real_tick_is_given_it(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("METRIFLY_DATABASE_URL", "postgresql://nobody@/none")
    seen = []

    @dg.sensor(job_name="any", required_resource_keys={"product"})
    def looks(context):
        seen.append(context.resources.product)

    for _ in range(2):
        with dg.build_sensor_context(resources={"product": ProductResource(home=str(tmp_path))}) as context:
            looks.evaluate_tick(context)

    assert seen == [0, 0]
    assert opened.closed == []
