"""Accounts and portfolios, on both databases."""

import pytest

from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW


def test_the_default_account_is_made_once_and_is_called_default(store):
    assert store.ensure_account("default", NOW) == "default"
    assert store.ensure_account("default", NOW) == "default"


def test_two_accounts_have_ids_of_their_own(store):
    assert len({store.ensure_account(name, NOW) for name in ("default", "ann", "bob", "ann")}) == 3


def test_a_portfolio_is_found_by_id_and_by_name_in_any_case(store, account):
    made = store.create_portfolio(account, "  Straße 9 ", NOW)

    assert made.name == "Straße 9"
    assert made.created_at == NOW
    for words in (made.id, "Straße 9", "STRASSE 9", " straße 9 "):
        assert store.find_portfolio(account, words) == made


def test_a_portfolio_name_is_unique_in_its_account_in_any_case(store, account, portfolio):
    with pytest.raises(RefusedError, match="'MAIN' already"):
        store.create_portfolio(account, "MAIN", NOW)

    other = store.ensure_account("ann", NOW)
    assert store.create_portfolio(other, "MAIN", NOW).id != portfolio.id


@pytest.mark.parametrize("name", ["", "   "])
def test_a_portfolio_needs_a_name(store, account, name):
    with pytest.raises(RefusedError, match="needs a name"):
        store.create_portfolio(account, name, NOW)


def test_a_portfolio_that_is_missing_is_told_with_those_that_exist(store, account, portfolio):
    store.create_portfolio(account, "Second", NOW)

    with pytest.raises(NotFoundError, match="'Third'; there are 'Main', 'Second'"):
        store.find_portfolio(account, "Third")


def test_another_accounts_portfolio_is_not_found(store, portfolio):
    other = store.ensure_account("ann", NOW)

    with pytest.raises(NotFoundError, match="metrifly portfolio create"):
        store.find_portfolio(other, portfolio.id)
    assert store.portfolios(other) == []
    assert store.portfolios() == [portfolio]
