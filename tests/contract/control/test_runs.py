"""How a sync run begins and ends, and all that follows from its end, on both databases."""

import dataclasses
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, SyncKind, SyncRun, Urgency
from metrifly_pipeline.domain.trouble import NotFoundError
from tests.contract.control.builders import NOW, sealed

HOUR = timedelta(hours=1)
LATER = NOW + HOUR
NETWORK = Finding(reason=Reason.NETWORK)
KEY_INVALID = Finding(reason=Reason.KEY_INVALID)


def test_a_run_is_stored_as_it_ended(store, connect):
    started = store.start_run(connect(), SyncKind.DAILY, NOW)
    assert started == SyncRun(id=1, connection=started.connection, kind=SyncKind.DAILY, started_at=NOW)
    ended = dataclasses.replace(
        started,
        outcome=Outcome.ADDED,
        finished_at=LATER,
        raw_landed=9,
        trades_added=3,
        movements_added=4,
        amended=1,
        quarantined=2,
        requests=7,
        reason="network",
        detail="once",
        last_trade_at=NOW - HOUR,
    )

    store.finish_run(ended, [], urgency=Urgency.NOW, next_due_at=LATER, retry_at=None, now=LATER)

    assert store.run(1) == ended
    assert store.runs(started.connection) == [ended]


def test_runs_come_newest_first_and_no_more_than_asked_for(store, connect, finish):
    first, second = connect(1), connect(2)
    for connection in (first, second, first):
        finish(connection)

    assert [each.id for each in store.runs()] == [3, 2, 1]
    assert [each.id for each in store.runs(first)] == [3, 1]
    assert [each.id for each in store.runs(limit=1)] == [3]


def test_an_unknown_run_is_not_found(store, connect):
    with pytest.raises(NotFoundError, match="run 7"):
        store.run(7)


def test_a_run_answers_what_was_filed_before_it_started_and_nothing_after(store, connect, finish):
    connection, other = connect(1), connect(2)
    waiting = store.file_request(connection, SyncKind.SYNC_NOW, NOW)
    batched = store.requests(waiting=True, kinds=[SyncKind.FIRST_IMPORT])[0]
    store.make_batch([connection], SyncKind.FIRST_IMPORT, [batched.id], NOW)
    run = store.start_run(connection, SyncKind.FIRST_IMPORT, NOW)
    late = store.file_request(connection, SyncKind.SYNC_NOW, NOW)

    done = dataclasses.replace(run, outcome=Outcome.CONTINUES)
    store.finish_run(done, [], urgency=Urgency.SOON, next_due_at=None, retry_at=None, now=NOW)

    assert {store.request(each.id).answered_by for each in (waiting, batched)} == {run.id}
    assert store.request(late.id).answered_by is None
    assert [each.connection for each in store.requests(waiting=True)] == [other, connection]


def test_a_request_that_a_batch_passed_over_behind_a_running_sync_waits_again(store, connect):
    connection = connect()
    run = store.start_run(connection, SyncKind.FIRST_IMPORT, NOW)
    late = store.file_request(connection, SyncKind.SYNC_NOW, NOW)
    store.make_batch([connection], SyncKind.SYNC_NOW, [late.id], NOW)
    assert store.requests(waiting=True, kinds=[SyncKind.SYNC_NOW]) == []

    done = dataclasses.replace(run, outcome=Outcome.ADDED)
    store.finish_run(done, [], urgency=Urgency.SOON, next_due_at=None, retry_at=None, now=NOW)

    assert [(each.id, each.attempt) for each in store.requests(waiting=True)] == [(late.id, 1)]


def test_requests_of_a_run_that_lost_its_lease_wait_again(store, connect, finish):
    connection, other = connect(1), connect(2)
    batch = store.make_batch([connection, other], SyncKind.FIRST_IMPORT, [1, 2], NOW)

    finish(connection, Outcome.LEASE_LOST)

    assert [(each.connection, each.attempt) for each in store.requests(waiting=True)] == [(connection, 1)]
    assert store.request(2).batch == batch


def test_a_failed_run_answers_too(store, connect, finish):
    connection = connect()
    finish(connection, Outcome.FAILED, [KEY_INVALID])

    assert store.requests(waiting=True) == []


def test_a_rebuild_and_a_sync_do_not_answer_for_each_other(store, connect, finish):
    connection = connect()
    rebuild = store.file_request(connection, SyncKind.REBUILD, NOW)

    finish(connection, kind=SyncKind.DAILY)
    assert store.requests(waiting=True) == [rebuild]

    asked = store.file_request(connection, SyncKind.SYNC_NOW, NOW)
    finish(connection, kind=SyncKind.REBUILD)
    assert store.requests(waiting=True) == [asked]


def test_a_good_run_resets_the_failures_and_a_bad_one_counts_them(store, connect, finish):
    connection = connect()
    for hours in (1, 2):
        finish(connection, Outcome.FAILED, [NETWORK], now=NOW + hours * HOUR)
    failing = store.connection(connection)
    assert (failing.failures, failing.failing_since) == (2, NOW + HOUR)
    assert (failing.last_success_at, failing.last_checked_at) == (None, None)

    finish(connection, Outcome.NOTHING_NEW, now=NOW + 3 * HOUR)

    good = store.connection(connection)
    assert (good.failures, good.failing_since) == (0, None)
    assert (good.last_success_at, good.last_checked_at) == (NOW + 3 * HOUR, NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("outcome", "kind", "done"),
    [
        (Outcome.ADDED, SyncKind.FIRST_IMPORT, True),
        (Outcome.NOTHING_NEW, SyncKind.FIRST_IMPORT, True),
        (Outcome.NOTHING_NEW, SyncKind.SYNC_NOW, True),
        (Outcome.CONTINUES, SyncKind.FIRST_IMPORT, False),
        (Outcome.FAILED, SyncKind.FIRST_IMPORT, False),
        (Outcome.LEASE_LOST, SyncKind.FIRST_IMPORT, False),
        (Outcome.ADDED, SyncKind.REBUILD, False),
    ],
)
def test_the_first_import_is_done_once_a_sync_has_reached_its_end(store, connect, finish, outcome, kind, done):
    connection = connect()

    finish(connection, outcome, kind=kind)

    assert store.connection(connection).first_import_done is done


def test_a_first_import_once_done_stays_done(store, connect, finish):
    connection = connect()
    finish(connection)
    finish(connection, Outcome.FAILED, [NETWORK])
    finish(connection, Outcome.CONTINUES)

    assert store.connection(connection).first_import_done


def test_an_idle_run_is_no_change_and_is_still_noted(store, connect, finish):
    connection = connect()
    finish(connection)
    before = store.change_seq()

    assert finish(connection, Outcome.NOTHING_NEW, now=LATER) is False

    assert store.change_seq() == before
    assert store.connection(connection).last_checked_at == LATER


@pytest.mark.parametrize("count", ["raw_landed", "trades_added", "movements_added", "amended", "quarantined"])
def test_added_rows_are_a_change(store, connect, finish, count):
    connection = connect()
    finish(connection)
    before = store.change_seq()

    assert finish(connection, Outcome.ADDED, **{count: 1}) is True
    assert store.change_seq() == before + 1
    assert store.portfolios()[0].change_seq == before + 1


def test_findings_that_change_are_a_change_and_those_that_stay_are_none(store, connect, finish):
    connection = connect()
    finish(connection)
    notice = Finding(reason=Reason.STREAM_NOT_PERMITTED, stream="ledger", detail="Query ledger entries")

    assert finish(connection, Outcome.NOTHING_NEW, [notice]) is True
    assert finish(connection, Outcome.NOTHING_NEW, [notice]) is False
    assert finish(connection, Outcome.NOTHING_NEW, [dataclasses.replace(notice, detail="another")]) is True
    assert finish(connection, Outcome.NOTHING_NEW) is True
    assert finish(connection, Outcome.NOTHING_NEW) is False


def test_a_status_that_changes_by_itself_is_a_change(store, connect, finish):
    connection = connect()
    finish(connection)
    day = timedelta(days=1)

    told = [finish(connection, Outcome.FAILED, [NETWORK], now=NOW + days * day) for days in range(5)]

    # Delayed at first; once it has lasted three days, somebody must act: the finding stays the same, the status does not.
    assert told == [True, False, False, True, False]


def test_a_run_that_lost_its_lease_leaves_only_its_record(store, connect, finish):
    connection = connect()
    finish(connection, due=LATER)
    request = store.file_request(connection, SyncKind.SYNC_NOW, NOW)
    before = store.connection(connection), store.change_seq()

    assert finish(connection, Outcome.LEASE_LOST, [KEY_INVALID]) is False

    assert (store.connection(connection), store.change_seq()) == before
    assert store.attention() == []
    assert store.requests(waiting=True) == [request]
    assert store.runs()[0].outcome is Outcome.LEASE_LOST


def test_a_rebuild_says_nothing_of_how_syncs_fare(store, connect, finish):
    connection = connect()
    finish(connection, Outcome.FAILED, [KEY_INVALID], due=LATER)
    before = store.connection(connection), store.attention(), store.change_seq()

    assert finish(connection, Outcome.NOTHING_NEW, kind=SyncKind.REBUILD, now=LATER) is False
    assert (store.connection(connection), store.attention(), store.change_seq()) == before

    assert finish(connection, Outcome.ADDED, kind=SyncKind.REBUILD, trades_added=1) is True
    assert (store.connection(connection), store.attention()) == before[:2]


@pytest.mark.parametrize("meanwhile", ["replace_credential", "disconnect"])
def test_what_a_run_found_about_a_key_that_is_gone_does_not_count(store, connect, finish, meanwhile):
    connection = connect()
    finish(connection, due=LATER)
    run = store.start_run(connection, SyncKind.DAILY, NOW)
    if meanwhile == "disconnect":
        store.disconnect(connection, NOW)
    else:
        store.replace_credential(connection, sealed(connection, 2), None, NOW)
    before = store.connection(connection), store.requests(waiting=True)

    failed = dataclasses.replace(run, outcome=Outcome.FAILED)
    ended = store.finish_run(failed, [KEY_INVALID], urgency=Urgency.NOW, next_due_at=NOW, retry_at=NOW, now=NOW)

    assert (ended.changed, ended.standing) == (False, [])
    assert (store.connection(connection), store.requests(waiting=True)) == before
    assert store.attention() == []
    assert store.run(run.id).outcome is Outcome.FAILED


def test_rows_that_an_overtaken_run_added_are_a_change_all_the_same(store, connect):
    connection = connect()
    run = store.start_run(connection, SyncKind.DAILY, NOW)
    store.disconnect(connection, NOW)
    before = store.change_seq()

    added = dataclasses.replace(run, outcome=Outcome.ADDED, trades_added=1)
    assert store.finish_run(added, [], urgency=Urgency.NOW, next_due_at=None, retry_at=None, now=NOW).changed is True
    assert store.change_seq() == before + 1


def test_a_run_that_never_ended_is_closed_by_the_next(store, connect):
    connection, other = connect(1), connect(2)
    dead, alive = (store.start_run(each, SyncKind.DAILY, NOW) for each in (connection, other))

    store.start_run(connection, SyncKind.DAILY, LATER)

    assert (store.run(dead.id).outcome, store.run(dead.id).finished_at) == (Outcome.LEASE_LOST, LATER)
    assert store.run(alive.id).outcome is Outcome.RUNNING


def test_connections_are_due_when_either_of_their_times_has_come(store, connect, finish):
    never, daily, retry, later = (connect(number) for number in (1, 2, 3, 4))
    finish(never, due=None)
    finish(daily, due=NOW + HOUR)
    finish(later, due=NOW + 2 * HOUR)
    run = dataclasses.replace(store.start_run(retry, SyncKind.DAILY, NOW), outcome=Outcome.FAILED)
    store.finish_run(run, [NETWORK], urgency=Urgency.SOON, next_due_at=NOW + 9 * HOUR, retry_at=NOW + HOUR / 2, now=NOW)

    assert store.due(NOW, 10) == []
    assert store.due(NOW + HOUR / 2, 10) == [retry]
    assert store.due(NOW + HOUR, 10) == [retry, daily]
    assert store.due(NOW + 2 * HOUR, 10) == [retry, daily, later]
    assert store.due(NOW + 2 * HOUR, 2) == [retry, daily]


def test_disconnected_connections_and_those_that_someone_must_mend_are_never_due(store, connect, finish):
    gone, permanent, transient, notice = (connect(number) for number in (1, 2, 3, 4))
    finish(gone, due=NOW)
    store.disconnect(gone, NOW)
    finish(permanent, Outcome.FAILED, [KEY_INVALID], due=NOW)
    finish(transient, Outcome.FAILED, [NETWORK], due=NOW)
    finish(notice, Outcome.ADDED, [Finding(reason=Reason.HISTORY_LIMITED)], due=NOW)

    assert store.due(NOW + timedelta(days=9), 10) == [transient, notice]
