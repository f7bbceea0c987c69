"""Processes that want the same connection at the same moment: one has it, the others leave it alone, and nothing comes twice."""

from collections import Counter
from multiprocessing.connection import wait

import pytest

from tests.faults.conftest import PATIENCE_SECONDS
from tests.faults.racer import GO, GOT_IT, LEFT_OUT, SYNCED, main
from tests.support.forks import FORKS

PROCESSES = 8
HOUR_SECONDS = 3600


@pytest.fixture
def racers(faulty_home):
    """Pipes to processes that are ready."""
    pipes = [FORKS.Pipe() for _ in range(PROCESSES)]
    running = [
        FORKS.Process(
            target=main,
            args=(faulty_home.settings.home, faulty_home.connection, faulty_home.ahead, theirs),
            daemon=True,
        )
        for _, theirs in pipes
    ]
    for process in running:
        process.start()
    yield [mine for mine, _ in pipes]
    for process in running:
        process.kill()
        process.join()


def heard(pipes, count):
    """The next `count` words, from whichever process; each with its pipe."""
    words = []
    while len(words) < count:
        ready = wait(pipes, PATIENCE_SECONDS)
        assert ready, "a process says nothing"
        words += [(pipe.recv(), pipe) for pipe in ready]
    return words


@pytest.mark.parametrize(
    "rounds", [2, pytest.param(100, marks=[pytest.mark.torture, pytest.mark.timeout(HOUR_SECONDS)])]
)
def test_of_eight_processes_that_want_a_connection_one_has_it_and_nothing_comes_twice(faulty_home, racers, rounds):
    for _ in range(rounds):
        faulty_home.trade()
        for pipe in racers:
            pipe.send(GO)

        words = heard(racers, PROCESSES)
        assert Counter(word for word, _ in words) == {GOT_IT: 1, LEFT_OUT: PROCESSES - 1}

        (winner,) = [pipe for word, pipe in words if word == GOT_IT]
        winner.send(GO)
        assert heard([winner], 1) == [(SYNCED, winner)]

    with faulty_home.product() as product:
        product.publishing.publish()
    assert faulty_home.lost_and_doubled() == 0
    with faulty_home.product() as product:
        runs = product.control.runs(faulty_home.connection, limit=1_000)
    assert len(runs) == rounds
