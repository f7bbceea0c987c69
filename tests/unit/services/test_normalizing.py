"""Typing beside a pull: it begins when enough has landed, adds up, and lets nobody wait for ever."""

import threading
from datetime import UTC, datetime

import pytest

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import NormalizeJob, NormalizeOutcome
from metrifly_pipeline.services.normalizing import Normalizing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = ConnectionId("toy-aaaaaaaa")
JOBS = [NormalizeJob(connection=ALICE, exchange="toy", app_id="app", rebuild=False)]
EVERY = 10
PATIENCE_SECONDS = 60.0


class CountingLake:
    """A lake in which each normalising adds one trade."""

    def __init__(self):
        self.threads = []
        self.asked = threading.Event()
        self.fault = None

    def normalize(self, jobs, held, now):
        self.threads.append(threading.current_thread().name)
        self.asked.set()
        if self.fault is not None:
            raise self.fault
        return {each.connection: NormalizeOutcome(connection=each.connection, trades_added=1) for each in jobs}


@pytest.fixture
def lake():
    return CountingLake()


@pytest.fixture
def normalizing(lake):
    return Normalizing(lake, set, lambda: NOW, EVERY)


def test_what_has_landed_is_typed_while_the_pull_goes_on(lake, normalizing):
    with normalizing.beside(JOBS):
        normalizing.landed(EVERY - 1)
        normalizing.landed(1)
        assert lake.asked.wait(PATIENCE_SECONDS)

    assert lake.threads == ["normalise"]


def test_little_is_left_for_the_end(lake, normalizing):
    with normalizing.beside(JOBS):
        normalizing.landed(EVERY - 1)

    assert lake.threads == []


def test_outcomes_add_up_and_are_taken_once(lake, normalizing):
    normalizing.now(JOBS)
    normalizing.now(JOBS)
    normalizing.now([])

    assert normalizing.take(ALICE).trades_added == 2
    assert normalizing.take(ALICE).trades_added == 0


def test_what_goes_wrong_beside_a_pull_is_raised_at_its_end(lake, normalizing):
    lake.fault = ValueError("broken")
    seen = []

    def pull():
        with normalizing.beside(JOBS):
            normalizing.landed(EVERY)
            seen.append(lake.asked.wait(PATIENCE_SECONDS))
            seen.append("the pull went on")

    with pytest.raises(ValueError, match="broken"):
        pull()

    assert seen == [True, "the pull went on"]


def test_the_end_of_a_pull_never_waits_for_a_wake_that_was_missed(lake, normalizing):
    for _ in range(200):
        with normalizing.beside(JOBS):
            normalizing.landed(EVERY)

    assert threading.active_count() < 50  # every one of them ended
