"""What changes while the local Binance serves: new, late, amended and hidden records, and faults."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from binance.exceptions import BinanceAPIException

from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.live import amend_trade, append_trade, forget_market
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount
from tests.contract.sandbox import binance_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def account() -> TruthAccount:
    return generate("binance", 5, trades=80, now_us=NOW_US)


@pytest.fixture
def sandbox(account: TruthAccount, clock: Any) -> Iterator[Sandbox]:
    with Sandbox([account], seed=5, clock=time.time) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, account: TruthAccount) -> Any:
    return readers.client_of(sandbox.base_url("binance"), next(iter(account.keys.values())))


def newest(client) -> dict[str, Any]:
    return client.get_my_trades(symbol="BTCUSDT", limit=1)[0]


def test_a_new_trade_gets_the_highest_id_of_its_symbol_and_is_served_at_once(client, account):
    before = newest(client)["id"]

    trade = append_trade(account, now_us=NOW_US, market="BTC/USDT")

    assert newest(client)["id"] == int(trade.native_id) > before


def test_a_late_trade_is_served_from_its_moment_on(client, account, clock):
    before = newest(client)["id"]
    late = append_trade(account, now_us=NOW_US, market="BTC/USDT", visible_at_us=NOW_US + 3_600_000_000)

    assert newest(client)["id"] == before
    clock.shift(3_600)
    assert newest(client)["id"] == int(late.native_id)


def test_an_amended_trade_keeps_its_id_and_changes_its_values(client, account):
    trade = append_trade(account, now_us=NOW_US, market="BTC/USDT")
    first = newest(client)
    amend_trade(account, replace(trade, fee_amount=Decimal("0.5")), now_us=NOW_US)

    second = newest(client)

    assert first["id"] == second["id"]
    assert (Decimal(first["commission"]), Decimal(second["commission"])) == (trade.fee_amount, Decimal("0.5"))


def test_half_a_convert_is_never_served(client, account):
    half = next(m for m in reversed(account.movements) if m.movement_key.startswith("convert:"))
    at_ms = half.occurred_at_us // 1_000
    assert len(client.get_convert_trade_history(startTime=at_ms, endTime=at_ms)["list"]) == 1

    account.hidden.add(half.movement_key)

    assert client.get_convert_trade_history(startTime=at_ms, endTime=at_ms)["list"] == []


def test_a_broken_row_stands_in_an_answer_that_is_otherwise_whole(client, sandbox):
    whole = client.get_my_trades(symbol="BTCUSDT")
    sandbox.add_fault("binance", "myTrades", FaultKind.BAD_ROW_NAN)

    spoiled = client.get_my_trades(symbol="BTCUSDT")

    assert len(spoiled) == len(whole)
    assert [row["qty"] for row in spoiled if row not in whole] == ["NaN"]
    assert client.get_my_trades(symbol="BTCUSDT") == whole


def test_a_fault_that_spoils_rows_leaves_a_refusal_as_it_is(client, sandbox):
    sandbox.add_fault("binance", "myTrades", FaultKind.BAD_ROW_NAN)

    with pytest.raises(BinanceAPIException) as caught:
        client.get_my_trades(symbol="NOSUCH")

    assert caught.value.code == -1121


def test_a_market_that_was_removed_entirely_is_in_no_list_and_its_trades_cannot_be_asked_for(client, account):
    assert client.get_my_trades(symbol="XMRUSDT")  # the control: delisted, it can be asked for

    forget_market(account, "XMR/USDT")

    with pytest.raises(BinanceAPIException) as caught:
        client.get_my_trades(symbol="XMRUSDT")
    assert (caught.value.status_code, caught.value.code) == (400, -1121)
    assert "XMRUSDT" not in {row["symbol"] for row in client.get_exchange_info()["symbols"]}
