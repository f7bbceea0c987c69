"""What each kind of Kraken's records comes to. Payloads as docs.kraken.com and ccxt 4.5.90 show them."""

import pytest

from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.kraken.probe import check, error_of, probe
from tests.unit.exchanges.room_sql import brief, extract, movements

TRADE = {
    "_key": "THVRQM-33VKH-UCI7BS",
    "ordertxid": "OQCLML-BW3P3-BUCMWZ",
    "pair": "XXBTZUSD",
    "time": "1688667796.8802",
    "type": "buy",
    "price": "30010.00000",
    "cost": "600.20000",
    "fee": "0.96032",
    "vol": "0.02000000",
    "margin": "0.00000",
}


def line(type_, amount, *, fee="0.0000000000", asset="XXBT", subtype=""):
    return {
        "_key": "L4UESK-KG3EQ-UFO4T5",
        "refid": "TJKLXF-PGMUI-4NTLXU",
        "time": "1688464484.1787",
        "type": type_,
        "subtype": subtype,
        "aclass": "currency",
        "asset": asset,
        "amount": amount,
        "fee": fee,
        "balance": "1.0",
    }


def parts(*payloads):
    """key after the ledger id, kind, role, amount with its direction"""
    return [
        (
            row["movement_key"] and row["movement_key"].removeprefix("L4UESK-KG3EQ-UFO4T5"),
            row["kind"],
            row["role"],
            row["direction"],
            row["amount"],
        )
        for row in movements("kraken", "ledger", *payloads)
    ]


def trade(markets=(), **changed):
    (row,) = extract("kraken", "trades", "fills", TRADE | changed, markets=markets)
    return row


def test_a_trade_keeps_every_text_as_it_was_sent():
    row = trade([("XXBTZUSD", "XXBT", "ZUSD")])

    assert {
        name: row[name]
        for name in ("trade_key", "order_id", "market", "market_type", "side", "price", "amount", "cost")
    } == {
        "trade_key": "THVRQM-33VKH-UCI7BS",
        "order_id": "OQCLML-BW3P3-BUCMWZ",
        "market": "XXBTZUSD",
        "market_type": "spot",
        "side": "buy",
        "price": "30010.00000",
        "amount": "0.02000000",
        "cost": "600.20000",
    }
    assert (row["fee_code"], row["fee_amount"]) == ("ZUSD", "0.96032")
    assert (row["executed_at"], row["executed_at_unit"]) == ("1688667796.8802", "s")


def test_a_leveraged_trade_is_no_spot_trade():
    assert trade(margin="120.04000")["market_type"] == "leveraged"
    assert trade(margin="0")["market_type"] == "spot"


@pytest.mark.parametrize(
    ("pair", "base", "quote"),
    [
        ("XXBTZUSD", "XXBT", "ZUSD"), ("XETHXXBT", "XETH", "XXBT"), ("XREPZEUR", "XREP", "ZEUR"), ("USDTZUSD", "USDT", "ZUSD"),
        ("XTZUSD", "XTZ", "USD"), ("ADAETH", "ADA", "ETH"), ("ADAUSDT", "ADA", "USDT"), ("DOTXBT", "DOT", "XBT"),
        ("XBT/USDC", "XBT", "USDC"), ("1INCHEUR", "1INCH", "EUR"), ("EURUSD", "EUR", "USD"), ("USDCUSD", "USDC", "USD"),
        ("WEIRD", None, None), ("XXBTZUSD.d", "XXBT", "ZUSD"), ("DOTEUR.d", "DOT", "EUR"),
    ],
)  # fmt: skip
def test_a_pair_that_is_listed_no_more_is_split(pair, base, quote):
    row = trade(pair=pair)
    assert (row["base_code"], row["quote_code"], row["market"]) == (base, quote, pair)


def test_the_list_of_pairs_goes_before_splitting():
    assert trade([("XTZUSD", "A", "B")], pair="XTZUSD")["base_code"] == "A"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (line("deposit", "1.0"), [("", "deposit", "main", "signed", "1.0")]),
        (line("deposit", "1.0", fee="0.1"), [("", "deposit", "main", "signed", "1.0"), (":fee", "fee", "fee", "out", "0.1")]),
        (line("withdrawal", "-1.0", fee="0.1"), [("", "withdrawal", "main", "signed", "-1.0"), (":fee", "fee", "fee", "out", "0.1")]),
        (line("spend", "-9.9", fee="0.1"), [("", "convert", "disposed", "signed", "-9.9"), (":fee", "fee", "fee", "out", "0.1")]),
        (line("receive", "0.5"), [("", "convert", "received", "signed", "0.5")]),
        (line("staking", "0.5", asset="DOT.S"), [("", "reward", "main", "signed", "0.5")]),
        (line("earn", "0.5", subtype="reward"), [("", "reward", "main", "signed", "0.5")]),
        (line("earn", "0.5"), [("", "reward", "main", "signed", "0.5")]),
        (line("earn", "0.5", subtype="airdrop"), [("", "airdrop", "main", "signed", "0.5")]),
        (line("earn", "-0.5", subtype="autoallocate"), [("", "transfer", "main", "signed", "-0.5")]),
        (line("earn", "-0.5", subtype="delistingconversion"), [("", "convert", "disposed", "signed", "-0.5")]),
        (line("earn", "0.5", subtype="delistingconversion"), [("", "convert", "received", "signed", "0.5")]),
        (line("earn", "0.5", subtype="something new"), [("", "adjustment", "main", "signed", "0.5")]),
        (line("nftcreatorfee", "-0.5"), [("", "fee", "fee", "signed", "-0.5")]),
        (line("creator_fee", "-0.5", fee="0.1"), [("", "fee", "fee", "signed", "-0.5"), (":fee", "fee", "fee", "out", "0.1")]),
        (line("earn", "-0.5", subtype="allocation"), [("", "transfer", "main", "signed", "-0.5")]),
        (line("earn", "0.5", subtype="deallocation"), [("", "transfer", "main", "signed", "0.5")]),
        (line("earn", "-0.5", subtype="autoallocation"), [("", "transfer", "main", "signed", "-0.5")]),
        (line("earn", "0.5", subtype="migration"), [("", "transfer", "main", "signed", "0.5")]),
        (line("transfer", "-0.5", subtype="spottostaking"), [("", "transfer", "main", "signed", "-0.5")]),
        (line("transfer", "-0.5", subtype="delistingconversion"), [("", "convert", "disposed", "signed", "-0.5")]),
        (line("adjustment", "0.5"), [("", "adjustment", "main", "signed", "0.5")]),
        (line("margin", "-0.5", fee="0.1"), [("", "adjustment", "main", "signed", "-0.5"), (":fee", "fee", "fee", "out", "0.1")]),
        (line("margin", "0.0000", fee="0.1"), [(":fee", "fee", "fee", "out", "0.1")]),
        (line("rollover", "0.0000", fee="0.1"), [("", "fee", "fee", "out", "0.1")]),
        (line("trade", "0.5"), [("", "trade_leg", "main", "signed", "0.5")]),
        (line("trade", "0.0000"), [(None, "ignored", "main", "signed", "0.0000")]),
        (line("trade", "0.0000", fee="0.1"), [(":fee", "trade_fee", "fee", "out", "0.1")]),
        (line("trade", "0.5", fee="0.1"), [("", "trade_leg", "main", "signed", "0.5"), (":fee", "trade_fee", "fee", "out", "0.1")]),
        (line("trade", "0.5", fee="-0.1"), [("", "trade_leg", "main", "signed", "0.5"), (":fee", "trade_fee", "fee", "in", "0.1")]),
        (line("trade", "0.00", fee="3.45", asset="KFEE"), [("", "trade_fee", "fee", "out", "3.45")]),
        (line("trade", "-3.45", asset="KFEE"), [("", "trade_fee", "fee", "signed", "-3.45")]),
        (line("deposit", "1.0", fee="-0.1"), [("", "deposit", "main", "signed", "1.0"), (":fee", "fee", "fee", "in", "0.1")]),
        (line("something new", "1.0"), []),
    ],
    ids=lambda value: value["type"] + value["subtype"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_every_type_of_ledger_line_comes_to_its_movements(entry, expected):
    assert parts(entry) == expected


def test_parts_of_one_event_share_their_group_and_wallets_follow_the_code():
    rows = movements("kraken", "ledger", line("transfer", "-1", asset="DOT"), line("transfer", "1", asset="DOT.S"))

    assert {row["group_key"] for row in rows} == {"TJKLXF-PGMUI-4NTLXU"}
    assert [row["wallet"] for row in rows] == ["spot", "earn"]
    assert brief(rows)


def test_a_balance_is_what_is_held_with_what_orders_hold_back():
    rows = extract(
        "kraken",
        "balances",
        "balances",
        {"XXBT": {"balance": "1.5", "hold_trade": "0.5"}, "XBT.M": {"balance": "2"}},
        scope="spot",
    )

    assert sorted((r["asset_code"], r["wallet"], r["total"], r["locked"]) for r in rows) == [
        ("XBT.M", "earn", "2", "0"),
        ("XXBT", "spot", "1.5", "0.5"),
    ]


@pytest.mark.parametrize(
    ("code", "asset", "wallet"),
    [
        ("XXBT", "BTC", ""), ("XBT.M", "BTC", "earn"), ("ZUSD", "USD", ""), ("XXDG", "DOGE", ""), ("SOL03.S", "SOL", "earn"),
        ("ETH2.S", "ETH", "earn"), ("DOT28.S", "DOT", "earn"), ("KSM.P", "KSM", "earn"), ("ETH.F", "ETH", "earn"),
        ("EUR.HOLD", "EUR", ""), ("LUNA", "LUNC", ""), ("LUNA2", "LUNA", ""), ("UST", "USTC", ""), ("MATIC", "POL", ""),
    ],
)  # fmt: skip
def test_a_code_means_an_asset_in_a_wallet(code, asset, wallet):
    (alias,) = [alias for alias in catalog.room("kraken").aliases if alias.code == code]
    assert (alias.asset, alias.wallet) == (asset, wallet)


def test_every_alias_says_where_it_is_from_and_spans_of_one_code_lie_apart():
    for name in catalog.room_names():
        aliases = catalog.room(name).aliases
        assert all(alias.code and alias.asset and alias.source for alias in aliases)
        assert len({(alias.code, alias.valid_from) for alias in aliases}) == len(aliases)


def test_a_warning_is_no_error_and_the_first_error_counts():
    assert error_of(200, {"error": ["WGeneral:Slow"], "result": {}}) is None
    assert check({"error": ["WGeneral:Slow"], "result": {}}, "x")
    assert error_of(200, {"error": ["WGeneral:Slow", "EQuery:Unknown asset pair:XX"]}) == (
        "EQuery:Unknown asset pair",
        "EQuery:Unknown asset pair:XX",
    )
    assert error_of(502, {"weird": 1}) == ("502", "")


def test_a_key_limited_in_time_says_where_its_history_is_cut():
    facts = probe(
        lambda _method, _params=None: {
            "error": [],
            "result": {
                "iban": "AA88 N84G WOAK NMOI",
                "permissions": ["query-funds", "query-closed-trades", "withdraw-funds"],
                "ipAllowlist": ["203.0.113.7"],
                "validUntil": "1800000000",
                "queryFrom": "1700000000",
                "queryTo": "0",
            },
        }
    )

    assert facts.identity == "AA88 N84G WOAK NMOI"
    assert (facts.can_read_trades, facts.can_trade, facts.can_withdraw) == (True, False, True)
    assert facts.unreadable == ("ledger",)
    assert facts.ip_allowlist == ("203.0.113.7",)
    assert facts.expires_at.year == 2027
    assert facts.history_from.year == 2023
    assert facts.history_to is None
