"""The page's "Connection limits apply": Starter up to 3 linked exchanges, Standard up to 10, Pro unlimited."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.plans import Account, Plan, no_room, standing
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.live import append_trade
from tests.scenarios.homes import NOW
from tests.scenarios.test_cli_named_commands import UNDERSTOOD, in_backticks, status


def traders(number, exchange="kraken"):
    """Accounts at one exchange, each with one deposit and one trade."""
    first_at = NOW - timedelta(days=2)
    return [
        AccountBuilder(exchange, seed=100 + place, first_at=first_at).with_movement(amount="100000").with_fill()
        for place in range(number)
    ]


def an_account(plan, linked, name="ann"):
    return Account(id="ac-00000000", name=name, plan=plan, created_at=NOW, linked=linked, portfolios=1)


@pytest.mark.parametrize(("plan", "limit"), [(Plan.STARTER, 3), (Plan.STANDARD, 10), (Plan.PRO, None)])
def test_each_plan_has_the_limit_that_the_page_names(plan, limit):
    assert plan.limit == limit
    assert plan.holds(limit or 10_000)
    assert limit is None or not plan.holds(limit + 1)


@pytest.mark.parametrize(
    ("plan", "linked", "larger"),
    [(Plan.STARTER, 3, "standard"), (Plan.STARTER, 10, "pro"), (Plan.STANDARD, 10, "pro"), (Plan.STANDARD, 25, "pro")],
)
def test_a_refusal_names_plan_limit_and_commands_that_are_understood(plan, linked, larger):
    refusal = no_room(an_account(plan, linked, name="Ann & Bob"))

    assert f"The plan {plan.shown} allows {plan.limit} linked exchanges, and {linked} are linked" in refusal
    commands = in_backticks(refusal)
    assert commands == ["metrifly disconnect CONNECTION", f"metrifly account plan 'Ann & Bob' {larger}"]
    assert [status(command) for command in commands] == [UNDERSTOOD, UNDERSTOOD]
    assert no_room(an_account(plan, plan.limit - 1)) == ""


def test_a_plan_below_what_is_linked_says_how_many_have_to_go():
    assert standing(an_account(Plan.STARTER, 5)).endswith(
        "no other can be connected before 3 of them are disconnected."
    )
    assert "disconnected" not in standing(an_account(Plan.STARTER, 3))
    assert standing(an_account(Plan.PRO, 12)) == "Pro: any number of linked exchanges; 12 are linked."


def test_the_fourth_exchange_on_starter_is_refused_until_one_is_disconnected_or_the_plan_is_larger(home):
    accounts = traders(5)
    home.start(*accounts)
    ann = home.customer("ann", Plan.STARTER)
    linked = [home.connect(each, customer=ann).id for each in accounts[:3]]
    before = home.control_rows()

    with pytest.raises(RefusedError, match="The plan Starter allows 3 linked exchanges"):
        home.connect(accounts[3], customer=ann)

    after = home.control_rows()
    assert {name: rows for name, rows in after.items() if name != "budgets"} == {
        name: rows for name, rows in before.items() if name != "budgets"
    }
    home.product.connecting.disconnect(linked[0])
    assert home.connect(accounts[3], customer=ann).id
    home.product.accounting.change_plan("ann", Plan.STANDARD)
    assert home.connect(accounts[4], customer=ann).id


def test_a_smaller_plan_keeps_what_is_linked_in_sync_and_refuses_only_new_ones(home):
    accounts = traders(5)
    home.start(*accounts)
    ann = home.customer("ann", Plan.STANDARD)
    linked = [home.connect(each, customer=ann).id for each in accounts[:4]]
    home.work()

    changed = home.product.accounting.change_plan("ann", Plan.STARTER)

    assert (changed.linked, changed.plan.limit) == (4, 3)
    append_trade(accounts[0].account, now_us=home.time.now_us)
    home.time.turn(days=1)
    outcomes = {report.connection: report.run.outcome for report in home.daily()}
    assert outcomes == {linked[0]: Outcome.ADDED} | dict.fromkeys(linked[1:], Outcome.NOTHING_NEW)
    with pytest.raises(RefusedError, match="allows 3 linked exchanges, and 4 are linked"):
        home.connect(accounts[4], customer=ann)
    for each in linked[:2]:
        home.product.connecting.disconnect(each)
    assert home.connect(accounts[4], customer=ann).id
    with pytest.raises(RefusedError, match="allows 3 linked exchanges, and 3 are linked"):
        home.product.connecting.reconnect(linked[0], home.credential(accounts[0].key))


def test_twenty_keys_given_at_once_link_as_many_exchanges_as_the_plan_allows(home):
    accounts = traders(20)
    home.start(*accounts)
    ann = home.customer("ann", Plan.STANDARD)
    barrier = threading.Barrier(len(accounts))

    def link(account):
        barrier.wait()
        try:
            return home.connect(account, customer=ann).id
        except RefusedError as refused:
            return str(refused)

    with ThreadPoolExecutor(len(accounts)) as pool:
        told = list(pool.map(link, accounts))

    made = {each.id for each in home.live()}
    assert len(made) == 10
    assert made <= set(told)
    assert sum("The plan Standard allows 10 linked exchanges, and 10 are linked" in each for each in told) == 10
    assert {row[0] for row in home.control_rows()["credentials"]} == made
    assert len(home.work()) == 10


def test_a_plan_counts_one_customers_connections_only(home):
    accounts = traders(4)
    home.start(*accounts)
    ann, bea = home.customer("ann", Plan.STARTER), home.customer("bea", Plan.STARTER)
    for each in accounts[:3]:
        home.connect(each, customer=ann)

    assert home.connect(accounts[3], customer=bea).account == bea
    assert [view.connection.account for view in home.product.listing.views(bea, counts={})] == [bea]
    assert len(home.product.listing.views(ann, counts={})) == 3
