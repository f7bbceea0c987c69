"""Stable slots, growing pauses."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.ids import new_connection_id
from metrifly_pipeline.domain.scheduling import LONGEST_RETRY, SLOT, next_slot, retry_at, slot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@given(hours=st.integers(1, 24), seed=st.integers(0, 1000), minutes=st.integers(0, 3000))
def test_a_connection_is_due_once_a_day_at_its_own_time_inside_the_window(hours, seed, minutes):
    window = timedelta(hours=hours)
    connection = new_connection_id("toy", random.Random(seed))
    now = NOW + timedelta(minutes=minutes)

    first = next_slot(connection, now, window)
    second = next_slot(connection, first, window)

    assert now < first <= now + DAY
    assert second == first + DAY
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    assert first - midnight == slot(connection, window) < window


def test_slots_spread_over_the_window_so_that_there_is_no_herd():
    rng = random.Random(1)
    hours = [slot(new_connection_id("toy", rng), DAY) // timedelta(hours=1) for _ in range(2400)]

    busiest = max(hours.count(hour) for hour in range(24))

    assert busiest < 150


def test_who_shares_a_slot_is_due_at_one_moment_and_the_slots_of_a_day_are_few():
    rng = random.Random(1)
    moments = {next_slot(new_connection_id("toy", rng), NOW, DAY) for _ in range(2400)}

    assert len(moments) == DAY // SLOT == 48


def test_pauses_double_up_to_a_bound_and_never_undercut_what_the_exchange_asked():
    pauses = [retry_at(failures, NOW, None) - NOW for failures in range(1, 12)]

    assert pauses[:3] == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    assert pauses[-1] == LONGEST_RETRY
    assert retry_at(1, NOW, 3600.0) - NOW == timedelta(hours=1)
