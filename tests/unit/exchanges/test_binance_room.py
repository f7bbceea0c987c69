"""Binance's room on payloads from its documentation: what each record comes to, digit by digit."""

import pytest

from tests.unit.exchanges.binance_payloads import CONVERT, DEPOSIT, DUST, FILL, OLD_DEPOSIT, PAYMENT, REWARD, WITHDRAWAL
from tests.unit.exchanges.room_sql import IGNORED, brief, extract, movements


def test_a_fill_keeps_every_digit():
    (trade,) = extract("binance", "trades", "fills", FILL, scope="BNBBTC", markets=[("BNBBTC", "BNB", "BTC")])

    assert trade == {
        "connection_id": "c",
        "seq": 0,
        "trade_key": "spot:BNBBTC:28457:buy",
        "native_id": "28457",
        "order_id": "100234",
        "market": "BNBBTC",
        "market_type": "spot",
        "base_code": "BNB",
        "quote_code": "BTC",
        "side": "buy",
        "price": "4.00000100",
        "amount": "12.00000000",
        "cost": "48.000012",
        "fee_amount": "10.10000000",
        "fee_code": "BNB",
        "executed_at": "1499865549590",
        "executed_at_unit": "ms",
    }


def test_both_sides_of_a_trade_with_oneself_are_trades():
    rows = extract("binance", "trades", "fills", FILL, FILL | {"isBuyer": False}, scope="BNBBTC")

    assert [row["trade_key"] for row in rows] == ["spot:BNBBTC:28457:buy", "spot:BNBBTC:28457:sell"]


def test_the_same_trade_id_on_two_symbols_is_two_trades():
    keys = {
        extract("binance", "trades", "fills", FILL | {"symbol": symbol}, scope=symbol)[0]["trade_key"]
        for symbol in ("BTCUSDT", "ETHUSDT")
    }

    assert keys == {"spot:BTCUSDT:28457:buy", "spot:ETHUSDT:28457:buy"}


def test_a_sale_with_a_rebate_keeps_the_sign_of_its_fee():
    (trade,) = extract("binance", "trades", "fills", FILL | {"isBuyer": False, "commission": "-0.00100000"})

    assert (trade["side"], trade["fee_amount"]) == ("sell", "-0.00100000")


def test_a_fill_on_a_symbol_that_was_never_listed_stays_under_its_symbol():
    (trade,) = extract("binance", "trades", "fills", FILL, scope="GONEBTC", markets=[("BNBBTC", "BNB", "BTC")])

    assert (trade["market"], trade["base_code"], trade["quote_code"]) == ("GONEBTC", None, None)


def test_a_deposit_comes_in():
    (row,) = movements("binance", "deposits", DEPOSIT)

    assert brief([row]) == [("deposit:769800519366885376", "deposit", "main", "BNB", "0.001", "in")]
    assert (row["occurred_at"], row["occurred_at_unit"], row["wallet"]) == ("1661493146000", "ms", "spot")
    assert row["txid"] == DEPOSIT["txId"]


def test_a_deposit_to_the_funding_wallet_stands_there():
    (row,) = movements("binance", "deposits", DEPOSIT | {"walletType": 1})

    assert row["wallet"] == "funding"


def test_a_deposit_from_before_there_were_ids_is_told_by_what_it_says():
    (row,) = movements("binance", "deposits", OLD_DEPOSIT)

    assert row["movement_key"] == "deposit:Internal transfer 51376627901:USDT:1618394381000:4500"


@pytest.mark.parametrize("status", [0, 2, 7, 8])
def test_a_deposit_that_has_not_arrived_is_ignored(status):
    assert brief(movements("binance", "deposits", DEPOSIT | {"status": status})) == [IGNORED]


def test_a_deposit_that_is_credited_but_locked_counts():
    assert brief(movements("binance", "deposits", DEPOSIT | {"status": 6}))[0][1] == "deposit"


@pytest.mark.parametrize(
    ("stream", "scope", "payload"),
    [
        ("deposits", "all", DEPOSIT | {"status": 99}),
        ("withdrawals", "all", WITHDRAWAL | {"status": 99}),
        ("converts", "all", CONVERT | {"orderStatus": "HALF"}),
        ("converts", "fiat_buy", PAYMENT | {"status": "Refund Failed"}),
        ("rewards", "all", REWARD | {"direction": 2}),
        ("dust", "all", DUST | {"userAssetDribbletDetails": []}),
        ("deposits", "all", {"surprise": True}),
    ],
)
def test_what_is_not_understood_gives_no_row_so_that_it_is_quarantined(stream, scope, payload):
    assert movements("binance", stream, payload, scope=scope) == []


def test_a_withdrawal_and_its_fee_are_two_rows():
    rows = movements("binance", "withdrawals", WITHDRAWAL)

    key = "withdrawal:69e53ad305124b96b43668ceab158a18"
    assert brief(rows) == [
        (key, "withdrawal", "main", "XRP", "28.75", "out"),
        (f"{key}:fee", "fee", "fee", "XRP", "0.25", "out"),
    ]
    assert {(row["occurred_at"], row["occurred_at_unit"], row["group_key"]) for row in rows} == {
        ("2021-04-15 12:09:16", "datetime", key)
    }


@pytest.mark.parametrize("fee", ["0", "0.00000000", None])
def test_a_withdrawal_without_a_fee_is_one_row(fee):
    assert len(movements("binance", "withdrawals", WITHDRAWAL | {"transactionFee": fee})) == 1


@pytest.mark.parametrize("status", range(6))
def test_a_withdrawal_that_has_not_left_is_ignored(status):
    assert brief(movements("binance", "withdrawals", WITHDRAWAL | {"status": status})) == [IGNORED]


def test_a_convert_disposes_of_one_asset_and_receives_another():
    rows = movements("binance", "converts", CONVERT)

    assert brief(rows) == [
        ("convert:940708407462087195:disposed", "convert", "disposed", "USDT", "20", "out"),
        ("convert:940708407462087195:received", "convert", "received", "BNB", "0.06154036", "in"),
    ]
    assert {row["group_key"] for row in rows} == {"convert:940708407462087195"}


@pytest.mark.parametrize("status", ["PROCESS", "ACCEPT_SUCCESS", "FAIL"])
def test_a_convert_that_has_not_happened_is_ignored(status):
    assert brief(movements("binance", "converts", CONVERT | {"orderStatus": status})) == [IGNORED]


def test_crypto_bought_from_the_balance_takes_the_money_from_there():
    rows = movements("binance", "converts", PAYMENT, scope="fiat_buy")

    key = "buy:353fca443f06466db0c4dc89f94f027a"
    assert brief(rows) == [
        (f"{key}:disposed", "convert", "disposed", "EUR", "20.0", "out"),
        (f"{key}:received", "convert", "received", "LUNA", "4.462", "in"),
    ]


def test_crypto_bought_by_card_brings_its_money_along():
    rows = movements("binance", "converts", PAYMENT | {"paymentMethod": "Credit Card"}, scope="fiat_buy")

    assert brief(rows)[1] == ("buy:353fca443f06466db0c4dc89f94f027a:paid", "deposit", "main", "EUR", "20.0", "in")
    assert [row["role"] for row in rows] == ["disposed", "main", "received"]


def test_crypto_sold_for_money_goes_out_and_the_money_comes_in():
    sold = PAYMENT | {"sourceAmount": "4.462", "obtainAmount": "19.6"}
    rows = movements("binance", "converts", {k: v for k, v in sold.items() if k != "paymentMethod"}, scope="fiat_sell")

    assert [row[3:] for row in brief(rows)] == [("LUNA", "4.462", "out"), ("EUR", "19.6", "in")]


@pytest.mark.parametrize("price", ["4.437472", "43743.5", "0.00012"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_of_a_sale_the_price_tells_which_amount_is_the_coins(price, is_turned):
    money = str(round(4.462 * float(price) * 0.99, 8))  # a fee of a percent
    given, got = (money, "4.462") if is_turned else ("4.462", money)
    sold = PAYMENT | {"sourceAmount": given, "obtainAmount": got, "price": price}

    rows = movements("binance", "converts", sold, scope="fiat_sell")

    assert [row[3:] for row in brief(rows)] == [("LUNA", "4.462", "out"), ("EUR", money, "in")]


def test_a_sale_whose_amounts_do_not_fit_its_price_gives_no_row_so_that_it_is_quarantined():
    sold = PAYMENT | {"sourceAmount": "4.462", "obtainAmount": "50", "price": "4.437472"}

    assert movements("binance", "converts", sold, scope="fiat_sell") == []
    assert movements("binance", "converts", sold | {"obtainAmount": "19.6"}, scope="fiat_sell") != []  # the control


@pytest.mark.parametrize("status", ["Processing", "Failed", "Refunding", "Refunded"])
def test_a_payment_that_did_not_go_through_is_ignored(status):
    assert brief(movements("binance", "converts", PAYMENT | {"status": status}, scope="fiat_buy")) == [IGNORED]


def test_each_asset_of_a_sweep_has_a_key_of_its_own():
    rows = movements("binance", "dust", DUST)

    assert brief(rows) == [
        ("dust:4359321:ETH:disposed", "convert", "disposed", "ETH", "0.0009", "out"),
        ("dust:4359321:ETH:received", "convert", "received", "BNB", "0.00088156", "in"),
        ("dust:4359321:USDT:disposed", "convert", "disposed", "USDT", "0.0009", "out"),
        ("dust:4359321:USDT:received", "convert", "received", "BNB", "0.000441", "in"),
    ]


def test_a_reward_comes_in_and_one_taken_back_goes_out():
    taken = REWARD | {"id": 2, "direction": -1}
    old = {name: value for name, value in REWARD.items() if name != "direction"} | {"id": 3}

    assert brief(movements("binance", "rewards", REWARD, taken, old)) == [
        ("reward:1637366104", "reward", "main", "BHFT", "10.00000000", "in"),
        ("reward:2", "reward", "main", "BHFT", "10.00000000", "out"),
        ("reward:3", "reward", "main", "BHFT", "10.00000000", "in"),
    ]


def test_balances_tell_what_is_free_and_what_is_locked():
    snapshot = [{"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000000"}]
    (row,) = extract("binance", "balances", "balances", snapshot, scope="spot")

    assert row["wallet"] == "spot"
    assert (row["asset_code"], row["total"], row["available"], row["locked"]) == (
        "BTC", None, "4723846.89208129", "0.00000000",
    )  # fmt: skip


def test_what_is_frozen_in_the_funding_wallet_still_counts():
    asset = {"asset": "USDT", "free": "1", "locked": "0", "freeze": "0.3", "withdrawing": "0.2", "btcValuation": "0.91"}
    calm = asset | {"asset": "BNB", "freeze": "0", "withdrawing": "0"}
    rows = extract("binance", "balances", "balances", [asset, calm], scope="funding")

    assert sorted((row["wallet"], row["asset_code"], row["available"], row["locked"]) for row in rows) == [
        ("funding", "BNB", "1", "0"),
        ("funding", "USDT", "1", "0"),
        ("funding frozen", "USDT", "0.3", "0.2"),
    ]
