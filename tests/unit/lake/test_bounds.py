"""A batch takes whole files where their statistics say what is in them, and counts records where they don't; the tables come out the same."""

import pytest

from metrifly_pipeline.lake import bounds, open_lake
from metrifly_pipeline.lake.stored_table import FileFacts
from metrifly_pipeline.lake.targets import TARGETS
from tests.unit.lake.toy import ALICE, BOB, TOY, Feed, rows_of

BUDGET = 5


def file(first, last, **other):
    facts = {"connection_id": ALICE, "stream": "fills", "seq": (first, last)} | other
    low, high = ({name: _edge(value, place) for name, value in facts.items()} for place in (0, 1))
    return FileFacts(path=f"{first}", bytes=1_000, rows=last - first + 1, low=low, high=high)


def _edge(value, place):
    return value[place] if isinstance(value, tuple) else value


@pytest.fixture
def counted(monkeypatch):
    """How often records had to be counted."""
    asked = []
    count = bounds._counted

    def counting(engine, target, watermarks, budget):
        asked.append(target.name)
        return count(engine, target, watermarks, budget)

    monkeypatch.setattr(bounds, "_counted", counting)
    return asked


def test_as_many_whole_files_as_fit_the_budget_are_taken_oldest_first():
    files = [file(1, 2), file(3, 5), file(6, 6)]
    portion, taken = bounds._told({ALICE: 0}, files, BUDGET)
    assert portion == bounds.Portion(bounds=(bounds.Bound(ALICE, 0, 5, 5),), more=True)
    assert taken == ["1", "3"]

    portion, taken = bounds._told({ALICE: 0}, files, BUDGET + 1)
    assert portion == bounds.Portion(bounds=(bounds.Bound(ALICE, 0, 6, 6),), more=False)


@pytest.mark.parametrize(
    "files",
    [
        [file(1, 6)],  # more than the budget
        [file(0, 3)],  # not all behind the watermark
        [file(1, 3), file(3, 4)],  # they overlap
        [file(1, 3, connection_id=(ALICE, BOB))],
        [file(1, 3, connection_id=BOB)],
        [file(1, 3, stream=("balances", "fills"))],
        [file(1, 3, stream=None)],  # written before streams were among the statistics
        [file(1, 3, seq=None)],
    ],
)
def test_what_statistics_leave_open_is_counted(files):
    assert bounds._told({ALICE: 0}, [file(1, 3)], BUDGET) is not None
    assert bounds._told({ALICE: 0}, files, BUDGET) is None


def test_files_of_other_streams_are_not_looked_into():
    trades, movements, balances = TARGETS

    assert [target.may_read("fills", "fills") for target in TARGETS] == [True, False, False]
    assert [target.may_read("balances", "balances") for target in TARGETS] == [False, False, True]
    assert movements.may_read("rewards", "rewards")
    assert not trades.may_read("rewards", "rewards")
    for unclear in ((None, None), ("balances", "fills"), ("staking", "staking")):
        assert all(target.may_read(*unclear) for target in TARGETS)
    assert balances.may_read("balances", "withdrawals")


def test_both_ways_lead_to_the_same_tables(tmp_path, counted, monkeypatch):
    lakes = []
    for name in ("told", "counted"):
        lake = open_lake(tmp_path / name, {"toy": TOY}, records_per_commit=BUDGET)
        feed = Feed(lake)
        for first in range(0, 16, 4):
            feed.land(*(feed.fill(number) for number in range(first, first + 4)))
        feed.land(feed.movement(1))
        feed.land(feed.snapshot(XBT="1"))
        outcome = feed.normalize()
        assert (outcome.trades_added, outcome.movements_added, outcome.balances_added) == (16, 1, 1)
        lakes.append(lake)
        if name == "told":
            assert "trades" not in counted
            monkeypatch.setattr(bounds, "_told", lambda *_: None)
    assert "trades" in counted

    told, by_counting = lakes
    for table in ("trades", "movements", "balances"):
        assert rows_of(told, table) == rows_of(by_counting, table)


def test_a_file_larger_than_the_budget_is_cut(tmp_path, counted):
    lake = open_lake(tmp_path / "lake", {"toy": TOY}, records_per_commit=BUDGET)
    feed = Feed(lake)
    outcome = feed.take(*(feed.fill(number) for number in range(12)))

    assert outcome.trades_added == 12
    assert "trades" in counted
