"""Moving a connection to another portfolio, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW, another_account

LATER = NOW + timedelta(hours=1)


def test_moving_changes_the_portfolio_and_numbers_a_change_of_both(store, portfolio, connect):
    connection, other = connect(1), connect(2)
    second = store.create_portfolio(portfolio.account, "Second", NOW)
    third = store.create_portfolio(portfolio.account, "Third", NOW)
    before = store.change_seq()

    store.move(connection, second.id, LATER)

    assert [store.connection(each).portfolio for each in (connection, other)] == [second.id, portfolio.id]
    numbers = {each.name: each.change_seq for each in store.portfolios()}
    assert numbers == {"Main": before + 1, "Second": before + 1, "Third": third.change_seq}
    assert store.change_seq() == before + 1
    assert store.publish_due(LATER + timedelta(seconds=10)) == (before + 1, 0)


def test_moving_disturbs_neither_a_sync_that_runs_nor_what_waits(store, portfolio, connect, lease):
    connection = connect()
    held = lease(connection)
    second = store.create_portfolio(portfolio.account, "Second", NOW)
    waiting = store.requests(waiting=True)

    store.move(connection, second.id, NOW)

    assert store.held([held], NOW) == {connection}
    assert store.requests(waiting=True) == waiting


def test_moving_nowhere_or_to_another_customer_is_refused_and_numbers_nothing(store, portfolio, connect):
    connection = connect()
    hers = store.create_portfolio(another_account(store), "Hers", NOW)
    before = store.change_seq()

    with pytest.raises(RefusedError, match="already; nothing was changed"):
        store.move(connection, portfolio.id, NOW)
    with pytest.raises(NotFoundError, match="no portfolio"):
        store.move(connection, hers.id, NOW)
    with pytest.raises(NotFoundError, match="no portfolio"):
        store.move(connection, "pf-00000000", NOW)

    assert store.connection(connection).portfolio == portfolio.id
    assert store.change_seq() == before
