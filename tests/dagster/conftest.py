"""The definitions on a Dagster instance in memory, over a product that reports what a test says."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from metrifly_pipeline.bootstrap import Product, open_product
from metrifly_pipeline.settings import Settings
from tests.dagster.bench import Bench
from tests.dagster.fakes import FakeProduct
from tests.dagster.real import SCALE
from tests.support.founding import found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def stored_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One in files, as it runs for real."""
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def product() -> FakeProduct:
    return FakeProduct()


@pytest.fixture
def bench(instance: dg.DagsterInstance, product: FakeProduct) -> Bench:
    return Bench(instance, product)


@pytest.fixture
def real_product(tmp_path: Path) -> Iterator[Product]:
    with open_product(Settings(home=found(tmp_path / "home"), limit_scale=SCALE)) as product:
        yield product
