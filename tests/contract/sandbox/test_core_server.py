"""The server around the dialects: admin port, counters, changes while it serves, and every fault."""

import json
from decimal import Decimal

import pytest
import requests

from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.server import Sandbox
from tests.contract.sandbox.kraken_client import Client

TRADES = "/0/private/TradesHistory"


@pytest.fixture
def builder():
    return AccountBuilder("kraken").with_movement().with_fill().with_fill(amount="0.25")


@pytest.fixture
def sandbox(start, builder):
    return start(builder)


@pytest.fixture
def client(sandbox, builder):
    made = Client(sandbox, builder.key)
    yield made
    made.close()


def admin(sandbox, method, path, /, **asked):
    answer = requests.request(method, sandbox.admin_url + path, json=asked or None, timeout=10)
    return answer.json()


def test_health_names_the_exchanges_and_where_they_listen(sandbox):
    assert admin(sandbox, "GET", "/health") == {"ok": True, "exchanges": {"kraken": sandbox.base_url("kraken")}}
    assert sandbox.base_url("kraken").startswith("http://127.0.0.1:")


def test_the_truth_is_told_with_every_digit(sandbox, builder):
    account = admin(sandbox, "GET", "/truth")["accounts"][0]

    assert [trade["trade_key"] for trade in account["trades"]] == [trade.trade_key for trade in builder.trades]
    assert [Decimal(trade["cost"]) for trade in account["trades"]] == [trade.cost for trade in builder.trades]
    assert account["movements"][0]["amount"] == "100"
    assert {asset: Decimal(total) for asset, total in account["balances"].items()} == builder.account.balances()
    assert account["keys"][0]["api_key"] == builder.key.api_key


def test_requests_are_counted_by_exchange_and_call_until_reset(sandbox, client):
    client("TradesHistory")
    client("TradesHistory")
    client("Ledgers")

    assert sandbox.requests["kraken", f"POST {TRADES}"] == 2
    assert {row["request"]: row["count"] for row in admin(sandbox, "GET", "/requests")} == {
        f"POST {TRADES}": 2,
        "POST /0/private/Ledgers": 1,
    }
    admin(sandbox, "POST", "/reset-requests")
    assert admin(sandbox, "GET", "/requests") == []


def test_a_new_trade_is_served_at_once_and_moves_the_balance(sandbox, client):
    before = Decimal(client("BalanceEx")["result"]["XXBT"]["balance"])

    made = admin(sandbox, "POST", "/trade", exchange="kraken", market="BTC/USD", amount="0.125", price="40000")

    newest = next(iter(client("TradesHistory")["result"]["trades"].items()))
    assert (newest[0], newest[1]["vol"], newest[1]["cost"]) == (made["trade_key"], "0.12500000", "5000.00000")
    assert Decimal(client("BalanceEx")["result"]["XXBT"]["balance"]) == before + Decimal("0.125")


def test_a_late_trade_is_executed_now_and_served_later(sandbox, client, clock):
    made = admin(sandbox, "POST", "/trade", exchange="kraken", market="BTC/USD", late_seconds=600)
    before = client("TradesHistory")["result"]["trades"]

    clock.forward(600)

    assert made["trade_key"] not in before
    assert made["trade_key"] in client("TradesHistory")["result"]["trades"]


def test_an_amended_trade_is_served_with_its_new_fee_in_history_ledger_and_balance(sandbox, client, builder):
    key = builder.trades[0].trade_key
    before = Decimal(client("BalanceEx")["result"]["ZUSD"]["balance"])

    admin(sandbox, "POST", "/amend", exchange="kraken", trade_key=key, fee_amount="0.5000")

    assert round(Decimal(client("TradesHistory")["result"]["trades"][key]["fee"]), 4) == Decimal("0.5")
    lines = client("Ledgers")["result"]["ledger"].values()
    assert {line["fee"] for line in lines if line["refid"] == key and line["asset"] == "ZUSD"} == {"0.5000"}
    change = builder.account.amendments[0].before.fee_amount - Decimal("0.5")
    assert Decimal(client("BalanceEx")["result"]["ZUSD"]["balance"]) == before + change


def test_a_hidden_movement_is_no_longer_served_while_its_balance_stays(sandbox, client, builder):
    hidden = builder.movements[0].movement_key
    before = client("BalanceEx")["result"]
    assert hidden in client("Ledgers")["result"]["ledger"]

    told = admin(sandbox, "POST", "/hide", exchange="kraken", movement_key=hidden)

    assert [movement["movement_key"] for movement in told["hidden"]] == [hidden]
    assert hidden not in client("Ledgers")["result"]["ledger"]
    assert client("BalanceEx")["result"] == before


def test_a_key_is_changed_and_revoked_while_it_serves(sandbox, client):
    admin(sandbox, "POST", "/key", exchange="kraken", permissions=["read_trades"])
    assert client("BalanceEx")["error"] == ["EGeneral:Permission denied"]
    assert client("TradesHistory")["error"] == []

    admin(sandbox, "POST", "/key", exchange="kraken", revoke=True)

    assert client("TradesHistory")["error"] == ["EAPI:Invalid key"]


def test_a_wrong_admin_request_says_what_is_wrong(sandbox):
    assert admin(sandbox, "POST", "/hide", exchange="kraken", movement_key="none") == {"error": "KeyError: 'none'"}
    assert "error" in admin(sandbox, "POST", "/faults", exchange="kraken", kind="earthquake")


def test_two_accounts_of_one_exchange_are_told_apart_by_their_keys(start):
    first = AccountBuilder("kraken", seed=1).with_fill()
    second = AccountBuilder("kraken", seed=2).with_fill().with_fill()
    sandbox = start(first)
    sandbox.add_account(second.account)
    clients = [Client(sandbox, builder.key) for builder in (first, second)]

    counts = [client("TradesHistory")["result"]["count"] for client in clients]
    identities = {client("GetApiKeyInfo")["result"]["iban"] for client in clients}

    assert counts == [1, 2]
    assert identities == {first.account.uid, second.account.uid}
    assert sandbox.truth("kraken", second.account.uid) is second.account
    for client in clients:
        client.close()


def test_a_port_in_use_is_an_error_and_leaves_nothing_running(sandbox, builder, clock):
    taken = sandbox.ports["kraken"]
    second = Sandbox([builder.account], seed=1, clock=clock, ports={"kraken": taken})

    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()

    assert admin(sandbox, "GET", "/health")["ok"]


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("html200", 200, "<!DOCTYPE html>"),
        ("empty_body", 200, ""),
        ("empty_object", 200, "{}"),
        ("unknown_envelope", 200, '{"status":"failure"'),
        ("status_500", 500, "<!DOCTYPE html>"),
        ("status_503", 503, "<!DOCTYPE html>"),
        ("status_429", 429, "{}"),
        ("status_418", 418, "{}"),
    ],
)
def test_a_fault_strikes_the_next_matching_request_and_then_is_over(sandbox, client, kind, status, body):
    admin(sandbox, "POST", "/faults", exchange="kraken", path="TradesHistory", kind=kind)

    assert client("Ledgers")["error"] == []
    struck = client.send("TradesHistory")

    assert struck.status_code == status
    assert struck.text.startswith(body)
    assert client("TradesHistory")["error"] == []


def test_a_rate_limit_says_how_long_to_wait(sandbox, client):
    admin(sandbox, "POST", "/faults", exchange="kraken", kind="status_429", retry_after=7)

    assert client.send("TradesHistory").headers["Retry-After"] == "7"


def test_truncated_json_ends_in_the_middle(sandbox, client):
    whole = client.send("TradesHistory").text
    sandbox.add_fault("kraken", "TradesHistory", FaultKind.TRUNCATED_JSON)

    torn = client.send("TradesHistory").text

    assert whole.startswith(torn)
    assert torn != whole


def test_a_reset_breaks_the_connection_in_mid_body(sandbox, client):
    sandbox.add_fault("kraken", "TradesHistory", FaultKind.RESET)

    with pytest.raises(requests.exceptions.RequestException):
        client.send("TradesHistory")
    assert client("TradesHistory")["error"] == []


def test_a_timeout_keeps_the_client_waiting(sandbox, client):
    sandbox.add_fault("kraken", "TradesHistory", FaultKind.TIMEOUT, value="60")

    with pytest.raises(requests.exceptions.ReadTimeout):
        client.send("TradesHistory", timeout=0.2)
    assert client("TradesHistory")["error"] == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("bad_row_nan", "vol", "NaN"),
        ("bad_row_decimals", "vol", "0.1234567890123456789"),
        ("bad_row_time", "time", "the day before yesterday"),
        ("bad_row_null", "vol", None),
    ],
)
def test_a_bad_row_spoils_one_value_and_leaves_every_other_digit(sandbox, client, kind, field, value):
    good = json.loads(client.send("TradesHistory").text, parse_float=str)["result"]["trades"]
    sandbox.add_fault("kraken", "TradesHistory", FaultKind(kind))

    bad = json.loads(client.send("TradesHistory").text, parse_float=str)["result"]["trades"]

    first = next(iter(good))
    assert bad == good | {first: good[first] | {field: value}}


def test_a_duplicate_page_is_the_page_before(start):
    builder = AccountBuilder("kraken")
    for _ in range(60):
        builder.with_fill()
    sandbox = start(builder)
    client = Client(sandbox, builder.key)
    first = client.send("TradesHistory").text
    sandbox.add_fault("kraken", "TradesHistory", FaultKind.DUPLICATE_PAGE)

    assert client.send("TradesHistory", ofs=50).text == first
    assert client.send("TradesHistory", ofs=50).text != first
    client.close()


def test_a_looping_page_comes_again_and_again(start):
    builder = AccountBuilder("kraken")
    for _ in range(120):
        builder.with_fill()
    sandbox = start(builder)
    client = Client(sandbox, builder.key)
    sandbox.add_fault("kraken", "TradesHistory", FaultKind.LOOPING_PAGE, times=3)

    pages = [client.send("TradesHistory", ofs=offset).text for offset in (50, 100, 0)]

    assert len(set(pages)) == 1
    assert client.send("TradesHistory", ofs=100).text not in pages
    client.close()


def test_a_skewed_clock_runs_ahead_while_the_fault_lasts(sandbox, client, clock):
    sandbox.add_fault("kraken", "Time", FaultKind.CLOCK_SKEW, value="90")

    assert client.public("Time")["result"]["unixtime"] == int(clock()) + 90
    assert client.public("Time")["result"]["unixtime"] == int(clock())


def test_a_fault_may_let_some_requests_pass_first_and_is_taken_away_again(sandbox, client):
    admin(sandbox, "POST", "/faults", exchange="kraken", path=TRADES, kind="status_503", after=1, times=5)

    statuses = [client.send("TradesHistory").status_code for _ in range(3)]
    admin(sandbox, "DELETE", "/faults")

    assert statuses == [200, 503, 503]
    assert client.send("TradesHistory").status_code == 200
