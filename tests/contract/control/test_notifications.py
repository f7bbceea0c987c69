"""Notifications are filed once a change, claimed once a try and kept until delivered or given up, on both databases."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.attention import Acknowledgement
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, ReceiverId
from metrifly_pipeline.domain.notifying import Receiver, ReceiverKind
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW, another_account, sealed

HOLD = timedelta(minutes=2)
INVALID = Finding(reason=Reason.KEY_INVALID)
LIMITED = Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before 2026-01-01")


def a_receiver(account, number=1, **changed):
    values = {"kind": ReceiverKind.WEBHOOK, "address": f"https://example.com/{number}"} | changed
    return Receiver(id=ReceiverId(f"nt-{number:08d}"), account=account, created_at=NOW, **values)


@pytest.fixture
def receiver(store, account):
    made = a_receiver(account)
    store.add_receiver(made, sealed(ConnectionId(made.id)))
    return made


def claim(store, now=NOW, limit=20):
    return store.claim_notifications(now, limit, HOLD)


def claimed_types(store, now=NOW):
    return [json.loads(each.body)["type"] for each in claim(store, now)]


def broken(store, connection, finish, *findings):
    finish(connection, Outcome.FAILED, findings or [INVALID])
    return store.tell_changes(NOW)


def test_a_receiver_is_kept_with_its_sealed_secret_and_forgotten_whole(store, account, receiver, connect, finish):
    other = another_account(store)
    assert store.receivers(account) == [receiver]
    assert store.receivers(other) == []
    kept = store.sealed_secret(receiver.id)
    assert kept == sealed(ConnectionId(receiver.id))
    with pytest.raises(RefusedError, match="already"):
        store.add_receiver(a_receiver(account, 2, address=receiver.address), None)
    store.add_receiver(a_receiver(other, 3, address=receiver.address), None)  # another customer's own
    with pytest.raises(NotFoundError):
        store.remove_receiver(other, receiver.id)
    with pytest.raises(NotFoundError):
        store.receiver(other, receiver.id)
    broken(store, connect(), finish)

    store.remove_receiver(account, receiver.id)

    assert store.receivers(account) == []
    assert store.sealed_secret(receiver.id) is None
    assert claim(store) == []


def test_while_a_receivers_secret_is_stored_a_missing_master_key_is_no_first_use(store, account):
    assert not store.has_credentials()
    store.add_receiver(a_receiver(account, 1, kind=ReceiverKind.EMAIL, address="ann@example.com"), None)
    assert not store.has_credentials()
    webhook = a_receiver(account, 2)
    store.add_receiver(webhook, sealed(ConnectionId(webhook.id)))
    assert store.has_credentials()


def test_one_change_is_one_notification_for_each_receiver_of_the_account(store, account, receiver, connect, finish):
    second = a_receiver(account, 2)
    store.add_receiver(second, None)
    store.add_receiver(a_receiver(another_account(store), 3), None)
    connection = connect()

    assert broken(store, connection, finish) == 2
    assert broken(store, connection, finish) == 0
    assert store.tell_changes(NOW) == 0

    told = claim(store)
    assert {each.receiver for each in told} == {receiver.id, second.id}
    assert len({each.id for each in told}) == 2
    body = json.loads(told[0].body)
    assert (body["id"], body["type"], body["status"]) == (told[0].id, "connection.needs_attention", "needs_attention")
    assert (body["connection"], body["account"]) == (connection, "default")
    assert [(item["reason"], item["new"]) for item in body["attention"]] == [("key_invalid", True)]


def test_cured_is_told_after_a_good_run_and_not_when_the_key_was_replaced(store, receiver, connect, finish):
    connection = connect()
    broken(store, connection, finish)
    for each in claim(store):
        store.note_delivered(each.number, NOW)
    store.replace_credential(connection, sealed(connection, 2), None, NOW)
    assert store.tell_changes(NOW) == 0

    finish(connection, Outcome.NOTHING_NEW)

    assert store.tell_changes(NOW) == 1
    (told,) = claim(store)
    body = json.loads(told.body)
    assert (body["type"], body["attention"]) == ("connection.cured", [])
    assert [item["reason"] for item in body["cured"]] == ["key_invalid"]
    assert store.tell_changes(NOW) == 0


def test_what_was_acknowledged_is_told_to_nobody(store, receiver, connect, finish):
    first, second = connect(1), connect(2)
    for connection in (first, second):
        finish(connection, findings=[LIMITED])
    given = Acknowledgement(at=NOW, by=AccountId("default"), note="known")
    store.acknowledge(first, store.attention(first), given, NOW)

    assert store.tell_changes(NOW) == 1

    assert claimed_types(store) == ["connection.notice"]
    store.acknowledge(second, store.attention(second), given, NOW)
    finish(second, findings=[])
    assert store.tell_changes(NOW) == 0  # nor that it is gone
    finish(first, findings=[Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before 2026-02-01")])
    assert store.tell_changes(NOW) == 1  # its facts changed


def test_without_receivers_changes_are_remembered_so_that_a_new_one_hears_of_changes_only(
    store, account, connect, finish
):
    connection = connect()
    assert broken(store, connection, finish) == 0
    store.add_receiver(a_receiver(account), None)

    assert store.tell_changes(NOW) == 0
    finish(connection, Outcome.NOTHING_NEW)
    assert store.tell_changes(NOW) == 1


def test_several_that_look_at_once_tell_a_change_once(store, receiver, connect, finish, open_another):
    finish(connect(), Outcome.FAILED, [INVALID])
    stores = [open_another() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        filed = list(pool.map(lambda each: each.tell_changes(NOW), stores))

    assert sorted(filed) == [0, 0, 0, 1]
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(claim, stores))
    assert sorted(len(each) for each in claimed) == [0, 0, 0, 1]


def test_a_try_whose_end_was_not_noted_is_taken_over_with_the_same_id(store, receiver, connect, finish):
    broken(store, connect(), finish)
    (first,) = claim(store)
    assert store.notification_due(NOW) is None

    assert claim(store, NOW + HOLD - timedelta(microseconds=1)) == []
    (second,) = claim(store, NOW + HOLD)

    assert (second.id, second.attempt, first.attempt) == (first.id, 2, 1)
    store.note_failed(first.number, first.attempt, "too late", None)  # whoever comes late changes nothing
    assert len(claim(store, NOW + 2 * HOLD)) == 1


def test_a_failed_one_waits_for_its_time_and_says_why_until_it_arrives(store, account, receiver, connect, finish):
    broken(store, connect(), finish)
    (told,) = claim(store)
    later = NOW + timedelta(hours=1)

    store.note_failed(told.number, told.attempt, "it answered with status 500", later)

    assert store.notification_due(later - timedelta(microseconds=1)) is None
    assert store.notification_due(later) == (told.number, 1)
    (kept,) = store.receivers(account)
    assert (kept.waiting, kept.trouble, kept.delivered_at) == (1, "it answered with status 500", None)
    (again,) = claim(store, later)
    store.note_delivered(again.number, later)
    (kept,) = store.receivers(account)
    assert (kept.waiting, kept.trouble, kept.delivered_at) == (0, "", later)
    assert claim(store, later + timedelta(days=9)) == []


def test_one_that_is_given_up_is_never_sent_again_and_still_says_why(store, account, receiver, connect, finish):
    broken(store, connect(), finish)
    (told,) = claim(store)

    store.note_failed(told.number, told.attempt, "gone", None)

    (kept,) = store.receivers(account)
    assert (kept.waiting, kept.trouble) == (0, "gone")
    assert claim(store, NOW + timedelta(days=9)) == []


def test_of_one_connection_messages_come_in_order_and_others_do_not_wait_for_them(store, receiver, connect, finish):
    first, second = connect(1), connect(2)
    broken(store, first, finish)
    (told,) = claim(store)
    later = NOW + timedelta(hours=1)
    store.note_failed(told.number, told.attempt, "down", later)
    finish(first, Outcome.NOTHING_NEW)
    broken(store, second, finish)

    assert [json.loads(each.body)["connection"] for each in claim(store)] == [second]
    assert claimed_types(store, later) == [
        "connection.needs_attention",
        "connection.needs_attention",
    ]  # second's too: never noted
    store.note_delivered(told.number, later)
    assert claimed_types(store, later) == ["connection.cured"]
