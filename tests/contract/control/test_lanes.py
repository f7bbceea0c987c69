"""Order under pressure: whoever is more urgent goes first, a share stays free, and a ban holds all back; on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.services.budgeting import LONGEST_WAIT_SECONDS, TRUSTED, SharedBudget
from tests.contract.control.builders import NOW

HUNDRED = Limit(capacity=100, per_second=10.0, shared_by="ip")
BUCKET, GATE, OTHER_GATE = "toy:ip:ip:192.0.2.1", "toy:address:192.0.2.1", "toy:address:192.0.2.2"


class Time:
    def __init__(self):
        self.now = NOW
        self.slept = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept += seconds
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def budget(store, time):
    return SharedBudget(store, time.clock, time.sleep)


def granted(store, wanting, seconds):
    """Weight that each of the lanes gets in so many seconds; the least urgent asks first, twice a second."""
    got = dict.fromkeys(wanting, 0)
    for half in range(seconds * 2):
        now = NOW + timedelta(seconds=half / 2)
        for lane in sorted(wanting, key=lambda lane: lane.value):
            while store.take_budget(BUCKET, HUNDRED, 5, now, share=lane.value) == 0.0:
                got[lane] += 5
    return got


@pytest.mark.parametrize("urgent", [lane for lane in Lane if lane is not Lane.SWEEP])
def test_while_a_lane_wants_all_that_refills_those_behind_it_get_nothing_more(store, urgent):
    behind = [lane for lane in Lane if lane.value < urgent.value]

    got = granted(store, [urgent, *behind], 8)

    # At first each fills what it may; from then on ten units a second go to the most urgent one alone.
    first_fill = 100 * max(lane.value for lane in behind)
    assert sum(got[lane] for lane in behind) <= first_fill
    assert got[urgent] >= 100 * urgent.value - first_fill + 7 * 10


def test_alone_the_last_lane_gets_all_that_refills(store):
    assert granted(store, [Lane.SWEEP], 8)[Lane.SWEEP] >= 50 + 7 * 10


def test_a_share_stays_free_for_sync_now_while_sweeps_take_all_they_may(store):
    while store.take_budget(BUCKET, HUNDRED, 1, NOW, share=Lane.SWEEP.value) == 0.0:
        pass
    assert store.take_budget(BUCKET, HUNDRED, 1, NOW, share=Lane.SWEEP.value) > 0.0

    assert store.take_budget(BUCKET, HUNDRED, 40, NOW, share=Lane.SYNC_NOW.value) == 0.0
    assert store.take_budget(BUCKET, HUNDRED, 1, NOW, share=Lane.SYNC_NOW.value) > 0.0
    assert store.take_budget(BUCKET, HUNDRED, 10, NOW, share=Lane.CONNECT.value) == 0.0


def test_a_request_heavier_than_a_lane_may_fill_is_sent_when_nothing_else_is(store):
    assert store.take_budget(BUCKET, HUNDRED, 80, NOW, share=Lane.SWEEP.value) == 0.0
    assert store.take_budget(BUCKET, HUNDRED, 80, NOW, share=Lane.SWEEP.value) == 8.0


def test_a_closed_gate_holds_back_all_behind_it_and_nobody_else(store):
    store.pause_budget(GATE, NOW + timedelta(seconds=30))

    assert store.take_budget(BUCKET, HUNDRED, 1, NOW, gate=GATE) == 30.0
    assert store.take_budget("toy:key:key:1", HUNDRED, 1, NOW, gate=GATE) == 30.0
    assert store.budget_pause((BUCKET, GATE), NOW) == 30.0
    assert store.take_budget("toy:key:key:2", HUNDRED, 1, NOW, gate=OTHER_GATE) == 0.0
    assert store.budget_pause((BUCKET, OTHER_GATE), NOW) == 0.0
    assert store.take_budget(BUCKET, HUNDRED, 1, NOW + timedelta(seconds=30), gate=GATE) == 0.0


def test_what_one_process_learns_of_a_ban_the_others_keep_though_they_hold_a_block(store, budget, time):
    budget.take(BUCKET, HUNDRED, 1, GATE, Lane.DAILY)
    other = SharedBudget(store, time.clock, time.sleep)
    other.pause(GATE, 60.0)
    time.now += TRUSTED

    budget.take(BUCKET, HUNDRED, 1, GATE, Lane.DAILY)

    assert time.now >= NOW + TRUSTED + timedelta(seconds=60 - TRUSTED.total_seconds())


@pytest.mark.parametrize("seconds", [0, 0.1, 3])
def test_a_block_is_spent_to_the_last_unit_however_slowly(store, budget, time, seconds):
    for _ in range(6):
        budget.take(BUCKET, HUNDRED, 1, GATE, Lane.DAILY)
        time.now += timedelta(seconds=seconds)

    (used,) = (use for use in store.budget_use(time.now) if use.name == BUCKET)
    assert used.today == 6
    assert time.slept == 0.0


def test_who_would_wait_too_long_is_told_so_at_once_and_for_how_long(store, budget, time):
    store.pause_budget(GATE, NOW + timedelta(seconds=LONGEST_WAIT_SECONDS + 1))

    with pytest.raises(ExchangeTroubleError) as caught:
        budget.take(BUCKET, HUNDRED, 1, GATE, Lane.SYNC_NOW)

    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after_seconds == LONGEST_WAIT_SECONDS + 1
    assert time.slept == 0.0


def test_a_sweep_waits_behind_what_the_same_session_asks_otherwise(store, budget, time):
    while store.take_budget(BUCKET, HUNDRED, 1, NOW, share=Lane.SWEEP.value) == 0.0:
        pass
    daily = budget.lane(Lane.DAILY)

    daily.take(BUCKET, HUNDRED, 2, GATE)
    assert time.slept == 0.0
    with daily.sweeping():
        daily.take(BUCKET, HUNDRED, 2, GATE)
    assert time.slept > 0.0
    slept = time.slept
    daily.take(BUCKET, HUNDRED, 2, GATE)
    assert time.slept == slept
