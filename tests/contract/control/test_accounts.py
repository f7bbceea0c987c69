"""Accounts and portfolios, on both databases."""

import pytest

from metrifly_pipeline.domain.plans import Account, Plan
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW, another_account


def test_the_default_account_is_made_once_and_is_called_default(store):
    assert store.ensure_account("default", NOW) == "default"
    assert store.ensure_account("default", NOW) == "default"


def test_the_default_account_has_no_limit(store, account):
    assert store.account(account).plan is Plan.PRO
    assert store.account(account).plan.limit is None


def test_an_account_that_was_not_created_is_told_how_to_make_it(store):
    for name, command in (("ann", "create ann"), ("Ann & Bob", "create 'Ann & Bob'")):
        with pytest.raises(NotFoundError, match=f"`metrifly account {command}` makes it"):
            store.ensure_account(name, NOW)
    assert store.accounts() == []


def test_a_created_account_has_an_id_of_its_own_and_is_found_in_any_case_of_letters(store, account):
    made = store.create_account(" Straße ", Plan.STANDARD, NOW)

    assert made == Account(id=made.id, name="Straße", plan=Plan.STANDARD, created_at=NOW, linked=0, portfolios=0)
    assert made.id != another_account(store) != account
    for name in ("Straße", "STRASSE", " straße"):
        assert store.ensure_account(name, NOW) == made.id
    assert store.ensure_account("DEFAULT", NOW) == account


def test_an_accounts_name_is_unique_in_any_case_and_not_empty(store, account):
    another_account(store, "Ann")

    for name in ("ann", " ANN ", "Default"):
        with pytest.raises(RefusedError, match=f"{name.strip()!r} already"):
            store.create_account(name, Plan.PRO, NOW)
    with pytest.raises(RefusedError, match="needs a name"):
        store.create_account("  ", Plan.PRO, NOW)
    assert {each.name for each in store.accounts()} == {"default", "Ann"}


def test_the_default_account_can_be_created_with_a_plan_before_its_first_use(store):
    assert store.create_account("default", Plan.STARTER, NOW).id == "default"
    assert store.account(store.ensure_account("default", NOW)).plan is Plan.STARTER


def test_accounts_are_counted_with_what_is_linked_and_their_portfolios(store, account, portfolio, connect):
    ann = another_account(store)
    first, _second = connect(1), connect(2)
    store.disconnect(first, NOW)

    counted = {each.id: (each.linked, each.portfolios) for each in store.accounts()}

    assert counted == {account: (1, 1), ann: (0, 0)}
    assert store.account(account).linked == 1


def test_a_plan_is_changed_for_its_account_only(store, account):
    ann = another_account(store)

    assert store.set_plan(ann, Plan.STARTER).plan is Plan.STARTER

    assert {each.id: each.plan for each in store.accounts()} == {account: Plan.PRO, ann: Plan.STARTER}
    for ask in (lambda: store.set_plan("ac-00000000", Plan.PRO), lambda: store.account("ac-00000000")):
        with pytest.raises(NotFoundError, match="metrifly account list"):
            ask()


def test_a_portfolio_is_found_by_id_and_by_name_in_any_case(store, account):
    made = store.create_portfolio(account, "  Straße 9 ", NOW)

    assert made.name == "Straße 9"
    assert made.created_at == NOW
    for words in (made.id, "Straße 9", "STRASSE 9", " straße 9 "):
        assert store.find_portfolio(account, words) == made


def test_a_portfolio_name_is_unique_in_its_account_in_any_case(store, account, portfolio):
    with pytest.raises(RefusedError, match="'MAIN' already"):
        store.create_portfolio(account, "MAIN", NOW)

    other = another_account(store)
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
    other = another_account(store)

    with pytest.raises(NotFoundError, match="metrifly portfolio create"):
        store.find_portfolio(other, portfolio.id)
    assert store.portfolios(other) == []
    assert store.portfolios() == [portfolio]
