"""A plan's limit on linked exchanges, on both databases, also with many who connect at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.trouble import RefusedError
from tests.contract.control.builders import NOW, a_connection, another_account, sealed

AT_ONCE = 20


@pytest.fixture
def portfolio(store):
    """A portfolio of a customer on Starter."""
    return store.create_portfolio(another_account(store, plan=Plan.STARTER), "Main", NOW)


def linked(store, portfolio):
    return store.account(portfolio.account).linked


def test_one_more_than_the_plan_allows_is_refused_with_plan_limit_and_both_ways_out(store, portfolio, connect):
    for number in range(3):
        connect(number)
    before = store.change_seq()

    with pytest.raises(RefusedError) as caught:
        connect(4)

    text = str(caught.value)
    assert "The plan Starter allows 3 linked exchanges, and 3 are linked." in text
    assert "`metrifly disconnect CONNECTION`" in text
    assert "`metrifly account plan ann standard`" in text
    assert linked(store, portfolio) == 3
    assert store.change_seq() == before
    assert len(store.requests(waiting=True)) == 3


def test_a_disconnected_connection_makes_room_and_is_counted_again_when_it_comes_back(store, portfolio, connect):
    first, second, third = (connect(number) for number in range(3))
    store.disconnect(first, NOW)
    fourth = connect(4)

    with pytest.raises(RefusedError, match="allows 3 linked exchanges, and 3 are linked"):
        store.replace_credential(first, sealed(first, 2), "AA0", NOW)

    assert store.sealed_credential(first) is None
    store.replace_credential(second, sealed(second, 2), "AA1", NOW)  # the control: one that is connected counts already
    store.disconnect(third, NOW)
    store.replace_credential(first, sealed(first, 2), "AA0", NOW)
    live = {each.id for each in store.connections() if each.disconnected_at is None}
    assert live == {first, second, fourth}


def test_a_larger_plan_makes_room_and_a_smaller_one_takes_nothing_away(store, portfolio, connect):
    for number in range(3):
        connect(number)
    store.set_plan(portfolio.account, Plan.STANDARD)
    for number in range(3, 10):
        connect(number)
    with pytest.raises(RefusedError, match=r"Standard allows 10 linked exchanges, and 10 are linked.*plan ann pro"):
        connect(11)

    store.set_plan(portfolio.account, Plan.STARTER)

    assert linked(store, portfolio) == 10
    assert len(store.requests(waiting=True)) == 10
    with pytest.raises(RefusedError, match=r"Starter allows 3 linked exchanges, and 10 are linked.*plan ann pro"):
        connect(11)
    store.set_plan(portfolio.account, Plan.PRO)
    connect(11)
    assert linked(store, portfolio) == 11


def test_another_customers_connections_do_not_count(store, portfolio, connect):
    for number in range(3):
        connect(number)
    hers = store.create_portfolio(another_account(store, "bea", Plan.STARTER), "Hers", NOW)
    for number in range(4, 7):
        mine = a_connection(hers, number)
        store.add_connection(mine, sealed(mine.id), NOW)

    assert [each.linked for each in store.accounts()] == [3, 3]


@pytest.fixture
def at_once(open_another):
    """Let twenty, each with a store of its own, do the same at the same moment; give the refusals."""
    stores = [open_another() for _ in range(AT_ONCE)]
    for each in stores:
        each.accounts()  # connected before the barrier, so that they meet in the transaction

    def run(work):
        barrier = threading.Barrier(AT_ONCE)

        def one(number):
            barrier.wait()
            try:
                work(stores[number], number)
            except RefusedError as refused:
                return str(refused)
            return None

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [refused for refused in pool.map(one, range(AT_ONCE)) if refused]

    return run


@pytest.mark.parametrize("plan", [Plan.STARTER, Plan.STANDARD])
def test_twenty_that_connect_at_once_never_exceed_the_plan(store, portfolio, at_once, plan):
    store.set_plan(portfolio.account, plan)

    def link(store, number):
        mine = a_connection(portfolio, number)
        store.add_connection(mine, sealed(mine.id), NOW)

    refused = at_once(link)

    assert linked(store, portfolio) == plan.limit
    assert len(refused) == AT_ONCE - plan.limit
    assert all(f"and {plan.limit} are linked" in each for each in refused)


def test_twenty_that_reconnect_and_connect_at_once_never_exceed_the_plan(store, portfolio, connect, at_once):
    gone = []
    for number in range(AT_ONCE // 2):
        gone.append(connect(number))
        store.disconnect(gone[-1], NOW)

    def back(store, number):
        if number < len(gone):
            store.replace_credential(gone[number], sealed(gone[number], 2), None, NOW)
        else:
            mine = a_connection(portfolio, number)
            store.add_connection(mine, sealed(mine.id), NOW)

    refused = at_once(back)

    assert linked(store, portfolio) == Plan.STARTER.limit
    assert len(refused) == AT_ONCE - Plan.STARTER.limit


def test_twenty_customers_that_link_one_exchange_account_at_once_get_it_once(store, at_once):
    theirs = [store.create_portfolio(another_account(store, f"c{n}"), "Main", NOW) for n in range(AT_ONCE)]

    def link(store, number):
        mine = a_connection(theirs[number], number, identity="the same")
        store.add_connection(mine, sealed(mine.id), NOW)

    refused = at_once(link)

    assert len(store.connections()) == 1
    assert refused == ["This exchange account is linked in another Metrifly account."] * (AT_ONCE - 1)
