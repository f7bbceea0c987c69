"""Exchange accounts that tell no identity are recognised by their records: who is refused, who is welcome, whose key is taken."""

from dataclasses import replace
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.services.connecting import KeyRefusedError
from tests.scenarios.homes import NOW, SEED

SILENT = {"kraken": "", "okx": "", "binance": "0"}
"""What an exchange account that tells no identity answers in its place."""


def traded(exchange, seed=1):
    """An account with a few records that tells no identity; made ids count from one, so another seed trades at another time."""
    made = AccountBuilder(exchange, seed=seed, first_at=NOW - timedelta(days=20 + seed))
    made.with_movement(amount="5000").with_fill().with_fill().with_fill()
    return silent(made)


def silent(made):
    made.account.uid = SILENT[made.account.exchange]
    return made


def unasked(question):
    raise AssertionError(question)


def refusal(home, account, **given):
    """Why this account can't be connected once more; nothing may be stored."""
    home.new_key(account)
    before = home.control_rows()
    with pytest.raises(RefusedError) as caught:
        home.connect(account, **given)
    after = home.control_rows()
    assert {name: rows for name, rows in after.items() if rows != before[name]}.keys() <= {"budgets"}
    return str(caught.value)


def test_an_account_linked_already_is_refused_naming_the_own_connection_and_another_account_is_welcome(home, exchange):
    account, stranger = traded(exchange), traded(exchange, seed=2)
    home.start(account, stranger)
    first = home.imported(account)

    assert f"linked already, as {first}. To use another key for it, run `metrifly replace-key {first}`" in refusal(
        home, account
    )
    home.product.connecting.disconnect(first)
    assert f"as {first}, which is disconnected. To go on with it, run `metrifly reconnect {first}`" in refusal(
        home, account
    )

    assert home.imported(stranger) != first


def test_what_another_customer_has_linked_is_refused_without_naming_it(home, exchange):
    account = traded(exchange)
    home.start(account)
    first = home.imported(account)
    ann = home.customer("ann", Plan.PRO)

    for _state in ("connected", "disconnected"):
        assert refusal(home, account, customer=ann) == "This exchange account is linked in another Metrifly account."
        home.product.connecting.disconnect(first)


@pytest.mark.parametrize("silent_at", ["first", "second"])
def test_an_identity_that_is_told_only_once_leaves_it_to_the_records(home, silent_at):
    account = traded("kraken")
    told = AccountBuilder("kraken").account.uid
    account.account.uid = "" if silent_at == "first" else told
    home.start(account)
    first = home.imported(account)
    account.account.uid = told if silent_at == "first" else ""

    assert f"as {first}" in refusal(home, account)


def test_an_account_without_records_can_not_be_told_and_is_connected(home, exchange):
    account = silent(AccountBuilder(exchange))
    home.start(account)
    first = home.imported(account)
    home.new_key(account)

    assert home.connect(account).id != first


def test_where_an_identity_is_told_no_record_is_asked_for(home):
    account, stranger = AccountBuilder("kraken").with_fill(), AccountBuilder("kraken", seed=2).with_fill()
    home.start(account, stranger)
    home.imported(account)
    home.asked()

    home.connect(stranger)

    assert set(home.asked()) == {"POST /0/private/GetApiKeyInfo"}


def test_the_other_side_of_a_trade_is_not_taken_for_the_same_account(home):
    at = NOW - timedelta(days=3)
    buyer, seller = (
        silent(AccountBuilder("binance", seed=seed).with_movement(amount="9000")).with_fill(
            market="BTC/USDT", at=at, id=77
        )
        for seed in (1, 2)
    )
    seller.trades[:] = [replace(trade, order_number=trade.order_number + 5) for trade in seller.trades]
    home.start(buyer, seller)
    first = home.imported(buyer)

    second = home.imported(seller)

    assert second != first
    assert f"as {second}" in refusal(home, seller)  # the control: whose orders they are is told all the same


def test_an_account_is_recognised_while_its_first_import_is_still_under_way(home):
    account = generate("kraken", SEED, trades=2_000, now_us=home.time.now_us)
    account.uid = SILENT["kraken"]
    home.start(account, scale=1.0)
    first = home.connect(account).id
    (batch,) = home.product.requesting.batches()
    (report,) = home.product.syncing.sync(batch.connections, batch.kind)
    assert report.run.outcome is Outcome.CONTINUES

    assert f"as {first}" in refusal(home, account)


def test_a_new_key_is_verified_by_the_oldest_record_and_nobody_is_asked(home, exchange):
    account, stranger, empty = traded(exchange), traded(exchange, seed=2), silent(AccountBuilder(exchange, seed=3))
    home.start(account, stranger, empty)
    connection = home.imported(account)
    before = home.control_rows()["credentials"]

    for other in (stranger, empty):
        with pytest.raises(KeyRefusedError) as caught:
            home.product.connecting.replace_key(connection, home.credential(other.key), unasked)
        assert caught.value.reason is Reason.DIFFERENT_ACCOUNT
        assert home.control_rows()["credentials"] == before

    home.product.connecting.replace_key(connection, home.credential(home.new_key(account)), unasked)

    assert home.control_rows()["credentials"] != before
