"""All that is sealed is listed, moved to another master key row by row, and the old key is retired only when nothing is left under it."""

import dataclasses
from contextlib import closing

import pytest
from sqlalchemy import event

from metrifly_pipeline.control.notification_tables import receivers
from metrifly_pipeline.domain.ids import ConnectionId, ReceiverId
from metrifly_pipeline.domain.notifying import Receiver, ReceiverKind
from metrifly_pipeline.domain.sealed_rows import Shelf
from metrifly_pipeline.domain.trouble import MasterKeyError, StoreUnavailableError
from tests.contract.control.builders import NOW, a_connection, sealed


@pytest.fixture
def portfolio(store, account):
    return store.create_portfolio(account, "Sealed", NOW)


@pytest.fixture
def filled(store, account, portfolio):
    """Three connections, two webhooks and a mail address."""
    for number in (1, 2, 3):
        made = a_connection(portfolio, number)
        store.add_connection(made, sealed(made.id), NOW)
    for number in (1, 2):
        add_receiver(store, account, number)
    store.add_receiver(receiver(account, 3, ReceiverKind.EMAIL), None)
    return store


def receiver(account, number, kind=ReceiverKind.WEBHOOK):
    return Receiver(id=ReceiverId(f"nt-{number:08d}"), account=account, kind=kind, address=f"a{number}", created_at=NOW)


def add_receiver(store, account, number):
    made = receiver(account, number)
    store.add_receiver(made, sealed(ConnectionId(made.id)))


def under(row, key_id="k2"):
    made = dataclasses.replace(row.sealed, key_id=key_id, wrapped_key=b"anew", fingerprint="ba9876543210")
    return row, made


def every(store, **options):
    return [row for shelf in Shelf for row in store.sealed_rows(shelf, 10, **options)]


def test_everything_sealed_is_listed_with_its_account_in_pages(filled, account):
    rows = every(filled)

    assert [row.sealed.connection for row in rows] == [f"kraken-0000000{n}" for n in (1, 2, 3)] + [
        "nt-00000001",
        "nt-00000002",
    ]
    assert {row.account for row in rows} == {account}
    assert rows[0].sealed == filled.sealed_credential(rows[0].sealed.connection)
    assert rows[3].sealed == filled.sealed_secret(ReceiverId("nt-00000001"))
    for shelf, count in ((Shelf.CREDENTIALS, 3), (Shelf.RECEIVERS, 2)):
        first = filled.sealed_rows(shelf, 1)
        rest = filled.sealed_rows(shelf, 10, after=first[0].place)
        assert [*first, *rest] == filled.sealed_rows(shelf, 10)
        assert len(rest) == count - 1


def test_rows_move_whole_and_only_while_they_are_as_they_were_read(filled):
    rows = every(filled)
    assert filled.rewrap([under(rows[0]), under(rows[3])]) == 2

    assert [row.sealed for row in every(filled, key_id="k2")] == [under(rows[0])[1], under(rows[3])[1]]
    assert every(filled, key_id="k1") == [rows[1], rows[2], rows[4]]
    assert filled.rewrap([under(row, "k3") for row in rows]) == 3  # the other two were moved by somebody else
    newer = sealed(rows[1].sealed.connection, 2)
    filled.replace_credential(newer.connection, newer, None, NOW)
    assert filled.rewrap([under(dataclasses.replace(rows[1], sealed=sealed(newer.connection, 1)))]) == 0
    assert filled.sealed_credential(newer.connection) == newer


def test_a_key_is_retired_only_when_nothing_is_left_under_it(filled, account, portfolio):
    assert filled.retire_key("k1", NOW) == 5
    add_receiver(filled, account, 4)  # not retired: it goes on
    rows = every(filled)
    filled.rewrap([under(row) for row in rows[:-1]])
    assert filled.retire_key("k1", NOW) == 1
    filled.rewrap([under(rows[-1])])

    assert (filled.retire_key("k1", NOW), filled.retire_key("k1", NOW)) == (0, 0)

    before = every(filled)
    other = a_connection(portfolio, 9)
    with pytest.raises(MasterKeyError, match=r"retired.*start this again"):
        filled.add_connection(other, sealed(other.id), NOW)
    with pytest.raises(MasterKeyError, match="retired"):
        filled.replace_credential(rows[0].sealed.connection, sealed(rows[0].sealed.connection, 2), None, NOW)
    with pytest.raises(MasterKeyError, match="retired"):
        add_receiver(filled, account, 9)
    with pytest.raises(MasterKeyError, match="retired"):
        filled.rewrap([under(before[0], "k1")])
    assert every(filled) == before
    assert len(filled.receivers()) == 4
    filled.add_connection(other, dataclasses.replace(sealed(other.id), key_id="k2"), NOW)


def impatient(store):
    """The same store, that gives up on a lock at once."""

    def hurry(connection, _record):
        with closing(connection.cursor()) as cursor:
            sqlite = store._engine.dialect.name == "sqlite"
            cursor.execute("PRAGMA busy_timeout = 1" if sqlite else "SET SESSION lock_timeout = '50ms'")
        if not sqlite:
            connection.commit()

    event.listen(store._engine, "connect", hurry)
    store._engine.dispose()
    return store


def test_retiring_waits_for_whoever_is_sealing_under_the_key(store, account, open_another):
    other = impatient(open_another())
    made, kept = receiver(account, 1), sealed(ConnectionId("nt-00000001"))
    values = {name: getattr(made, name) for name in ("id", "account", "kind", "address", "created_at")}
    values |= {name: getattr(kept, name) for name in ("key_id", "wrapped_key", "sealed", "fingerprint")}

    with store._writing() as db:
        db.execute(receivers.insert().values(values))
        with pytest.raises(StoreUnavailableError):
            other.retire_key("k1", NOW)

    assert other.retire_key("k1", NOW) == 1
