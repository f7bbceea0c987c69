"""A lake of the toy exchange, and the feeds of two connections."""

import shutil
from pathlib import Path

import pytest

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.lake import DeltaLake, open_lake
from tests.unit.lake.toy import BOB, START, TOY, Feed, Stand


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return open_lake(tmp_path / "lake", {"toy": TOY})


@pytest.fixture
def alice(lake: DeltaLake) -> Feed:
    return Feed(lake)


@pytest.fixture
def bob(lake: DeltaLake) -> Feed:
    return Feed(lake, BOB)


@pytest.fixture(scope="session")
def masters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Stand]:
    """The lakes `listed` and `filled`, made once in this session to be copied, and where the feed that filled the second stopped."""
    root = tmp_path_factory.mktemp("master") / "lake"
    lake = open_lake(root, {"toy": TOY})
    lake.append_reference(
        [ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)]
    )
    listed = shutil.copytree(root, root.with_name("listed"))
    feed = Feed(lake)
    feed.take(feed.fill(1, amount="1"), feed.fill(2, amount="NaN"), feed.movement(1, code="EUR", amount="1000"))
    feed.take(feed.fill(1, amount="2"), feed.snapshot(XBT="2", EUR="797.9"))
    return listed, root, feed.stand


@pytest.fixture
def listed(lake: DeltaLake, tmp_path: Path, masters: tuple[Path, Path, Stand]) -> DeltaLake:
    """The lake once it knows the market XBTEUR."""
    shutil.copytree(masters[0], tmp_path / "lake", dirs_exist_ok=True)
    return lake


@pytest.fixture
def filled(lake: DeltaLake, tmp_path: Path, alice: Feed, masters: tuple[Path, Path, Stand]) -> DeltaLake:
    """One amended trade, one deposit, one unread record, balances that lack 1 EUR."""
    shutil.copytree(masters[1], tmp_path / "lake", dirs_exist_ok=True)
    alice.stand = masters[2]
    return lake
