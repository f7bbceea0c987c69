"""Leases and what they guard, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.trouble import LeaseLostError
from tests.contract.control.builders import NOW

MINUTE = timedelta(minutes=1)


def test_only_one_holder_has_an_unexpired_lease(store, connect, lease):
    connection = connect()
    first = lease(connection, holder="one")

    assert lease(connection, holder="two") is None
    assert store.held([first], NOW) == {connection}


def test_the_token_rises_with_every_lease_even_after_a_release(store, connect, lease):
    connection = connect()
    tokens = []
    for holder in ("one", "two", "two"):
        each = lease(connection, holder=holder)
        store.release_lease(each)
        tokens.append(each.token)

    assert tokens == [1, 2, 3]


def test_a_lease_that_ran_out_is_overtaken(store, connect, lease):
    connection = connect()
    first = lease(connection, holder="one")
    after = first.expires_at

    second = lease(connection, holder="two", now=after)

    assert second.token == first.token + 1
    assert store.held([first, second], after) == {connection}
    assert store.held([first], after) == set()
    with pytest.raises(LeaseLostError, match=connection):
        store.renew_lease(first, after, MINUTE)


def test_a_lease_is_held_until_the_moment_it_ends(store, connect, lease):
    mine = lease(connect())

    assert store.held([mine], mine.expires_at - timedelta(microseconds=1)) == {mine.connection}
    assert store.held([mine], mine.expires_at) == set()


def test_the_end_of_a_lease_is_told_also_after_it_ran_out_until_it_is_let_go(store, connect, lease):
    held, freed = lease(connect(1)), lease(connect(2))
    store.release_lease(freed)

    assert store.lease_ends() == {held.connection: held.expires_at}
    assert store.leased(held.expires_at) == set()
    assert store.lease_ends() == {held.connection: held.expires_at}


def test_renewing_keeps_the_token_and_moves_the_end(store, connect, lease):
    mine = lease(connect())

    renewed = store.renew_lease(mine, NOW + MINUTE, 2 * MINUTE)

    assert (renewed.token, renewed.expires_at) == (mine.token, NOW + 3 * MINUTE)
    assert store.held([mine], NOW + 2.5 * MINUTE) == {mine.connection}


def test_a_lease_that_ran_out_but_was_not_overtaken_can_be_renewed(store, connect, lease):
    mine = lease(connect())
    late = mine.expires_at + MINUTE

    store.renew_lease(mine, late, MINUTE)

    assert store.held([mine], late) == {mine.connection}


def test_a_released_lease_is_not_renewed_and_is_free_for_others(store, connect, lease):
    mine = lease(connect())
    store.release_lease(mine)

    assert store.held([mine], NOW) == set()
    with pytest.raises(LeaseLostError):
        store.renew_lease(mine, NOW, MINUTE)
    assert lease(mine.connection, holder="two") is not None


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(store, connect, lease):
    first = lease(connect(), holder="one")
    second = lease(first.connection, holder="two", now=first.expires_at)

    store.release_lease(first)

    assert store.held([second], first.expires_at) == {first.connection}


def test_a_holder_may_overtake_itself(store, connect, lease):
    first = lease(connect())
    second = lease(first.connection)

    assert second.token == first.token + 1
    assert store.held([first], NOW) == set()


def test_leases_of_several_connections_are_told_apart(store, connect, lease):
    mine = [lease(connect(number)) for number in (1, 2, 3)]
    store.release_lease(mine[1])

    assert store.held(mine, NOW) == {mine[0].connection, mine[2].connection}
    assert store.held([], NOW) == set()


def test_connections_that_somebody_works_on_are_told(store, connect, lease):
    held, released, _free = lease(connect(1)), lease(connect(2)), connect(3)
    store.release_lease(released)

    assert store.leased(NOW) == {held.connection}
    assert store.leased(held.expires_at) == set()
