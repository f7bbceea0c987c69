"""Kraken's dialect refuses what Kraken refuses, in Kraken's words; beside each refusal stands a call that is let in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.contract.sandbox.conftest import NOW, micros
from tests.contract.sandbox.kraken_client import Client


@pytest.fixture
def connect(start):
    """A client of an account with one of everything; closed after the test."""
    clients = []

    def connected(builder=None, **options):
        builder = builder or AccountBuilder("kraken")
        sandbox = start(builder, **options)
        clients.append(Client(sandbox, builder.key))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


def error_of(client, method="BalanceEx", **asked):
    answer = client(method, **asked)
    assert client.last.status_code == 200
    return answer["error"]


def test_an_unknown_key_is_refused(connect):
    client = connect()
    assert error_of(client) == []

    client.key = replace(client.key, api_key="AAAA" + client.key.api_key[4:])

    assert error_of(client) == ["EAPI:Invalid key"]


def test_a_revoked_key_is_refused(connect):
    builder = AccountBuilder("kraken")
    client = connect(builder)
    assert error_of(client) == []

    builder.account.keys.clear()

    assert error_of(client) == ["EAPI:Invalid key"]


def test_an_expired_key_is_refused_from_its_last_moment_on(connect, clock):
    builder = AccountBuilder("kraken")
    builder.account.keys[builder.key.api_key] = replace(builder.key, expires_at_us=micros(NOW + timedelta(hours=1)))
    client = connect(builder)
    assert client("GetApiKeyInfo")["result"]["validUntil"] == str(int(NOW.timestamp()) + 3600)
    assert error_of(client) == []

    clock.forward(3600)

    assert error_of(client) == ["EAPI:Invalid key"]


def test_a_wrong_secret_is_refused(connect):
    client = connect()
    assert error_of(client) == []

    client.secret = "AAAA" + client.secret[4:]

    assert error_of(client) == ["EAPI:Invalid signature"]


def test_a_nonce_must_rise(connect):
    client = connect()

    assert error_of(client, nonce=1_000) == []
    assert error_of(client, nonce=1_000) == ["EAPI:Invalid nonce"]
    assert error_of(client, nonce=999) == ["EAPI:Invalid nonce"]
    assert error_of(client, nonce=1_001) == []


def test_a_nonce_that_was_refused_for_its_signature_is_not_used_up(connect):
    client = connect()
    secret, client.secret = client.secret, "AAAA" + client.secret[4:]
    assert error_of(client, nonce=1_000_000) == ["EAPI:Invalid signature"]

    client.secret = secret

    assert error_of(client) == []


@pytest.mark.parametrize(
    ("permission", "method"),
    [("read_trades", "TradesHistory"), ("read_ledger", "Ledgers"), ("read_balances", "BalanceEx")],
)
def test_a_call_without_its_permission_is_refused_and_the_others_are_not(connect, permission, method):
    client = connect(AccountBuilder("kraken").with_key(without=permission))

    answers = {name: error_of(client, name) for name in ("TradesHistory", "Ledgers", "BalanceEx", "GetApiKeyInfo")}

    assert answers == {name: [] for name in answers} | {method: ["EGeneral:Permission denied"]}


def test_a_key_that_may_trade_says_so(connect):
    client = connect(AccountBuilder("kraken").with_key(with_also="trade"))

    permissions = client("GetApiKeyInfo")["result"]["permissions"]

    assert {"modify-trades", "close-trades"} <= set(permissions)


@pytest.mark.parametrize(
    ("allowed", "errors"),
    [
        (("203.0.113.7",), ["EAPI:Invalid IP address"]),
        (("203.0.113.7", "127.0.0.1"), []),
        (("127.0.0.0/8",), []),
    ],
)
def test_only_addresses_on_the_list_are_let_in(connect, allowed, errors):
    client = connect(AccountBuilder("kraken").with_key(ip_allowlist=allowed))

    assert error_of(client) == errors


def test_the_call_counter_refuses_above_fifteen_and_decays_by_a_third_a_second(connect, clock):
    client = connect(scale=1.0)

    errors = [error_of(client, "TradesHistory") for _ in range(9)]
    clock.forward(4)
    errors.append(error_of(client, "TradesHistory"))
    errors.append(error_of(client, "TradesHistory"))

    limited = ["EAPI:Rate limit exceeded"]
    assert errors == [[]] * 8 + [limited] + [[]] + [limited]


def test_the_scale_multiplies_the_counter(connect):
    client = connect(scale=10.0)

    assert [error_of(client, "TradesHistory") for _ in range(76)] == [[]] * 76
    assert error_of(client, "TradesHistory") == ["EAPI:Rate limit exceeded"]


def test_public_calls_are_limited_by_address_and_need_no_key(connect):
    client = connect(scale=1.0)

    errors = [client.public("Time")["error"] for _ in range(17)]

    assert errors == [[]] * 16 + [["EGeneral:Too many requests"]]


@pytest.mark.parametrize("method", ["AddOrder", "Withdraw", "WalletTransfer", "CancelAll"])
def test_there_is_nothing_to_write_with(connect, method):
    client = connect(AccountBuilder("kraken").with_key(with_also="trade"))

    assert error_of(client, method) == ["EGeneral:Unknown method"]


def test_the_clock_assets_and_pairs_are_public(connect):
    client = connect()

    assert client.public("Time")["result"]["unixtime"] == int(NOW.timestamp())
    assert client.public("SystemStatus")["result"]["status"] == "online"
    assert client.public("Assets", asset="XBT")["result"]["XXBT"]["decimals"] == 10
    pairs = client.public("AssetPairs")["result"]
    assert (pairs["XXBTZUSD"]["base"], pairs["XXBTZUSD"]["quote"]) == ("XXBT", "ZUSD")
    assert "POLUSD" in pairs
    assert not {"MATICUSD", "XREPZUSD"} & pairs.keys()
