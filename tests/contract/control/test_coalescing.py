"""How many runs come of many requests and of many due connections, on both databases."""

from collections import Counter
from datetime import timedelta

from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.services.requesting import Requesting
from tests.contract.control.builders import NOW

LATER = NOW + timedelta(days=3)


def requesting(store):
    return Requesting(store, lambda: LATER, lambda _: "")


def test_a_hundred_requests_for_sixty_connections_are_at_most_two_runs_and_each_is_answered(store, connect, finish):
    connections = [connect(number) for number in range(1, 61)]
    for connection in connections[20:]:
        finish(connection)
    asking = requesting(store)
    asked = asking.file([connections[number % 60] for number in range(100)])

    batches = asking.batches()
    before = [asking.answer(request).done for request in asked]
    for batch in batches:
        for connection in batch.connections:
            finish(connection, now=LATER, kind=batch.kind)

    assert len(asked) == 100
    assert len(batches) <= 2
    assert sorted(connection for batch in batches for connection in batch.connections) == sorted(connections)
    assert not any(before)
    assert all(asking.answer(request).done for request in asked)
    assert asking.batches() == []


def test_each_due_connection_falls_into_exactly_one_shard_and_no_shard_is_too_large(store, connect, finish):
    connections = [connect(number) for number in range(1, 24)]
    for connection in connections:
        finish(connection, due=LATER)

    shards = requesting(store).daily_batches(5)

    assert [len(shard.connections) for shard in shards] == [5, 5, 5, 5, 3]
    assert {shard.kind for shard in shards} == {SyncKind.DAILY}
    assert Counter(each for shard in shards for each in shard.connections) == Counter(connections)
