"""The definitions on a Dagster instance in memory, over a product that reports what a test says."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.dagster.fakes import Bench, FakeProduct


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
