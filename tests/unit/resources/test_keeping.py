"""What ticks share is opened seldom, never when it is old, and by each process for itself."""

import os
import threading
from contextlib import contextmanager

import pytest

from metrifly_pipeline.resources.keeping import KEPT_SECONDS, Kept


class Door:
    """Counts what was opened and closed; a test can have an opening fail or wait."""

    def __init__(self):
        self.opened, self.closed = 0, []
        self.fails, self.before = False, lambda: None

    @contextmanager
    def __call__(self):
        if self.fails:
            raise ConnectionError
        self.before()
        self.opened += 1
        number = self.opened
        yield number
        self.closed.append(number)


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def time():
    return [0.0]


@pytest.fixture
def kept(time):
    made = Kept(clock=lambda: time[0])
    yield made
    made.close()


def test_it_is_opened_once_and_anew_when_it_is_old(kept, door, time):
    found = [kept.of("home", door) for time[0] in (0.0, KEPT_SECONDS - 1, KEPT_SECONDS, KEPT_SECONDS + 1)]

    assert found == [1, 1, 2, 2]
    assert door.closed == [1]


def test_other_settings_get_a_value_of_their_own(kept, door):
    assert [kept.of(name, door) for name in ("one", "other", "one")] == [1, 2, 1]


def test_what_could_not_be_opened_is_tried_again_by_the_next(kept, door):
    door.fails = True
    with pytest.raises(ConnectionError):
        kept.of("home", door)
    door.fails = False

    assert kept.of("home", door) == 1


def test_nobody_waits_for_another_ones_opening_and_of_two_one_is_kept(kept, door):
    both = threading.Barrier(2)
    door.before = lambda: both.wait(10)
    threads = [threading.Thread(target=kept.of, args=("home", door)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept.of("home", door) not in door.closed
    assert len(door.closed) == 1


def test_a_forked_process_does_not_use_what_its_parent_opened(kept, door, monkeypatch):
    kept.of("home", door)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)

    assert kept.of("home", door) == 2
    kept.close()
    assert door.closed == [2]
    monkeypatch.undo()
    assert kept.of("home", door) == 1
