"""A batch in which nothing is in doubt takes a short way, and adds what the long way would have added, row by row."""

from datetime import timedelta
from decimal import Decimal
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.lake.batches import BatchMaker
from metrifly_pipeline.lake.engine import Engine, Instance
from metrifly_pipeline.lake.plain_batch import PlainBatch
from tests.unit.lake.test_typing import ask, numbers
from tests.unit.lake.toy import ALICE, BOB, START, TOY, Feed, millis, rows_of

SOME = settings(max_examples=max(settings.default.max_examples // 5, 1))
MARKET = ReferenceMarket(exchange="toy", market_id="XBTEUR", base="XBT", quote="EUR", active=True, seen_at=START)


@pytest.fixture
def long_ways(monkeypatch):
    """Counts the batches that took the long way."""
    taken = []
    judged = BatchMaker._judged

    def counting(maker, target, exchange, *, rebuilding):
        taken.append(target.name)
        return judged(maker, target, exchange, rebuilding=rebuilding)

    monkeypatch.setattr(BatchMaker, "_judged", counting)
    return taken


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = Engine(Instance(tmp_path_factory.mktemp("spill")))
    made.define("macros", "macros_hard")
    return made


def told(row):
    return {name: value for name, value in row.items() if name not in {"seq", "recorded_at"}}


def test_the_short_way_adds_what_the_long_way_adds(lake, alice, tmp_path, long_ways, monkeypatch):
    fills = [
        {"amount": "1", "price": "20", "cost": None},
        {"amount": "0.10", "price": "1e2", "fee": "-0.05"},
        {"side": "sell", "amount": "007.5", "fee": None, "fee_code": None},
        {"market": "GONE", "time": str(millis(START) - 5)},
        {"amount": "1.123456789012345678", "price": "0.1234567890123456789", "cost": None},
    ]
    lake.append_reference([MARKET])
    alice.take(*(alice.fill(number, **changed) for number, changed in enumerate(fills)), alice.movement(9))
    assert long_ways == []

    monkeypatch.setattr(PlainBatch, "of", classmethod(lambda *_: None))
    other = open_lake(tmp_path / "other", {"toy": TOY})
    other.append_reference([MARKET])
    again = Feed(other)
    again.take(*(again.fill(number, **changed) for number, changed in enumerate(fills)), again.movement(9))
    assert long_ways == ["trades", "movements"]

    assert rows_of(lake, "trades") == rows_of(other, "trades")
    assert rows_of(lake, "movements") == rows_of(other, "movements")
    assert len(rows_of(lake, "trades")) == len(fills)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({}, 1),  # the same again
        ({"amount": "3"}, 2),  # amended within the batch
        ({"amount": "1.5.0"}, 1),  # unreadable
        ({"hidden": "yes"}, 1),  # not understood
    ],
)
def test_whatever_is_in_doubt_takes_the_long_way(lake, alice, long_ways, second, expected):
    alice.take(alice.fill(1), alice.fill(1, order="another", **second))

    assert long_ways == ["trades"]
    assert len(rows_of(lake, "trades")) == expected


def test_a_key_that_is_stored_already_takes_the_long_way(lake, alice, long_ways):
    alice.take(alice.fill(1), alice.fill(2))
    assert long_ways == []
    alice.take(alice.fill(3), alice.fill(2, amount="7"))

    assert long_ways == ["trades"]
    assert sorted((row["trade_key"], row["version"]) for row in rows_of(lake, "trades")) == [
        ("1", 1),
        ("2", 1),
        ("2", 2),
        ("3", 1),
    ]


def test_two_connections_may_share_a_key(lake, alice, bob):
    alice.land(alice.fill(1))
    bob.land(bob.fill(1))
    lake.normalize([alice.job, bob.job], lambda: {ALICE, BOB}, alice.fetched_at)

    assert [row["connection_id"] for row in rows_of(lake, "trades")] == [ALICE, BOB]


def test_rows_lie_in_the_order_of_time_however_they_came(lake, alice, bob, long_ways):
    for feed in (bob, alice):
        feed.land(*(feed.fill(f"{feed.connection}-{day}", time=_day(day)) for day in (3, 1, 2)))
    lake.normalize([bob.job, alice.job], lambda: {ALICE, BOB}, alice.fetched_at)

    (file,) = Path(lake._tables.folder, "trades").glob("*.parquet")
    found = Engine(Instance(Path("unused"))).rows("SELECT trade_key FROM read_parquet($1)", [str(file)])
    assert long_ways == []
    assert [key for (key,) in found] == [f"{each}-{day}" for each in (ALICE, BOB) for day in (1, 2, 3)]


def _day(number: int) -> str:
    return str(millis(START + timedelta(days=number)))


def test_a_fingerprint_never_changes_or_every_row_would_look_amended(lake, alice):
    alice.take(alice.fill(1, amount="2.50", price="100.5", cost="251.25", fee="0.1"))
    (row,) = rows_of(lake, "trades")

    eighteen = "2.500000000000000000"
    parts = ["XBTEUR", "buy", "100.500000000000000000", eighteen, "251.250000000000000000", "0.100000000000000000"]
    parts += ["EUR", str((millis(START) + 1000) * 1000)]
    assert row["economic_hash"] == md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


@SOME
@given(texts=st.lists(numbers, min_size=1, max_size=200))
def test_digits_taken_from_the_text_are_those_of_the_number(engine, texts):
    texts = [*texts, "0.1", "10.000000000000000001", "00.1", "-0.0", "99999999999999999999.9"]
    spelled = ask(engine, "is_spelled(t)", texts)
    digits = ask(engine, "digits(exact_decimal(t), t, is_spelled(t))", texts)
    plainly = ask(engine, "CAST(exact_decimal(t) AS VARCHAR)", texts)

    assert digits == plainly
    assert spelled[-5:] == [True, True, False, False, True]
    assert all(Decimal(text) >= 0 for text, is_spelled in zip(texts, spelled, strict=True) if is_spelled)
