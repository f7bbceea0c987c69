"""Deleting an account: every row of it goes at once, everything else stays, and what the lake needs to follow stays until it has."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from metrifly_pipeline.control.engine import open_engine
from metrifly_pipeline.control.tables import metadata
from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, ReceiverId
from metrifly_pipeline.domain.imports import ImportRow
from metrifly_pipeline.domain.notifying import Receiver, ReceiverKind
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Lease, SyncKind, SyncRun, Urgency
from metrifly_pipeline.domain.trouble import LeaseLostError, NotFoundError
from tests.contract.control.builders import NOW, a_connection, advance, another_account, minutes, move, sealed

LATER = NOW + timedelta(days=7)


@pytest.fixture
def rows(url):
    """Every row of every table as text."""
    engine = open_engine(url)

    def read():
        with engine.connect() as db:
            return {
                table.name: [str(tuple(row)) for row in db.execute(select(table))] for table in metadata.sorted_tables
            }

    yield read
    engine.dispose()


@pytest.fixture
def ann(store):
    """Another customer, with a portfolio, entries by hand and by file, a receiver, and a connection that syncs just now."""
    account = another_account(store, "Ann")
    portfolio = store.create_portfolio(account, "Annsportfolio", NOW)
    connection = a_connection(portfolio, 7, identity="annsidentity", label="annslabel", app_id="annsapp")
    store.add_connection(connection, sealed(connection.id, text=b"annssecret"), NOW)
    place = Place(portfolio.id, connection.id)
    entry = Draft(kind=EntryKind.REWARD, place=place, occurred_at=NOW, main=Amount(asset="BTC", quantity=Decimal(1)))
    store.add_entry(account, dataclasses.replace(entry, note="annsnote"), NOW)
    row = ImportRow(line=2, identity="annsrow", fingerprint="f", draft=dataclasses.replace(entry, note="annsfile"))
    store.add_import(account, portfolio.id, "annsfile.csv", [row], NOW)
    kind = ReceiverKind.EMAIL
    mail = Receiver(id=ReceiverId("nt-annsmail"), account=account, kind=kind, address="ann@example.com", created_at=NOW)
    store.add_receiver(mail, None)
    store.replace_findings(connection.id, "sync", [Finding(reason=Reason.KEY_INVALID)], NOW)
    store.tell_changes(NOW)
    lease = store.acquire_lease(connection.id, "worker", NOW, timedelta(seconds=120))
    proven = move(cursor={"after": "annscursor"}, covered=minutes(0, 1), done=1, planned=2)
    store.advance([advance(lease, proven, landed=1)], NOW)
    store.make_batch([connection.id], SyncKind.DAILY, [], NOW)
    run = store.start_run(connection.id, SyncKind.DAILY, NOW)
    return Ann(account, connection.id, lease, run)


@dataclasses.dataclass(frozen=True)
class Ann:
    account: AccountId
    connection: ConnectionId
    lease: Lease
    run: SyncRun

    def named_in(self, rows):
        """Tables with a row that says anything of her."""
        words = ("ann", self.account, self.connection)
        return {table for table, found in rows.items() if any(word in row.lower() for row in found for word in words)}


@pytest.fixture
def neighbour(store, connect, finish, lease):
    """The customer in whose account most tests act, with rows in the same tables."""
    connection = connect(1, label="mine")
    store.advance([advance(lease(connection), move(cursor={"after": "mine"}, covered=minutes(0, 1)), landed=1)], NOW)
    finish(connection, findings=[Finding(reason=Reason.KEY_INVALID)])
    return connection


OF_AN_ACCOUNT = {
    "accounts", "attention", "batch_connections", "connections", "coverage", "credentials", "cursors", "entries",
    "entry_legs", "import_rows", "imports", "leases", "notifications", "portfolios", "receivers", "requests", "runs",
    "streams", "told",
}  # fmt: skip


def test_every_row_of_a_deleted_account_goes_at_once_and_no_other_row_changes(store, neighbour, ann, rows):
    before = rows()
    assert ann.named_in(before) == OF_AN_ACCOUNT

    store.delete_account(ann.account, LATER, NOW)

    after = rows()
    assert ann.named_in(after) == {"erasures", "erased_connections"}
    for table in OF_AN_ACCOUNT:
        mine = [row for row in before[table] if not ann.named_in({table: [row]})]
        assert sorted(after[table]) == sorted(mine)
    assert {each.id for each in store.connections()} == {neighbour}
    assert store.sealed_credential(neighbour) is not None


def test_what_the_lake_needs_to_follow_stays_until_the_erasure_ends(store, ann, rows):
    made = store.delete_account(ann.account, LATER, NOW)

    assert made.connections == {ann.connection: "annsapp"}
    assert (made.account_name, made.asked_at, made.erase_at, made.rewritten_at) == ("Ann", NOW, LATER, None)
    assert store.erasures() == [made]
    store.note_rewritten(made.id, NOW)
    store.hasten_erasure(made.id, NOW)
    store.hasten_erasure(made.id, LATER)  # later than that it is never
    assert store.erasures() == [dataclasses.replace(made, rewritten_at=NOW, erase_at=NOW)]

    store.end_erasure(made.id)

    assert store.erasures() == []
    assert ann.named_in(rows()) == set()


def test_a_sync_that_runs_loses_its_lease_and_moves_nothing(store, ann, rows):
    assert store.held([ann.lease], NOW) == {ann.connection}

    store.delete_account(ann.account, LATER, NOW)

    assert store.held([ann.lease], NOW) == set()
    assert store.advance([advance(ann.lease, move(cursor={"after": "annscursor"}), landed=1)], NOW) == {ann.connection}
    with pytest.raises(LeaseLostError):
        store.renew_lease(ann.lease, NOW, timedelta(seconds=120))
    for writing in (
        lambda: store.finish_run(ann.run, [], urgency=Urgency.NOW, next_due_at=None, retry_at=None, now=NOW),
        lambda: store.start_run(ann.connection, SyncKind.DAILY, NOW),
        lambda: store.file_request(ann.connection, SyncKind.SYNC_NOW, NOW),
        lambda: store.replace_findings(ann.connection, "sync", [Finding(reason=Reason.NETWORK)], NOW),
        lambda: store.acquire_lease(ann.connection, "worker", NOW, timedelta(seconds=120)),
    ):
        with pytest.raises(NotFoundError):
            writing()
    assert ann.named_in(rows()) == {"erasures", "erased_connections"}


def test_a_deletion_makes_a_publish_due_and_is_refused_a_second_time(store, account, ann):
    store.mark_published(store.change_seq(), NOW)
    assert store.publish_due(NOW + timedelta(hours=2)) is None

    store.delete_account(ann.account, LATER, NOW)

    assert store.publish_due(NOW + timedelta(seconds=10)) is not None
    with pytest.raises(NotFoundError):
        store.delete_account(ann.account, LATER, NOW)
    assert len(store.erasures()) == 1


def test_the_name_and_the_exchange_account_are_free_again(store, account, portfolio, ann):
    assert store.find_account("ANN") == ann.account

    store.delete_account(ann.account, LATER, NOW)

    assert store.find_account("ann") is None
    assert store.find_account("default") == account
    again = a_connection(portfolio, 8, identity="annsidentity")
    store.add_connection(again, sealed(again.id), NOW)
    assert another_account(store, "ann") != ann.account
