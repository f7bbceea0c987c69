"""Kraken's windows and pages: start exclusive, end inclusive, fifty at a time, the newest first."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.sandbox.builder import FIRST_AT, AccountBuilder
from tests.contract.sandbox.kraken_client import Client


@pytest.fixture
def serve(start):
    """A client of an account; closed after the test."""
    clients = []

    def served(account, **options):
        clients.append(Client(start(account, **options), account.key))
        return clients[-1]

    yield served
    for client in clients:
        client.close()


def trades_of(answer):
    return list(answer["result"]["trades"])


def test_start_is_exclusive_and_end_is_inclusive(serve):
    builder = AccountBuilder("kraken").with_fill(at=FIRST_AT).with_fill(at=FIRST_AT + timedelta(seconds=1))
    first, second = (trade.trade_key for trade in builder.trades)
    client = serve(builder)
    at = {key: row["time"] for key, row in client("TradesHistory")["result"]["trades"].items()}

    assert trades_of(client("TradesHistory", start=at[first])) == [second]
    assert trades_of(client("TradesHistory", start=at[first] - Decimal("0.000000001"))) == [second, first]
    assert trades_of(client("TradesHistory", end=at[first])) == [first]
    assert trades_of(client("TradesHistory", end=at[first] - Decimal("0.000000001"))) == []


def test_a_window_may_be_named_by_ids(serve):
    builder = AccountBuilder("kraken").with_fill().with_fill().with_fill()
    first, second, third = (trade.trade_key for trade in builder.trades)
    client = serve(builder)

    assert trades_of(client("TradesHistory", start=first)) == [third, second]
    assert trades_of(client("TradesHistory", end=second)) == [second, first]


def test_pages_of_fifty_go_from_the_newest_to_the_oldest_and_count_all(serve):
    builder = AccountBuilder("kraken")
    for _ in range(120):
        builder.with_fill(at=FIRST_AT)
    client = serve(builder)

    pages = [client("TradesHistory", ofs=offset)["result"] for offset in (0, 50, 100, 150)]

    assert [len(page["trades"]) for page in pages] == [50, 50, 20, 0]
    assert {page["count"] for page in pages} == {120}
    read = [key for page in pages for key in page["trades"]]
    assert read == [trade.trade_key for trade in reversed(builder.trades)]


def test_the_ledger_is_filtered_by_type_asset_and_class(serve):
    builder = AccountBuilder("kraken").with_movement(kind="deposit").with_fill(market="BTC/USD")
    builder.with_movement(kind="deposit", asset="BTC", amount="1").with_movement(kind="withdrawal", amount="10")
    client = serve(builder)

    def kinds(**asked):
        return [(row["type"], row["asset"]) for row in client("Ledgers", **asked)["result"]["ledger"].values()]

    assert kinds(type="deposit") == [("deposit", "XXBT"), ("deposit", "ZUSD")]
    assert kinds(type="deposit", asset="XBT") == [("deposit", "XXBT")]
    assert kinds(asset="ZUSD") == [("withdrawal", "ZUSD"), ("trade", "ZUSD"), ("deposit", "ZUSD")]
    assert kinds(aclass="currency") == kinds()
    assert kinds(aclass="equity") == []
    assert "count" not in client("Ledgers", without_count="true")["result"]


def test_a_convert_is_a_spend_and_a_receive_with_one_refid_and_no_trade(serve):
    builder = AccountBuilder("kraken").with_convert(disposed=("USD", "100"), received=("BTC", "0.001"))
    client = serve(builder)

    ledger = client("Ledgers")["result"]["ledger"].values()

    assert {(row["type"], row["asset"], row["amount"]) for row in ledger} == {
        ("spend", "ZUSD", "-100.0000"),
        ("receive", "XXBT", "0.0010000000"),
    }
    assert len({row["refid"] for row in ledger}) == 1
    assert trades_of(client("TradesHistory")) == []


def test_a_window_that_cannot_be_read_is_refused_with_its_name(serve):
    client = serve(AccountBuilder("kraken").with_fill())

    assert client("TradesHistory", ofs="many")["error"] == ["EGeneral:Invalid arguments:ofs"]
    assert client("TradesHistory", start="soon")["error"] == ["EGeneral:Invalid arguments:start"]
    assert client("TradesHistory", ofs="0")["error"] == []


def test_a_key_with_a_query_range_sees_nothing_outside_of_it_and_says_so(serve):
    builder = AccountBuilder("kraken").with_fill().with_fill().with_fill()
    first, second, third = builder.trades
    key = builder.key
    builder.account.keys[key.api_key] = replace(
        key, history_from_us=second.executed_at_us, history_to_us=third.executed_at_us - 1
    )
    client = serve(builder)

    told = client("GetApiKeyInfo")["result"]

    assert trades_of(client("TradesHistory")) == [second.trade_key]
    assert first.trade_key not in trades_of(client("TradesHistory", start=0))
    assert told["queryFrom"] == str(second.executed_at_us // 1_000_000)


def test_single_trades_and_lines_are_found_by_id_and_trades_name_their_lines(serve):
    builder = AccountBuilder("kraken").with_fill().with_fill()
    wanted = builder.trades[0].trade_key
    client = serve(builder)

    row = client("TradesHistory", ledgers="true")["result"]["trades"][wanted]

    assert list(client("QueryTrades", txid=wanted)["result"]) == [wanted]
    lines = client("QueryLedgers", id=",".join(row["ledgers"]))["result"]
    assert {line["refid"] for line in lines.values()} == {wanted}
    assert len(lines) == 2


def test_a_late_trade_is_shown_when_it_becomes_visible_among_the_older_ones(serve, clock):
    late = FIRST_AT + timedelta(hours=5)
    builder = AccountBuilder("kraken").with_fill(at=FIRST_AT, visible_at=late)
    builder.with_fill(at=FIRST_AT + timedelta(hours=1))
    first, second = (trade.trade_key for trade in builder.trades)
    clock.now = (late - timedelta(seconds=1)).timestamp()
    client = serve(builder)

    before = trades_of(client("TradesHistory"))
    clock.forward(1)

    assert before == [second]
    assert trades_of(client("TradesHistory")) == [second, first]
