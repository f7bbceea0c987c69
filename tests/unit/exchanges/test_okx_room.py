"""OKX's room on payloads from its documentation: what each record comes to, digit by digit."""

import pytest

from tests.unit.exchanges.room_sql import IGNORED, brief, extract, movements

FILL = {
    "side": "buy",
    "fillSz": "0.007533",
    "fillPx": "2654.98",
    "fee": "-0.000007533",
    "ordId": "317321390244397056",
    "instType": "SPOT",
    "instId": "ETH-USDT",
    "clOrdId": "",
    "posSide": "net",
    "billId": "317321390265368576",
    "tag": "0",
    "execType": "T",
    "tradeId": "107601752",
    "feeCcy": "ETH",
    "ts": "1621927314985",
}
DEPOSIT = {
    "amt": "0.01044408",
    "txId": "1915737_3_0_0_asset",
    "ccy": "BTC",
    "from": "13801825426",
    "to": "",
    "ts": "1597026383085",
    "state": "2",
    "depId": "4703879",
}
WITHDRAWAL = {
    "amt": "0.094",
    "wdId": "4703879",
    "fee": "0.01",
    "feeCcy": "ETH",
    "txId": "0x62477bac6509a04512819bb1455e923a60dea5966c7caeaa0b24eb8fb0432b85",
    "ccy": "ETH",
    "from": "13426335357",
    "to": "0xA41446125D0B5b6785f6898c9D67874D763A1519",
    "ts": "1597026383085",
    "state": "2",
}
CONVERT = {
    "clTReqId": "",
    "instId": "ETH-USDT",
    "side": "buy",
    "fillPx": "2932.401044",
    "baseCcy": "ETH",
    "quoteCcy": "USDT",
    "fillBaseSz": "0.01023052",
    "state": "fullyFilled",
    "tradeId": "trader16461885203381437",
    "fillQuoteSz": "30",
    "ts": "1646188520000",
}
BILL = {
    "bal": "0.0000819307998198",
    "balChg": "-664.2679586599999802",
    "billId": "310394313544966151",
    "ccy": "USDT",
    "fee": "0",
    "from": "",
    "instId": "LTC-USDT",
    "instType": "SPOT",
    "mgnMode": "cross",
    "notes": "",
    "ordId": "310394313519800320",
    "pnl": "0",
    "posBal": "0",
    "posBalChg": "0",
    "subType": "2",
    "sz": "664.26795866",
    "to": "",
    "ts": "1620275771196",
    "type": "2",
}


def bill(kind, **fields):
    """A bill that is no trade."""
    return BILL | {"type": kind, "instType": "", "instId": "", "ordId": "", "subType": "", "balChg": "0.5"} | fields


def test_a_fill_keeps_every_digit():
    (trade,) = extract("okx", "trades", "fills", FILL, scope="SPOT")

    assert trade == {
        "connection_id": "c",
        "seq": 0,
        "trade_key": "317321390265368576",
        "native_id": "317321390265368576",
        "order_id": "317321390244397056",
        "market": "ETH-USDT",
        "market_type": "spot",
        "base_code": "ETH",
        "quote_code": "USDT",
        "side": "buy",
        "price": "2654.98",
        "amount": "0.007533",
        "cost": None,
        "fee_amount": "0.000007533",
        "fee_code": "ETH",
        "executed_at": "1621927314985",
        "executed_at_unit": "ms",
    }


@pytest.mark.parametrize(
    ("wire", "paid"), [("-0.5", "0.5"), ("0.5", "-0.5"), ("0", "0"), ("0.00", "0.00"), ("", None), ("NaN", "-NaN")]
)
def test_a_fee_turns_its_sign_and_what_is_no_number_is_left_to_be_found_out(wire, paid):
    (trade,) = extract("okx", "trades", "fills", FILL | {"fee": wire})

    assert trade["fee_amount"] == paid


def test_the_time_of_execution_goes_before_the_time_of_the_record():
    (trade,) = extract("okx", "trades", "fills", FILL | {"fillTime": "1621927314980"})

    assert trade["executed_at"] == "1621927314980"


def test_a_margin_fill_says_so():
    (trade,) = extract("okx", "trades", "fills", FILL | {"instType": "MARGIN"}, scope="MARGIN")

    assert (trade["market_type"], trade["base_code"]) == ("margin", "ETH")


def test_what_is_paid_in_goes_before_the_name_of_the_book():
    (trade,) = extract("okx", "trades", "fills", FILL | {"instId": "BTC-USD", "tradeQuoteCcy": "USDC"})
    assert (trade["base_code"], trade["quote_code"]) == ("BTC", "USDC")

    (untold,) = extract("okx", "trades", "fills", FILL | {"instId": "BTC-USD", "tradeQuoteCcy": ""})
    assert untold["quote_code"] == "USD"  # the control: records of before don't tell


@pytest.mark.parametrize("instrument", ["SPOT", "MARGIN"])
@pytest.mark.parametrize(
    ("subtype", "is_an_orders"), [("", True), ("1", True), ("2", True), ("104", False), ("204", False), ("236", False)]
)
def test_each_execution_moves_assets_once_as_a_trade_or_by_its_bill(instrument, subtype, is_an_orders):
    """Orders' bills are of type 2; a liquidation's, a block trade's or a sweep's have types of their own."""
    fields = {"subType": subtype, "instType": instrument}
    (trade,) = extract("okx", "trades", "fills", FILL | fields, scope=instrument)
    of_type = {"104": "5", "204": "14", "236": "28"}.get(subtype, "2")
    (moved,) = movements("okx", "ledger", BILL | fields | {"type": of_type})

    assert (trade["market_type"] in {"spot", "margin"}) is is_an_orders
    assert (moved["kind"] == "ignored") is is_an_orders


@pytest.mark.parametrize("state", ["1", "2"])
def test_a_deposit_comes_into_the_funding_account(state):
    (row,) = movements("okx", "deposits", DEPOSIT | {"state": state})

    assert brief([row]) == [("deposit:4703879", "deposit", "main", "BTC", "0.01044408", "in")]
    assert (row["occurred_at"], row["occurred_at_unit"], row["wallet"]) == ("1597026383085", "ms", "funding")


@pytest.mark.parametrize("state", ["0", "8", "11", "12", "13", "14", "17"])
def test_a_deposit_that_has_not_arrived_is_ignored(state):
    assert brief(movements("okx", "deposits", DEPOSIT | {"state": state})) == [IGNORED]


def test_a_withdrawal_and_its_fee_are_two_rows():
    assert brief(movements("okx", "withdrawals", WITHDRAWAL)) == [
        ("withdrawal:4703879", "withdrawal", "main", "ETH", "0.094", "out"),
        ("withdrawal:4703879:fee", "fee", "fee", "ETH", "0.01", "out"),
    ]


def test_a_fee_in_another_currency_is_taken_from_that():
    assert brief(movements("okx", "withdrawals", WITHDRAWAL | {"fee": "0.5", "feeCcy": "USDT"}))[1][3:5] == (
        "USDT",
        "0.5",
    )


def test_a_fee_with_its_currency_behind_it_is_read():
    old = {name: value for name, value in WITHDRAWAL.items() if name != "feeCcy"} | {"fee": "0.01000000eth"}

    assert brief(movements("okx", "withdrawals", old))[1][3:5] == ("ETH", "0.01000000")


@pytest.mark.parametrize("fee", ["0", "0.00000000btc", None])
def test_a_withdrawal_without_a_fee_is_one_row(fee):
    assert len(movements("okx", "withdrawals", WITHDRAWAL | {"fee": fee})) == 1


@pytest.mark.parametrize(
    "state", ["-3", "-2", "-1", "0", "1", "4", "5", "6", "7", "8", "9", "10", "12", "15", "16", "17", "19"]
)
def test_a_withdrawal_that_has_not_left_is_ignored(state):
    assert brief(movements("okx", "withdrawals", WITHDRAWAL | {"state": state})) == [IGNORED]


def test_a_convert_that_buys_gives_the_quote_for_the_base():
    key = "convert:trader16461885203381437"

    assert brief(movements("okx", "converts", CONVERT)) == [
        (f"{key}:disposed", "convert", "disposed", "USDT", "30", "out"),
        (f"{key}:received", "convert", "received", "ETH", "0.01023052", "in"),
    ]
    assert [row[3:] for row in brief(movements("okx", "converts", CONVERT | {"side": "sell"}))] == [
        ("ETH", "0.01023052", "out"),
        ("USDT", "30", "in"),
    ]


def test_a_convert_that_was_refused_is_ignored():
    assert brief(movements("okx", "converts", CONVERT | {"state": "rejected"})) == [IGNORED]


@pytest.mark.parametrize(
    "known_elsewhere",
    [
        BILL,
        BILL | {"instType": "MARGIN"},
        bill("27", subType="318"),
        bill("1", **{"from": "6", "to": "18", "subType": "11"}),
        bill("1", **{"from": "18", "to": "6", "subType": "12", "balChg": "-0.5"}),
        bill("16", balChg="0"),
    ],
)
def test_a_bill_of_what_stands_elsewhere_or_changes_nothing_is_ignored(known_elsewhere):
    assert brief(movements("okx", "ledger", known_elsewhere)) == [IGNORED]


@pytest.mark.parametrize(
    ("line", "kind", "role"),
    [
        (bill("7", subType="9", balChg="-0.001"), "interest", "main"),
        (bill("33", subType="381"), "interest", "main"),
        (bill("33", subType="372"), "airdrop", "main"),
        (bill("8", subType="173", balChg="-0.02"), "fee", "fee"),
        (bill("1", **{"from": "6", "to": "55"}), "transfer", "main"),
        (bill("1", **{"from": "18", "to": "18"}), "transfer", "main"),  # with a sub-account
        (bill("12", subType="202", balChg="-3"), "transfer", "main"),
        (bill("28", subType="237", balChg="-3"), "convert", "disposed"),
        (bill("28", subType="236"), "convert", "received"),
        (BILL | {"instType": "SWAP", "instId": "BTC-USDT-SWAP"}, "adjustment", "main"),
        (bill("5", instType="MARGIN", subType="106"), "adjustment", "main"),
        (bill("999"), "adjustment", "main"),
    ],
)
def test_every_other_bill_is_what_it_changed(line, kind, role):
    (row,) = movements("okx", "ledger", line)

    assert brief([row]) == [("bill:310394313544966151", kind, role, "USDT", line["balChg"], "signed")]


@pytest.mark.parametrize(
    ("stream", "payload"),
    [
        ("deposits", DEPOSIT | {"state": "99"}),
        ("withdrawals", WITHDRAWAL | {"state": "99"}),
        ("converts", CONVERT | {"state": "half"}),
        ("converts", CONVERT | {"side": "swap"}),
        ("ledger", {"surprise": True}),
    ],
)
def test_what_is_not_understood_gives_no_row_so_that_it_is_quarantined(stream, payload):
    assert movements("okx", stream, payload) == []


def test_both_wallets_tell_their_balances():
    trading = [{"ccy": "USDT", "cashBal": "4992.89", "eq": "5000.1", "availBal": "4834.31", "frozenBal": "158.57"}]
    funding = [{"ccy": "ETH", "bal": "37.11827078", "availBal": "37.11827078", "frozenBal": "0"}]

    rows = extract("okx", "balances", "balances", trading, scope="spot")
    rows += extract("okx", "balances", "balances", funding, scope="funding")

    assert [tuple(row[n] for n in ("wallet", "asset_code", "total", "available", "locked")) for row in rows] == [
        ("spot", "USDT", "4992.89", "4834.31", "158.57"),
        ("funding", "ETH", "37.11827078", "37.11827078", "0"),
    ]
