"""Linking, replacing a key and disconnecting, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, SyncKind
from metrifly_pipeline.domain.trouble import LeaseLostError, NotFoundError, RefusedError
from tests.contract.control.builders import NOW, a_connection, another_account, facts, sealed

LATER = NOW + timedelta(hours=1)


def test_a_connection_is_stored_with_its_credential_its_first_import_and_a_change(store, portfolio):
    connection = a_connection(portfolio, label="my kraken", base_url="http://127.0.0.1:9")
    credential = sealed(connection.id)

    request = store.add_connection(connection, credential, NOW)

    assert store.connection(connection.id) == a_connection(
        portfolio, label="my kraken", base_url="http://127.0.0.1:9", credential_version=1
    )
    assert store.sealed_credential(connection.id) == credential
    assert (request.connection, request.kind, request.filed_at) == (connection.id, SyncKind.FIRST_IMPORT, NOW)
    assert store.requests(waiting=True) == [request]
    assert store.change_seq() == store.find_portfolio("default", "Main").change_seq == 1


def test_credentials_exist_only_once_one_is_stored(store, connect):
    assert not store.has_credentials()
    connect()
    assert store.has_credentials()


def test_connections_come_oldest_first_and_only_the_accounts_own(store, connect, account):
    names = [connect(number) for number in (2, 1, 3)]
    other = another_account(store)

    assert [each.id for each in store.connections(account)] == sorted(names)
    assert store.connections(other) == []
    assert len(store.connections()) == 3


def test_an_id_that_is_taken_is_refused(store, portfolio, connect):
    first = connect(1)

    with pytest.raises(RefusedError, match=f"id {first} is taken"):
        store.add_connection(a_connection(portfolio, 1, identity="other", app_id="other"), sealed(first), NOW)


def test_a_connection_cannot_flow_into_another_accounts_portfolio(store, portfolio):
    other = another_account(store)
    hers = a_connection(portfolio, 1, account=other)

    with pytest.raises(NotFoundError, match="no portfolio"):
        store.add_connection(hers, sealed(hers.id), NOW)
    assert store.connections() == []


def test_an_unknown_connection_is_not_found(store):
    for ask in (
        lambda: store.connection("kraken-00000000"),
        lambda: store.disconnect("kraken-00000000", NOW),
        lambda: store.move("kraken-00000000", "pf-00000000", NOW),
        lambda: store.note_probe("kraken-00000000", facts(None), NOW),
        lambda: store.start_run("kraken-00000000", SyncKind.DAILY, NOW),
        lambda: store.file_request("kraken-00000000", SyncKind.DAILY, NOW),
        lambda: store.replace_credential("kraken-00000000", sealed("kraken-00000000", 2), None, NOW),
        lambda: store.acquire_lease("kraken-00000000", "worker", NOW, timedelta(seconds=1)),
    ):
        with pytest.raises(NotFoundError, match="kraken-00000000"):
            ask()


def test_a_replaced_key_is_stored_and_the_old_one_is_gone(store, connect):
    connection = connect()
    new = sealed(connection, 2, b"new")

    store.replace_credential(connection, new, "AA1", LATER)

    assert store.sealed_credential(connection) == new
    assert store.connection(connection).credential_version == 2


def test_replacing_a_key_fences_the_sync_that_runs_with_the_old_one(store, connect, lease):
    connection = connect()
    old = lease(connection)

    store.replace_credential(connection, sealed(connection, 2), None, NOW)

    assert store.held([old], NOW) == set()
    with pytest.raises(LeaseLostError):
        store.renew_lease(old, NOW, timedelta(seconds=60))
    assert lease(connection, holder="another").token > old.token + 1


def test_replacing_a_key_clears_what_was_found_about_the_key_and_nothing_else(store, connect, finish):
    connection = connect()
    finish(connection, Outcome.FAILED, [Finding(reason=Reason.KEY_INVALID)])
    store.replace_findings(connection, "stream", [Finding(reason=Reason.STREAM_NOT_PERMITTED, stream="ledger")], NOW)
    store.replace_findings(connection, "reconcile", [Finding(reason=Reason.BALANCE_MISMATCH)], NOW)

    store.replace_credential(connection, sealed(connection, 2), None, LATER)

    assert [each.reason for each in store.attention(connection)] == [Reason.BALANCE_MISMATCH]
    assert store.connection(connection).failing_since is None
    assert store.connection(connection).failures == 0


def test_replacing_a_key_asks_for_a_sync_and_numbers_the_change(store, connect, finish):
    connection = connect()
    finish(connection)
    before = store.change_seq()

    store.replace_credential(connection, sealed(connection, 2), None, LATER)

    assert [each.kind for each in store.requests(waiting=True)] == [SyncKind.SYNC_NOW]
    assert store.change_seq() == before + 1


def test_a_new_key_connects_a_disconnected_exchange_account_again(store, connect):
    connection = connect()
    store.disconnect(connection, NOW)

    store.replace_credential(connection, sealed(connection, 2), "AA1", LATER)

    assert store.connection(connection).disconnected_at is None
    assert store.sealed_credential(connection) is not None


def test_a_key_of_another_exchange_account_is_refused(store, connect):
    connection = connect()

    with pytest.raises(RefusedError, match="another exchange account"):
        store.replace_credential(connection, sealed(connection, 2), "ZZ9", LATER)
    assert store.sealed_credential(connection).version == 1


def test_of_two_keys_sealed_as_the_same_version_only_the_first_is_stored(store, connect):
    connection = connect()
    store.replace_credential(connection, sealed(connection, 2, b"mine"), None, LATER)

    with pytest.raises(RefusedError, match="at the same time"):
        store.replace_credential(connection, sealed(connection, 2, b"yours"), None, LATER)
    assert store.sealed_credential(connection).sealed == b"mine"


def test_a_disconnect_erases_the_key_fences_the_sync_and_drops_its_requests(store, connect, lease):
    connection, other = connect(1), connect(2)
    old = lease(connection)
    store.make_batch([connection], SyncKind.FIRST_IMPORT, [1], NOW)
    store.file_request(connection, SyncKind.SYNC_NOW, NOW)
    before = store.change_seq()

    store.disconnect(connection, LATER)

    assert store.sealed_credential(connection) is None
    assert store.connection(connection).disconnected_at == LATER
    assert store.held([old], NOW) == set()
    assert [each.connection for each in store.requests(waiting=False)] == [other]
    assert store.change_seq() == before + 1
    assert store.sealed_credential(other) is not None


def test_a_second_disconnect_changes_nothing(store, connect):
    connection = connect()
    store.disconnect(connection, NOW)
    before = store.change_seq()

    store.disconnect(connection, LATER)

    assert store.change_seq() == before
    assert store.connection(connection).disconnected_at == NOW


def test_nobody_can_ask_for_a_sync_of_a_disconnected_connection(store, connect):
    connection = connect()
    store.disconnect(connection, NOW)

    with pytest.raises(RefusedError, match=f"metrifly reconnect {connection}"):
        store.file_request(connection, SyncKind.SYNC_NOW, LATER)
    assert store.file_request(connection, SyncKind.REBUILD, LATER).kind is SyncKind.REBUILD


def test_a_probe_keeps_its_time_and_an_identity_that_was_not_known(store, connect):
    known, unknown = connect(1), connect(2, identity=None)

    store.note_probe(known, facts("other"), LATER)
    store.note_probe(unknown, facts("BB2"), LATER)

    assert (store.connection(known).probed_at, store.connection(known).identity) == (LATER, "AA1")
    assert store.find_identity("default", "kraken", "BB2").id == unknown
    assert store.find_identity("default", "kraken", "other") is None


def test_a_probe_keeps_when_the_key_runs_out_until_another_key_takes_its_place(store, connect):
    connection = connect()

    store.note_probe(connection, facts(None, expires_at=LATER), NOW)
    assert store.connection(connection).key_expires_at == LATER

    store.replace_credential(connection, sealed(connection, 2), None, NOW)
    assert store.connection(connection).key_expires_at is None


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_run_that_came_to_its_end_keeps_the_time_of_its_sweep(store, connect, finish, outcome):
    connection = connect()

    finish(connection, outcome, now=LATER, swept=True)

    came_to_its_end = outcome in (Outcome.ADDED, Outcome.NOTHING_NEW)
    assert store.connection(connection).swept_at == (LATER if came_to_its_end else None)


def test_a_run_without_a_sweep_leaves_the_time_of_the_last_one(store, connect, finish):
    connection = connect()
    finish(connection, now=NOW, swept=True)

    finish(connection, now=LATER)

    assert store.connection(connection).swept_at == NOW
