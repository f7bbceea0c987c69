"""One exchange account is linked once, on both databases: who is refused, and what is told of the one that is there."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from metrifly_pipeline.control.tables import connections
from metrifly_pipeline.domain.trouble import RefusedError
from tests.contract.control.builders import NOW, a_connection, another_account, facts, sealed

LATER = NOW + timedelta(hours=1)


def test_one_exchange_account_cannot_be_linked_twice(store, portfolio, connect):
    first = connect(1)
    second = a_connection(portfolio, 2, identity="AA1")

    with pytest.raises(RefusedError, match=f"already, as {first}.*run `metrifly replace-key {first}`"):
        store.add_connection(second, sealed(second.id), NOW)

    assert [each.id for each in store.connections()] == [first]
    assert store.change_seq() == 1


def test_a_disconnected_exchange_account_still_counts_as_linked(store, portfolio, connect):
    first = connect(1)
    store.disconnect(first, NOW)
    second = a_connection(portfolio, 2, identity="AA1")

    with pytest.raises(RefusedError, match=f"metrifly reconnect {first}"):
        store.add_connection(second, sealed(second.id), NOW)


def test_the_same_identity_may_stand_at_another_exchange(store, connect):
    connect(1)
    connect(2, identity="AA1", exchange="okx")

    assert len(store.connections()) == 2


def test_what_another_customer_has_linked_is_refused_without_naming_it(store, connect):
    first, unknown = connect(1), connect(2, identity=None)
    hers = store.create_portfolio(another_account(store), "Hers", NOW)
    mine = a_connection(hers, 3, identity="AA1")
    later = a_connection(hers, 4, identity=None)
    store.add_connection(later, sealed(later.id), NOW)  # the control: another exchange account is welcome
    before = store.change_seq()

    for state in ("connected", "disconnected"):
        for ask in (
            lambda: store.add_connection(mine, sealed(mine.id), NOW),
            lambda: store.replace_credential(later.id, sealed(later.id, 2), "AA1", NOW),
            lambda: store.note_probe(later.id, facts("AA1"), NOW),
        ):
            with pytest.raises(RefusedError) as caught:
                ask()
            assert str(caught.value) == "This exchange account is linked in another Metrifly account.", state
        store.disconnect(first, NOW)

    assert store.change_seq() == before + 1
    assert [each.id for each in store.connections()] == [first, unknown, later.id]
    assert store.find_identity(hers.account, "kraken", "AA1").id == first


def test_two_customers_who_had_linked_the_same_before_that_was_refused_keep_theirs(store, connect):
    first, unknown = connect(1), connect(2, identity=None)
    hers = store.create_portfolio(another_account(store), "Hers", NOW)
    second = a_connection(hers, 3)
    store.add_connection(second, sealed(second.id), NOW)
    with store._writing() as db:
        db.execute(update(connections).where(connections.c.id == second.id).values(identity="AA1"))

    store.replace_credential(second.id, sealed(second.id, 2), "AA1", NOW)
    store.note_probe(second.id, facts("AA1"), NOW)

    assert store.connection(second.id).credential_version == 2
    assert store.find_identity(hers.account, "kraken", "AA1").id == second.id
    assert store.find_identity("default", "kraken", "AA1").id == first
    with pytest.raises(RefusedError, match=f"already, as {first}"):  # the control: a third is refused
        store.note_probe(unknown, facts("AA1"), NOW)


def test_exchange_accounts_without_an_identity_are_never_taken_for_the_same(store, connect):
    connect(1, identity=None)
    connect(2, identity=None)

    assert len(store.connections()) == 2


def test_a_key_whose_exchange_account_is_linked_elsewhere_is_refused(store, connect):
    first, second = connect(1), connect(2, identity=None)

    with pytest.raises(RefusedError, match=f"already, as {first}"):
        store.replace_credential(second, sealed(second, 2), "AA1", LATER)
    with pytest.raises(RefusedError, match=f"already, as {first}"):
        store.note_probe(second, facts("AA1"), LATER)
    assert store.sealed_credential(second).version == 1
