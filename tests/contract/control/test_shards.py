"""Whatever is due when, it stands in one shard, on both databases; and the order is that of everybody's slots, each day the same."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from metrifly_pipeline.control.tables import connections as table
from metrifly_pipeline.domain.scheduling import next_slot, slot
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.services.requesting import Requesting
from tests.contract.control.builders import NOW

MOST = 12
DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0)
# Each example sets all rows anew, so that nothing of the one before is left.
on_one_store = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Few different times, so that some are due at the same moment.
times = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
lives = st.tuples(times, st.none() | times, st.booleans())
"""Of one connection: when it is due, when it would try again after trouble, whether it is disconnected."""


@pytest.fixture
def known(connect):
    return [connect(number) for number in range(1, MOST + 1)]


def live(store, known, lived):
    """Let each connection be due as the example says; those that it says nothing of are never due."""
    told = dict(zip(known, lived, strict=False))
    with store._writing() as db:
        for each in known:
            due, retry, gone = told.get(each, (None, None, False))
            columns = {"next_due_at": due, "retry_at": retry, "disconnected_at": NOW if gone else None}
            db.execute(update(table).where(table.c.id == each).values(columns))
    return told


def shards(store, size, now=NOW):
    made = Requesting(store, lambda: now, lambda _: "").daily_batches(size)
    for shard in made:
        assert store.batch(shard.number) == (SyncKind.DAILY, list(shard.connections))
    return [list(shard.connections) for shard in made]


@on_one_store
@given(lived=st.lists(lives, max_size=MOST), size=st.integers(1, MOST + 1), other=st.integers(1, MOST + 1))
def test_each_due_connection_stands_in_exactly_one_full_shard_the_longest_due_first(store, known, lived, size, other):
    told = live(store, known, lived)
    due = [
        each
        for each, (at, retry, gone) in told.items()
        if not gone and (at <= NOW or (retry is not None and retry <= NOW))
    ]

    made = shards(store, size)

    in_order = [each for shard in made for each in shard]
    assert in_order == sorted(due, key=lambda each: (told[each][1] or told[each][0], each))
    assert all(len(shard) == size for shard in made[:-1])
    assert all(1 <= len(shard) <= size for shard in made)
    assert shards(store, size) == made
    assert [each for shard in shards(store, other) for each in shard] == in_order


@settings(on_one_store, max_examples=15)
@given(hours=st.integers(1, 24), size=st.integers(1, MOST), late=st.integers(0, 86_399), days=st.integers(1, 40))
def test_a_whole_days_connections_come_in_the_order_of_their_slots_each_day_the_same(
    store, known, hours, size, late, days
):
    window = timedelta(hours=hours)
    by_slot = sorted(known, key=lambda each: (slot(each, window), each))

    for day in (MIDNIGHT, MIDNIGHT + days * DAY):
        before = day - DAY
        # Each was checked on the day before, in its slot or later, as its turn came.
        waits = {each: timedelta(seconds=late * number) for number, each in enumerate(known)}
        checked = {each: slot(each, window) + waits[each] % (DAY - slot(each, window)) for each in known}
        live(store, known, [(next_slot(each, before + checked[each], window), None, False) for each in known])

        made = shards(store, size, now=day + DAY)

        assert [each for shard in made for each in shard] == by_slot
