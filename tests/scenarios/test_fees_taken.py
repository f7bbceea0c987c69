"""Kraken states every fee in the quote; what was taken, and in what, is what its ledger says."""

from datetime import timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW


@pytest.fixture
def account():
    """Three buys of the same kind: the fee of one was taken in the quote, of one in the base, of one in fee credits."""
    made = AccountBuilder("kraken", first_at=NOW - timedelta(days=5)).with_movement(asset="USD", amount="200000")
    made.with_movement(asset="KFEE", amount="5000")
    for fee in (("USD", "13"), ("BTC", "0.0004"), ("KFEE", "1300")):
        made.with_fill(market="BTC/USD", amount="0.25", price="20000", fee=fee)
    return made


def shown(home):
    return home.read("SELECT fee_asset, fee_amount FROM trades ORDER BY executed_at")[1]


def test_a_fee_is_shown_and_booked_in_the_asset_that_it_was_taken_in(home, account):
    home.start(account)

    connection = home.imported(account)

    home.publish()
    assert shown(home) == [("USD", Decimal(13)), ("BTC", Decimal("0.0004")), ("KFEE", Decimal(1300))]
    assert_exact(home, connection)
    assert home.differences() == {}
    assert home.value("SELECT amount FROM positions WHERE asset = 'BTC'") == Decimal("0.75") - Decimal("0.0004")


def test_without_the_ledger_fees_stand_as_stated_in_the_quote(home, account):
    """The control: the fills alone say nothing else."""
    home.start(account.with_key(without="read_ledger"))

    home.imported(account)

    home.publish()
    stated = shown(home)
    assert [(asset, round(amount, 4)) for asset, amount in stated] == [("USD", 13), ("USD", 8), ("USD", 13)]
    assert stated[0][1] != 13  # fills state a decimal more than the ledger books


def test_a_ledger_that_may_be_read_later_sets_the_fees_right(home, account):
    home.start(account)
    home.change_key(account, permissions=account.key.permissions - {"read_ledger"})
    connection = home.imported(account)
    home.publish()
    assert shown(home)[1] == ("USD", Decimal(8))
    assert home.differences() != {}

    home.change_key(account, permissions=account.key.permissions | {"read_ledger"})
    home.time.turn(days=1)
    home.sync(connection)
    home.publish()

    assert_exact(home, connection)
    assert home.differences() == {}
    assert "amended_records" not in home.standing(connection)


def test_a_rebuild_shows_the_same_fees(home, account):
    home.start(account)
    connection = home.imported(account)
    home.publish()
    before = shown(home)

    home.product.syncing.normalize_only([connection], rebuild=True)
    home.publish()

    assert shown(home) == before


def test_what_the_ledger_rounded_is_what_was_paid(home):
    account = AccountBuilder("kraken", first_at=NOW - timedelta(days=5)).with_movement(asset="USD", amount="1000")
    account.with_fill(market="ETH/USD", side="buy", price="171.06731", amount="0.4", fee=("USD", "0.1642"))
    home.start(account)

    home.imported(account)

    home.publish()
    ((cost,),) = home.read("SELECT cost FROM trades")[1]
    assert cost == Decimal("68.42692")  # as the fill states it
    assert home.value("SELECT amount FROM legs WHERE role = 'quote'") == Decimal("-68.4269")
    assert home.value("SELECT amount FROM positions WHERE asset = 'USD'") == 1000 - Decimal("68.4269") - Decimal(
        "0.1642"
    )
    assert home.differences() == {}
