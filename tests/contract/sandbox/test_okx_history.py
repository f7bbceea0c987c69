"""Independent clients read the whole history from the local OKX, and get the truth, each record once, every digit."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount
from tests.contract.sandbox import okx_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
DAY_US = 86_400_000_000


@pytest.fixture(scope="module", autouse=True)
def stopped_clock() -> Iterator[None]:
    """The clients stamp their requests with the machine's clock."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(scope="module")
def account() -> TruthAccount:
    return generate("okx", 7, trades=700, now_us=NOW_US)


@pytest.fixture(scope="module")
def sandbox(account: TruthAccount) -> Iterator[Sandbox]:
    with Sandbox([account], seed=7, clock=time.time, scale=1_000.0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, account: TruthAccount) -> Iterator[readers.Clients]:
    clients = readers.Clients(sandbox.base_url("okx"), next(iter(account.keys.values())))
    yield clients
    clients.close()


@pytest.fixture
def through_ccxt(sandbox: Sandbox, account: TruthAccount) -> readers.CcxtClient:
    return readers.CcxtClient(sandbox.base_url("okx"), next(iter(account.keys.values())))


@pytest.mark.parametrize("limit", [7, 100])
def test_python_okx_reads_every_trade_exactly_once(client, account, limit):
    """Many fills share a millisecond; paging by bill id passes through them."""
    assert readers.trades_of(client, limit) == readers.true_trades(account)
    assert max(Counter(t.executed_at_us for t in account.trades).values()) > readers.PAGE


def test_ccxt_reads_every_trade_exactly_once(through_ccxt, account):
    assert readers.trades_of(through_ccxt) == readers.true_trades(account)


def test_python_okx_reads_every_movement_exactly_once(client, account):
    read = readers.movements_of(client)

    assert read == readers.true_movements(account)
    assert {key.partition(":")[0] for key in read} == {"deposit", "withdrawal", "convert", "bill"}


def test_ccxt_reads_every_movement_exactly_once(through_ccxt, account):
    assert readers.movements_of(through_ccxt) == readers.true_movements(account)


def test_ccxt_understands_a_fill_and_its_fee(through_ccxt, account):
    trade = account.trades[-1]

    (fill,) = through_ccxt.exchange.fetch_my_trades(f"{trade.market.base}/{trade.market.quote}", limit=1)

    assert (fill["info"]["billId"], fill["side"]) == (trade.native_id, trade.side)
    assert (Decimal(fill["price"]), Decimal(fill["amount"])) == (trade.price, trade.amount)
    assert (fill["fee"]["currency"], Decimal(fill["fee"]["cost"])) == (trade.fee_asset, trade.fee_amount)


def test_wallets_add_up_to_what_truly_happened(client, account):
    trading = client.account.get_account_balance()["data"][0]["details"]
    funding = client.funding.get_balances()["data"]

    held: dict[str, Decimal] = {}
    for row in trading:
        held[row["ccy"]] = Decimal(row["cashBal"])
        assert Decimal(row["availBal"]) + Decimal(row["frozenBal"]) == Decimal(row["eq"]) == held[row["ccy"]]
    for row in funding:
        held[row["ccy"]] = held.get(row["ccy"], Decimal(0)) + Decimal(row["bal"])

    assert held == {asset: total for asset, total in account.balances().items() if total}
    assert [row["ccy"] for row in funding] == ["TON"]


def test_what_lies_elsewhere_is_valued_part_by_part(client, account):
    (nothing,) = client.funding.get_asset_valuation()["data"]
    account.elsewhere["earn"] = "0.5"
    try:
        (something,) = client.funding.get_asset_valuation()["data"]
    finally:
        account.elsewhere.clear()

    assert set(nothing["details"]) == {"classic", "earn", "funding", "trading"}
    assert (nothing["details"]["earn"], something["details"]["earn"]) == ("0", "0.5")


def test_the_bills_of_the_trading_account_add_up_to_its_balance(client):
    changes: dict[str, Decimal] = {}
    bills = list(readers.backwards(client.bills, "billId"))
    for bill in bills:
        changes[bill["ccy"]] = changes.get(bill["ccy"], Decimal(0)) + Decimal(bill["balChg"])
    newest: dict[str, str] = {}
    for bill in bills:
        newest.setdefault(bill["ccy"], bill["bal"])

    details = client.account.get_account_balance()["data"][0]["details"]

    assert {ccy: total for ccy, total in changes.items() if total} == {r["ccy"]: Decimal(r["cashBal"]) for r in details}
    assert {ccy: Decimal(bal) for ccy, bal in newest.items()} == changes


def test_a_fill_stands_in_the_bills_under_its_own_bill_id_too(client, account):
    fills = {trade.native_id for trade in account.trades}
    bills = {bill["billId"]: bill["type"] for bill in readers.backwards(client.bills, "billId")}

    assert fills <= bills.keys()
    assert {bills[bill_id] for bill_id in fills} == {"2"}
    assert {"1", "2", "27", "33"} == set(bills.values())


def test_begin_and_end_cut_out_a_closed_span(client, account):
    middle = [t.executed_at_us // 1_000 for t in account.trades][200:300]
    begin, end = middle[0], middle[-1]

    rows = client.fills({"begin": str(begin), "end": str(end)})["data"]

    within = [t.native_id for t in account.trades if begin <= t.executed_at_us // 1_000 <= end]
    assert [row["billId"] for row in rows] == within[::-1][: readers.PAGE] != []


def test_before_means_newer_than(client, account):
    bill_id = account.trades[-4].native_id

    rows = client.fills({"before": bill_id})["data"]

    assert [row["billId"] for row in rows] == [trade.native_id for trade in account.trades[:-4:-1]]


def test_only_one_market_or_currency_is_told_when_asked_for(client, account):
    fills = client.fills({"instId": "SOL-USDT", "limit": "5"})["data"]
    bills = client.bills({"ccy": "SOL", "type": "2", "limit": "5"})["data"]

    assert [row["billId"] for row in fills] == [t.native_id for t in account.trades if t.market.base == "SOL"][::-1][:5]
    assert {(row["ccy"], row["type"]) for row in bills} == {("SOL", "2")}


def test_a_delisted_market_is_gone_from_the_list_and_stands_in_old_fills(client, account):
    listed = {row["instId"] for row in client.public.get_instruments("SPOT")["data"]}

    assert "BTC-USDT" in listed
    assert "FLM-USDT" not in listed
    assert client.fills({"instId": "FLM-USDT"})["data"] != []


def test_the_history_has_what_makes_okx_hard(account):
    assert any(trade.fee_amount < 0 for trade in account.trades)
    assert any(trade.fee_asset not in {trade.market.base, trade.market.quote} for trade in account.trades)
    assert any(trade.cost != trade.price * trade.amount for trade in account.trades)
    assert any(-m.amount.as_tuple().exponent == 18 for m in account.movements)
    assert min(t.executed_at_us for t in account.trades) >= NOW_US - 85 * DAY_US


def test_what_is_older_than_three_months_is_not_shown(account):
    later_us = NOW_US + 60 * DAY_US
    with (
        time_machine.travel(NOW.timestamp() + 60 * 86_400, tick=False),
        Sandbox([account], seed=7, clock=time.time, scale=1_000.0) as running,
    ):
        clients = readers.Clients(running.base_url("okx"), next(iter(account.keys.values())))
        read: Any = readers.trades_of(clients)
        clients.close()

    kept = {t.trade_key for t in account.trades if t.executed_at_us >= later_us - 90 * DAY_US}
    assert read.keys() == kept
    assert 0 < len(kept) < len(account.trades)
