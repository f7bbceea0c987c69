"""A lake of the toy exchange, and the feeds of two connections."""

from pathlib import Path

import pytest

from metrifly_pipeline.lake import DeltaLake, open_lake
from tests.unit.lake.toy import BOB, TOY, Feed


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return open_lake(tmp_path / "lake", {"toy": TOY})


@pytest.fixture
def alice(lake: DeltaLake) -> Feed:
    return Feed(lake)


@pytest.fixture
def bob(lake: DeltaLake) -> Feed:
    return Feed(lake, BOB)
