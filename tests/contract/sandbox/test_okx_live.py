"""What changes while the local OKX serves: new, late, amended and hidden records, and faults."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.live import amend_trade, append_trade
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount
from tests.contract.sandbox import okx_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def account() -> TruthAccount:
    return generate("okx", 5, trades=80, now_us=NOW_US)


@pytest.fixture
def sandbox(account: TruthAccount, clock: Any) -> Iterator[Sandbox]:
    with Sandbox([account], seed=5, clock=time.time) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, account: TruthAccount) -> Iterator[readers.Clients]:
    clients = readers.Clients(sandbox.base_url("okx"), next(iter(account.keys.values())))
    yield clients
    clients.close()


def newest(client) -> dict[str, Any]:
    return client.fills({"limit": "1"})["data"][0]


def test_a_new_trade_gets_the_highest_bill_id_and_is_served_at_once(client, account):
    before = int(newest(client)["billId"])

    trade = append_trade(account, now_us=NOW_US, market="BTC/USDT")

    assert int(newest(client)["billId"]) == int(trade.native_id) > before
    assert [bill["type"] for bill in client.bills({"limit": "2"})["data"]] == ["2", "2"]


def test_a_late_trade_is_served_from_its_moment_on_at_its_own_place(client, account, clock):
    late = append_trade(account, now_us=NOW_US, visible_at_us=NOW_US + 3_600_000_000)
    in_time = append_trade(account, now_us=NOW_US + 1_000_000)
    clock.shift(2)
    assert newest(client)["billId"] == in_time.native_id
    assert late.native_id not in {row["billId"] for row in client.fills({})["data"]}

    clock.shift(3_600)

    assert [row["billId"] for row in client.fills({"limit": "2"})["data"]] == [in_time.native_id, late.native_id]


def test_an_amended_trade_keeps_its_bill_id_and_changes_its_values(client, account):
    trade = append_trade(account, now_us=NOW_US)
    first = newest(client)
    amend_trade(account, replace(trade, fee_amount=Decimal("0.5")), now_us=NOW_US)

    second = newest(client)

    assert first["billId"] == second["billId"]
    assert (Decimal(first["fee"]), Decimal(second["fee"])) == (-trade.fee_amount, Decimal("-0.5"))


def test_half_a_convert_is_never_served_in_neither_of_its_lists(client, account):
    half = next(m for m in reversed(account.movements) if m.movement_key.startswith("convert:"))
    assert client.converts({"limit": "1"})["data"][0]["tradeId"] == half.native_id
    converts = len(client.bills({"type": "27"})["data"])

    account.hidden.add(half.movement_key)

    assert client.converts({"limit": "1"})["data"][0]["tradeId"] != half.native_id
    assert len(client.bills({"type": "27"})["data"]) == converts - 2


def test_a_hidden_movement_is_missing_from_its_list_but_not_from_the_balance(client, account):
    bill = next(m for m in reversed(account.movements) if m.movement_key.startswith("bill:"))
    before = client.account.get_account_balance()["data"][0]["details"]

    account.hidden.add(bill.movement_key)

    assert bill.native_id not in {row["billId"] for row in client.bills({"type": "33"})["data"]}
    assert [(row["ccy"], row["cashBal"]) for row in client.account.get_account_balance()["data"][0]["details"]] == [
        (row["ccy"], row["cashBal"]) for row in before
    ]


def test_a_broken_row_stands_in_an_answer_that_is_otherwise_whole(client, sandbox):
    whole = client.fills({})["data"]
    sandbox.add_fault("okx", "fills-history", FaultKind.BAD_ROW_NAN)

    spoiled = client.fills({})["data"]

    assert len(spoiled) == len(whole)
    assert [row["fillSz"] for row in spoiled if row not in whole] == ["NaN"]
    assert client.fills({})["data"] == whole


def test_a_fault_that_spoils_rows_leaves_a_refusal_as_it_is(client, sandbox):
    sandbox.add_fault("okx", "fills-history", FaultKind.BAD_ROW_NAN)

    assert client.fills({"limit": "101"})["code"] == "51000"
