"""Budgets: no more than the exchange allows, whoever asks, on both databases."""

import random
import threading
from contextlib import closing
from datetime import timedelta

import psycopg2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrifly_pipeline.control import open_store
from metrifly_pipeline.domain.spec import Limit
from tests.contract.control.builders import NOW, TEN_AT_ONCE

MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_full_capacity_is_taken_at_once_and_then_tells_how_long_to_wait(store):
    assert [store.take_budget("ip", TEN_AT_ONCE, 5, NOW) for _ in range(3)] == [0.0, 0.0, 2.5]


def test_a_refused_take_costs_nothing(store):
    store.take_budget("ip", TEN_AT_ONCE, 10, NOW)
    for _ in range(3):
        assert store.take_budget("ip", TEN_AT_ONCE, 4, NOW) == 2.0

    assert store.take_budget("ip", TEN_AT_ONCE, 4, NOW + timedelta(seconds=2)) == 0.0


def test_buckets_do_not_share(store):
    store.take_budget("ip", TEN_AT_ONCE, 10, NOW)

    assert store.take_budget("key", TEN_AT_ONCE, 10, NOW) == 0.0


def test_an_idle_bucket_never_holds_more_than_its_capacity(store):
    store.take_budget("ip", TEN_AT_ONCE, 10, NOW)
    later = NOW + timedelta(days=1)

    assert [store.take_budget("ip", TEN_AT_ONCE, 5, later) for _ in range(3)] == [0.0, 0.0, 2.5]


def test_a_weight_above_the_capacity_waits_for_an_empty_bucket(store):
    store.take_budget("ip", TEN_AT_ONCE, 1, NOW)

    assert store.take_budget("ip", TEN_AT_ONCE, 12, NOW) == 0.5
    assert store.take_budget("ip", TEN_AT_ONCE, 12, NOW + timedelta(seconds=0.5)) == 0.0


def test_a_pause_holds_all_back_until_it_ends_and_a_shorter_one_does_not_end_it(store):
    store.pause_budget("ip", NOW + timedelta(seconds=60))
    store.pause_budget("ip", NOW + timedelta(seconds=30))

    assert store.take_budget("ip", TEN_AT_ONCE, 1, NOW) == 60.0
    assert store.take_budget("ip", TEN_AT_ONCE, 1, NOW + timedelta(seconds=59)) == 1.0
    assert store.take_budget("ip", TEN_AT_ONCE, 1, NOW + timedelta(seconds=60)) == 0.0
    assert store.take_budget("key", TEN_AT_ONCE, 1, NOW) == 0.0


def test_clocks_that_differ_by_seconds_do_not_drain_a_bucket_twice(store):
    ahead = NOW + timedelta(seconds=5)
    store.take_budget("ip", TEN_AT_ONCE, 10, ahead)

    assert store.take_budget("ip", TEN_AT_ONCE, 2, NOW) == 6.0
    assert store.take_budget("ip", TEN_AT_ONCE, 2, ahead) == 1.0


def test_a_clock_that_was_set_back_does_not_block_the_bucket(store):
    store.take_budget("ip", TEN_AT_ONCE, 10, NOW + timedelta(days=365))

    assert store.take_budget("ip", TEN_AT_ONCE, 2, NOW) == 1.0
    assert store.take_budget("ip", TEN_AT_ONCE, 2, NOW + timedelta(seconds=1)) == 0.0


def test_what_was_taken_is_counted_by_day_and_what_was_refused_is_not(store):
    for hour in (-1, 0):
        for _ in range(3):
            store.take_budget("ip", TEN_AT_ONCE, 5, MIDNIGHT + timedelta(hours=hour))
    store.pause_budget("gate", MIDNIGHT + timedelta(hours=1))

    def told(now):
        return [(use.name, use.today, use.day_before, use.paused_until) for use in store.budget_use(now)]

    one = MIDNIGHT + timedelta(hours=1)
    assert told(MIDNIGHT) == [("gate", 0.0, 0.0, one), ("ip", 10.0, 10.0, None)]
    assert told(MIDNIGHT + timedelta(days=1)) == [("gate", 0.0, 0.0, None), ("ip", 0.0, 10.0, None)]
    assert told(MIDNIGHT + timedelta(days=2)) == [("gate", 0.0, 0.0, None), ("ip", 0.0, 0.0, None)]


@given(
    weights=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    pauses=st.lists(st.integers(0, 3_000_000), min_size=12, max_size=12),
    rate=st.sampled_from([0.3, 1 / 3, 2.0, 7.7, 100.0]),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_waiting_as_told_is_enough_and_no_span_gets_more_than_capacity_and_refill(store, weights, pauses, rate):
    limit = Limit(capacity=10, per_second=rate, shared_by="ip")
    bucket = f"ip-{weights}-{pauses}-{rate}"
    now, taken = NOW, []
    for weight, pause in zip(weights, pauses, strict=False):
        now += timedelta(microseconds=pause)
        wait = store.take_budget(bucket, limit, weight, now)
        if wait:
            now += timedelta(seconds=wait)
            assert store.take_budget(bucket, limit, weight, now) == 0.0
        taken.append((now, weight))

    for first in range(len(taken)):
        for last in range(first, len(taken)):
            seconds = (taken[last][0] - taken[first][0]).total_seconds()
            used = sum(weight for _, weight in taken[first : last + 1])
            most = max(limit.capacity, *(weight for _, weight in taken))
            assert used <= most + seconds * rate + 1e-6


def test_what_counts_for_a_key_that_nobody_used_for_long_goes_and_all_else_stays(store):
    of_key, of_address, paused, used = "okx:read:key:0a", "okx:read:ip:local", "okx:read:key:0b", "okx:read:key:0c"
    for bucket in (of_key, of_address, paused, used):
        store.take_budget(bucket, TEN_AT_ONCE, 1, NOW)
    later = NOW + timedelta(days=3)
    store.take_budget(used, TEN_AT_ONCE, 1, later)
    store.pause_budget(paused, later + timedelta(days=1))
    store.pause_budget("okx:address:local", NOW)

    store.forget_idle_limits(NOW)
    assert {use.name for use in store.budget_use(NOW)} == {of_key, of_address, paused, used, "okx:address:local"}
    store.forget_idle_limits(later)

    assert {use.name for use in store.budget_use(NOW)} == {of_address, paused, used, "okx:address:local"}


def test_what_another_process_took_meanwhile_counts_and_so_do_its_pauses(open_another):
    ours, theirs = open_another(), open_another()
    for store in (ours, ours, theirs, theirs, ours):
        assert store.take_budget("key", TEN_AT_ONCE, 2, NOW, gate="ip") == 0.0

    assert ours.take_budget("key", TEN_AT_ONCE, 1, NOW, gate="ip") == 0.5
    assert theirs.take_budget("key", TEN_AT_ONCE, 1, NOW, gate="ip") == 0.5
    for paused, later in (("key", NOW + timedelta(seconds=60)), ("ip", NOW + timedelta(seconds=180))):
        assert ours.take_budget("key", TEN_AT_ONCE, 1, later, gate="ip") == 0.0
        theirs.pause_budget(paused, later + timedelta(seconds=30))
        assert ours.take_budget("key", TEN_AT_ONCE, 1, later, gate="ip") == 30.0


def test_who_waited_for_a_bucket_while_its_gate_was_paused_takes_nothing(postgres_url):
    store = open_store(postgres_url, random.Random(1))
    store.take_budget("key", TEN_AT_ONCE, 1, NOW)
    told = []
    waiting = threading.Thread(target=lambda: told.append(store.take_budget("key", TEN_AT_ONCE, 1, NOW, gate="ip")))

    with closing(psycopg2.connect(postgres_url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM budgets WHERE bucket = 'key' FOR UPDATE")
        waiting.start()
        wait_until_it_waits_for_a_lock(waiting, postgres_url)
        store.pause_budget("ip", NOW + timedelta(seconds=60))
        other.rollback()
        waiting.join()
    left = store.take_budget("key", TEN_AT_ONCE, 9, NOW)
    store.close()

    assert told == [60.0]
    assert left == 0.0  # nine are still there


def wait_until_it_waits_for_a_lock(thread, address):
    with closing(psycopg2.connect(address)) as database, database.cursor() as cursor:
        database.autocommit = True
        waiting = 0
        while thread.is_alive() and not waiting:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = cursor.fetchone()
