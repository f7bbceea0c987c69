"""Binance's room on payloads from its documentation: what each record comes to, digit by digit."""

import pytest

from metrifly_pipeline.domain.attention import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.binance.probe import check, error_of, markets, probe, server_time
from metrifly_pipeline.exchanges.binance.spec import SPEC
from tests.unit.exchanges.room_sql import IGNORED, brief, extract, movements

FILL = {
    "symbol": "BNBBTC",
    "id": 28457,
    "orderId": 100234,
    "orderListId": -1,
    "price": "4.00000100",
    "qty": "12.00000000",
    "quoteQty": "48.000012",
    "commission": "10.10000000",
    "commissionAsset": "BNB",
    "time": 1499865549590,
    "isBuyer": True,
    "isMaker": False,
    "isBestMatch": True,
}
DEPOSIT = {
    "id": "769800519366885376",
    "amount": "0.001",
    "coin": "BNB",
    "network": "BNB",
    "status": 1,
    "address": "bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23",
    "addressTag": "101764890",
    "txId": "98A3EA560C6B3336D348B6C83F0F95ECE4F1F5919E94BD006E5BF3BF264FACFC",
    "insertTime": 1661493146000,
    "completeTime": 1661493146000,
    "transferType": 0,
    "confirmTimes": "1/1",
    "unlockConfirm": 0,
    "walletType": 0,
}
OLD_DEPOSIT = {
    "amount": "4500",
    "coin": "USDT",
    "network": "BSC",
    "status": 1,
    "address": "0xc9c923c87347ca0f3451d6d308ce84f691b9f501",
    "addressTag": "",
    "txId": "Internal transfer 51376627901",
    "insertTime": 1618394381000,
    "transferType": 1,
    "confirmTimes": "1/15",
}
WITHDRAWAL = {
    "id": "69e53ad305124b96b43668ceab158a18",
    "amount": "28.75",
    "transactionFee": "0.25",
    "coin": "XRP",
    "status": 6,
    "address": "r3T75fuLjX51mmfb5Sk1kMNuhBgBPJsjza",
    "addressTag": "101286922",
    "txId": "19A5B24ED0B697E4F0E9CD09FCB007170A605BC93C9280B9E6379C5E6EF0F65A",
    "applyTime": "2021-04-15 12:09:16",
    "network": "XRP",
    "transferType": 0,
}
CONVERT = {
    "quoteId": "f3b91c525b2644c7bc1e1cd31b6e1aa6",
    "orderId": 940708407462087195,
    "orderStatus": "SUCCESS",
    "fromAsset": "USDT",
    "fromAmount": "20",
    "toAsset": "BNB",
    "toAmount": "0.06154036",
    "ratio": "0.00307702",
    "inverseRatio": "324.99",
    "createTime": 1624248872184,
}
PAYMENT = {
    "orderNo": "353fca443f06466db0c4dc89f94f027a",
    "sourceAmount": "20.0",
    "fiatCurrency": "EUR",
    "obtainAmount": "4.462",
    "cryptoCurrency": "LUNA",
    "totalFee": "0.2",
    "price": "4.437472",
    "status": "Completed",
    "paymentMethod": "Cash Balance",
    "createTime": 1624529919000,
    "updateTime": 1624529919000,
}
DUST = {
    "operateTime": 1615985535000,
    "totalTransferedAmount": "0.00132256",
    "totalServiceChargeAmount": "0.00002699",
    "transId": 45178372831,
    "userAssetDribbletDetails": [
        {
            "transId": 4359321,
            "serviceChargeAmount": "0.000009",
            "amount": "0.0009",
            "operateTime": 1615985535000,
            "transferedAmount": "0.000441",
            "fromAsset": "USDT",
        },
        {
            "transId": 4359321,
            "serviceChargeAmount": "0.00001799",
            "amount": "0.0009",
            "operateTime": 1615985535000,
            "transferedAmount": "0.00088156",
            "fromAsset": "ETH",
        },
    ],
}
REWARD = {
    "id": 1637366104,
    "amount": "10.00000000",
    "asset": "BHFT",
    "divTime": 1563189166000,
    "enInfo": "BHFT distribution",
    "tranId": 2968885920,
    "direction": 1,
}


def test_a_fill_keeps_every_digit():
    (trade,) = extract("binance", "trades", "fills", FILL, scope="BNBBTC", markets=[("BNBBTC", "BNB", "BTC")])

    assert trade == {
        "connection_id": "c",
        "seq": 0,
        "trade_key": "spot:BNBBTC:28457",
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


def test_the_same_trade_id_on_two_symbols_is_two_trades():
    keys = {
        extract("binance", "trades", "fills", FILL | {"symbol": symbol}, scope=symbol)[0]["trade_key"]
        for symbol in ("BTCUSDT", "ETHUSDT")
    }

    assert keys == {"spot:BTCUSDT:28457", "spot:ETHUSDT:28457"}


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


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (
            401,
            {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
            Reason.KEY_OR_IP_OR_PERMISSION,
        ),
        (401, {"code": -2014, "msg": "API-key format invalid."}, Reason.KEY_INVALID),
        (400, {"code": -1022, "msg": "Signature for this request is not valid."}, Reason.SECRET_WRONG),
        (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, Reason.CLOCK_SKEW),
        (429, {"code": -1003, "msg": "Too much request weight used"}, Reason.RATE_LIMITED),
        (
            418,
            {"code": -1003, "msg": "Way too much request weight used; IP banned until 1659146400000."},
            Reason.RATE_LIMITED,
        ),
        (451, {"code": 0, "msg": "Service unavailable from a restricted location"}, Reason.ACCOUNT_RESTRICTED),
        (400, {"code": 0, "msg": "Service unavailable from a restricted location"}, None),
        (503, {"code": -1008, "msg": "Server is currently overloaded with other requests."}, Reason.EXCHANGE_DOWN),
        (
            200,
            {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
            Reason.KEY_OR_IP_OR_PERMISSION,
        ),
        (200, {"success": False, "msg": "System is under maintenance"}, Reason.MAINTENANCE),
    ],
)
def test_each_refusal_has_its_reason(status, body, reason):
    code, message = error_of(status, body)
    known = errors.of_rules(SPEC.errors, code, message)

    assert (known and known[0]) is (reason or Reason.ACCOUNT_RESTRICTED)


@pytest.mark.parametrize(
    "body",
    [[], [FILL], {"rows": [], "total": 0}, {"code": "000000", "message": "success", "data": [], "success": True}],
)
def test_a_good_answer_is_no_error(body):
    assert error_of(200, body) is None


def test_an_answer_of_another_shape_is_noticed():
    assert check({"balances": []}, "privateGetAccount")
    assert not check({"assets": []}, "privateGetAccount")
    assert not check([], "sapiGetAccountApiRestrictions")
    assert check([], "sapiPostAssetGetFundingAsset")
    assert not check({"status": "fine"}, "sapiPostAssetGetFundingAsset")
    assert check({"list": [], "moreData": False}, "sapiGetConvertTradeFlow")
    assert not check([], "sapiGetConvertTradeFlow")


SWITCHES = {
    "ipRestrict": False,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False,
    "enablePortfolioMarginTrading": False,
}


class Asked:
    """Answers what a test gives it, by method; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers

    def __call__(self, method, params=None):
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(account=None, **switches):
    return Asked(
        sapiGetAccountApiRestrictions=SWITCHES | switches,
        privateGetAccount=account or {"uid": 354937868, "balances": []},
    )


def test_a_reading_key_may_only_read():
    facts = probe(asked())

    assert facts.identity == "354937868"
    assert (facts.can_trade, facts.can_withdraw, facts.can_transfer) == (False, False, False)
    assert facts.can_read_trades is None  # one switch for all reading: trades are tried besides
    assert facts.can_read_balances
    assert facts.ip_allowlist == ()


@pytest.mark.parametrize(
    ("switch", "power"),
    [
        ("enableSpotAndMarginTrading", "can_trade"),
        ("enableFutures", "can_trade"),
        ("enableMargin", "can_trade"),
        ("enableVanillaOptions", "can_trade"),
        ("enablePortfolioMarginTrading", "can_trade"),
        ("enableFixApiTrade", "can_trade"),
        ("enableWithdrawals", "can_withdraw"),
        ("enableInternalTransfer", "can_transfer"),
        ("permitsUniversalTransfer", "can_transfer"),
    ],
)
def test_every_switch_beyond_reading_is_a_power(switch, power):
    assert getattr(probe(asked(**{switch: True})), power) is True


def test_a_key_that_may_not_read_is_known_without_the_account():
    facts = probe(Asked(sapiGetAccountApiRestrictions=SWITCHES | {"enableReading": False}))

    assert (facts.can_read_trades, facts.can_read_balances, facts.identity) == (False, False, None)


def test_a_restricted_key_does_not_tell_its_addresses():
    assert probe(asked(ipRestrict=True)).ip_allowlist is None


def test_an_account_refused_to_a_good_key_means_unreadable_balances():
    facts = probe(asked(account=ExchangeTroubleError(Reason.KEY_OR_IP_OR_PERMISSION)))

    assert (facts.can_read_balances, facts.unreadable) == (False, ("balances",))
    with pytest.raises(ExchangeTroubleError):
        probe(asked(account=ExchangeTroubleError(Reason.EXCHANGE_DOWN)))


def test_delisted_symbols_are_markets_too():
    rows = [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"},
        {"symbol": "BCCBTC", "status": "BREAK", "baseAsset": "BCC", "quoteAsset": "BTC"},
    ]
    found = markets(Asked(publicGetExchangeInfo={"symbols": rows}))

    assert [(m.market_id, m.base, m.quote, m.active) for m in found] == [
        ("BTCUSDT", "BTC", "USDT", True),
        ("BCCBTC", "BCC", "BTC", False),
    ]


def test_the_clock_is_told_in_seconds():
    assert server_time(Asked(publicGetTime={"serverTime": 1499827319559})) == 1499827319.559


def test_the_limits_hold_in_any_fixed_minute():
    allowed = {"ip": 6_000, "sapi_ip": 12_000, "withdrawals": 180_000, "converts": 180_000}

    assert {
        name: limit.capacity + 60 * limit.per_second <= allowed[name] for name, limit in SPEC.limits.items()
    } == dict.fromkeys(allowed, True)


def test_every_window_is_narrower_than_what_binance_takes():
    longest = {"deposits": 90, "withdrawals": 90, "converts": 30, "rewards": 180}

    for stream in SPEC.streams:
        if stream.stream.value in longest and stream.scopes == ("all",):
            assert stream.window.days < longest[stream.stream.value]
