"""A lake of the toy exchange, and the feeds of two connections."""

from pathlib import Path

import pytest

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.lake import DeltaLake, open_lake
from tests.unit.lake.toy import BOB, START, TOY, Feed


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return open_lake(tmp_path / "lake", {"toy": TOY})


@pytest.fixture
def alice(lake: DeltaLake) -> Feed:
    return Feed(lake)


@pytest.fixture
def bob(lake: DeltaLake) -> Feed:
    return Feed(lake, BOB)


@pytest.fixture
def listed(lake: DeltaLake) -> DeltaLake:
    """The lake once it knows the market XBTEUR."""
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)]
    )
    return lake


@pytest.fixture
def filled(listed: DeltaLake, alice: Feed) -> DeltaLake:
    """One amended trade, one deposit, one unread record, balances that lack 1 EUR."""
    alice.take(alice.fill(1, amount="1"), alice.fill(2, amount="NaN"), alice.movement(1, code="EUR", amount="1000"))
    alice.take(alice.fill(1, amount="2"), alice.snapshot(XBT="2", EUR="797.9"))
    return listed
