"""Sync requests and batches, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.status import Outcome, SyncKind
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW

SYNC_NOW, DAILY, FIRST_IMPORT, REBUILD = (
    SyncKind.SYNC_NOW,
    SyncKind.DAILY,
    SyncKind.FIRST_IMPORT,
    SyncKind.REBUILD,
)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def connection(store, connect, finish):
    """A connection whose first import is over: nothing waits."""
    made = connect()
    finish(made)
    return made


def test_an_unanswered_request_of_the_same_kind_is_returned_instead_of_a_second(store, connection):
    first = store.file_request(connection, SYNC_NOW, NOW)

    assert store.file_request(connection, SYNC_NOW, NOW + HOUR) == first
    assert store.file_request(connection, REBUILD, NOW + HOUR).id != first.id


def test_a_request_in_a_batch_that_has_not_started_is_returned_too(store, connection):
    first = store.file_request(connection, SYNC_NOW, NOW)
    store.make_batch([connection], SYNC_NOW, [first.id], NOW)

    assert store.file_request(connection, SYNC_NOW, NOW).id == first.id


def test_whoever_asks_while_a_sync_runs_gets_a_request_of_their_own(store, connection):
    first = store.file_request(connection, SYNC_NOW, NOW)
    store.start_run(connection, SYNC_NOW, NOW)

    second = store.file_request(connection, SYNC_NOW, NOW)

    assert second.id > first.id
    assert store.file_request(connection, SYNC_NOW, NOW) == second


def test_an_answered_request_is_not_returned_again(store, connection, finish):
    first = store.file_request(connection, SYNC_NOW, NOW)
    finish(connection, Outcome.NOTHING_NEW)

    assert store.request(first.id).answered_by == store.runs(connection)[0].id
    assert store.file_request(connection, SYNC_NOW, NOW).id > first.id


def test_requests_of_two_connections_do_not_meet(store, connect):
    first, second = connect(1), connect(2)

    assert store.file_request(first, SYNC_NOW, NOW).connection == first
    assert store.file_request(second, SYNC_NOW, NOW).connection == second
    assert len(store.requests(waiting=True)) == 4


def test_waiting_requests_are_told_from_all_and_by_kind(store, connect):
    first, second = connect(1), connect(2)
    batched = store.requests(waiting=True)[0]
    store.make_batch([first], FIRST_IMPORT, [batched.id], NOW)
    asked = store.file_request(second, SYNC_NOW, NOW)

    assert [each.kind for each in store.requests(waiting=True)] == [FIRST_IMPORT, SYNC_NOW]
    assert store.requests(waiting=True, kinds=[SYNC_NOW, DAILY]) == [asked]
    assert [each.id for each in store.requests(waiting=False)] == [1, 2, 3]
    assert store.requests(waiting=True, kinds=[]) == []


def test_a_batch_names_its_connections_in_their_order(store, connect):
    names = [connect(number) for number in (3, 1, 2)]

    batch = store.make_batch([*names, names[0]], DAILY, [], NOW)

    assert store.batch(batch) == (DAILY, names)


def test_a_batch_needs_connections_that_exist(store, connection):
    with pytest.raises(RefusedError, match="at least one"):
        store.make_batch([], DAILY, [], NOW)
    with pytest.raises(NotFoundError, match="no connection okx-00000000"):
        store.make_batch([connection, "okx-00000000"], DAILY, [], NOW)
    with pytest.raises(NotFoundError, match="no batch 1"):
        store.batch(1)


def test_a_request_is_handed_to_one_batch_only(store, connection):
    request = store.file_request(connection, SYNC_NOW, NOW)
    first = store.make_batch([connection], SYNC_NOW, [request.id], NOW)

    store.make_batch([connection], SYNC_NOW, [request.id], NOW)

    assert store.request(request.id).batch == first


def test_an_unknown_request_is_not_found(store):
    with pytest.raises(NotFoundError, match="request 7"):
        store.request(7)


def test_requests_of_a_dead_batch_wait_again_under_another_attempt(store, connection):
    request = store.file_request(connection, SYNC_NOW, NOW)
    store.make_batch([connection], SYNC_NOW, [request.id], NOW)
    assert store.requeue_stale_batches(NOW + HOUR / 2, HOUR) == 0

    assert store.requeue_stale_batches(NOW + HOUR, HOUR) == 1

    assert [(each.id, each.batch, each.attempt) for each in store.requests(waiting=True)] == [(request.id, None, 1)]
    assert store.requeue_stale_batches(NOW + HOUR, HOUR) == 0


def test_a_batch_that_still_works_on_one_of_its_connections_is_not_dead(store, connect, lease):
    first, second = connect(1), connect(2)
    store.make_batch([first, second], FIRST_IMPORT, [1, 2], NOW)
    mine = lease(first, now=NOW + HOUR)

    assert store.requeue_stale_batches(NOW + HOUR, HOUR) == 0
    assert store.requeue_stale_batches(mine.expires_at, HOUR) == 2


def test_a_batch_has_died_when_a_lease_of_its_worker_ran_out_that_nobody_gave_back(store, connect, lease):
    first, second = connect(1), connect(2)
    before = lease(first, now=NOW - HOUR)  # whoever held this died before the batch was made
    batch = store.make_batch([first, second], FIRST_IMPORT, [1, 2], NOW)
    assert not store.batch_died(batch, NOW + HOUR)
    assert before.expires_at < NOW

    mine = lease(first, now=NOW)
    also_mine = lease(second, now=NOW + HOUR / 60)
    assert not store.batch_died(batch, mine.expires_at)  # the second one is still held
    assert store.batch_died(batch, also_mine.expires_at)

    store.release_lease(also_mine)
    assert store.batch_died(batch, also_mine.expires_at)
    again = lease(first, now=also_mine.expires_at)
    assert not store.batch_died(batch, also_mine.expires_at)
    store.release_lease(again)
    assert not store.batch_died(batch, again.expires_at)


def test_answered_requests_of_an_old_batch_stay_answered(store, connection, finish):
    request = store.file_request(connection, SYNC_NOW, NOW)
    batch = store.make_batch([connection], SYNC_NOW, [request.id], NOW)
    finish(connection, kind=SYNC_NOW)

    assert store.requeue_stale_batches(NOW + HOUR, HOUR) == 0
    assert store.request(request.id).batch == batch


def test_numbers_of_requests_never_come_back(store, connection):
    last = store.file_request(connection, SYNC_NOW, NOW)
    store.disconnect(connection, NOW)

    assert store.file_request(connection, REBUILD, NOW).id > last.id


def test_a_connection_that_could_not_be_synced_takes_its_request_back_in_line(store, connect):
    busy, free = connect(1), connect(2)
    asked = [store.file_request(each, SYNC_NOW, NOW) for each in (busy, free)]
    store.make_batch([busy, free], SYNC_NOW, [each.id for each in asked], NOW)

    assert store.requeue([busy]) == 1

    waiting = store.requests(waiting=True, kinds=[SYNC_NOW])
    assert [(each.id, each.attempt) for each in waiting] == [(asked[0].id, 1)]


def test_only_the_unanswered_requests_of_one_batch_wait_again(store, connect, finish):
    answered, mine, elsewhere = connect(1), connect(2), connect(3)
    asked = [store.file_request(each, SYNC_NOW, NOW) for each in (answered, mine, elsewhere)]
    lost = store.make_batch([answered, mine], SYNC_NOW, [each.id for each in asked[:2]], NOW)
    other = store.make_batch([elsewhere], SYNC_NOW, [asked[2].id], NOW + HOUR)
    finish(answered, kind=SYNC_NOW)
    assert store.unanswered_batches() == {lost: NOW, other: NOW + HOUR}

    assert store.requeue_batch(lost) == 1

    waiting = store.requests(waiting=True, kinds=[SYNC_NOW])
    assert [(each.id, each.attempt) for each in waiting] == [(asked[1].id, 1)]
    assert store.unanswered_batches() == {other: NOW + HOUR}


def test_nobody_waits_before_the_first_request_and_after_the_last_answer(store, connection, finish):
    before = store.is_idle(NOW)
    asked = store.file_request(connection, SYNC_NOW, NOW)
    waiting = store.is_idle(NOW)
    store.make_batch([connection], SYNC_NOW, [asked.id], NOW)
    in_a_batch = store.is_idle(NOW)
    finish(connection, Outcome.NOTHING_NEW)

    assert (before, waiting, in_a_batch) == (True, False, False)
    assert store.is_idle(NOW)


def test_a_lease_that_ran_out_and_was_not_given_back_is_somebody_who_died_at_work(store, connection):
    lease = store.acquire_lease(connection, "worker", NOW, HOUR)
    at_work = store.is_idle(NOW + HOUR - MOMENT)
    dead = store.is_idle(NOW + HOUR)
    store.release_lease(lease)

    assert (at_work, dead) == (True, False)
    assert store.is_idle(NOW + HOUR)
