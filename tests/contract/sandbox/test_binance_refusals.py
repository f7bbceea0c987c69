"""The local Binance refuses what Binance refuses, in Binance's words: keys, signatures, clocks, parameters, limits."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from binance.exceptions import BinanceAPIException

from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from tests.contract.sandbox import binance_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
NOT_FOR_YOU = (-2015, "Invalid API-key, IP, or permissions for action.")


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def account() -> TruthAccount:
    return generate("binance", 3, trades=60, now_us=NOW_US)


@pytest.fixture
def sandbox(account: TruthAccount, clock: Any) -> Iterator[Sandbox]:
    with Sandbox([account], seed=3, clock=time.time) as running:
        yield running


@pytest.fixture
def key(account: TruthAccount) -> TruthKey:
    return next(iter(account.keys.values()))


@pytest.fixture
def client_for(sandbox: Sandbox, key: TruthKey) -> Any:
    """A client with the account's key, changed as said."""

    def make(**changes: str) -> Any:
        return readers.client_of(sandbox.base_url("binance"), replace(key, **changes))

    return make


def refused(ask, *args, **params):
    """The status, code and message of a refusal."""
    with pytest.raises(BinanceAPIException) as caught:
        ask(*args, **params)
    return caught.value.status_code, caught.value.code, caught.value.message


def change_key(account, key, **changes):
    account.keys[key.api_key] = replace(key, **changes)


def test_the_right_key_is_let_in(client_for, account):
    assert str(client_for().get_account()["uid"]) == account.uid


def test_an_unknown_key_is_not_told_from_a_wrong_ip_or_permission(client_for):
    assert refused(client_for(api_key="A" * 64).get_account) == (401, *NOT_FOR_YOU)


def test_a_key_in_the_wrong_form_is_refused_as_such(client_for):
    assert refused(client_for(api_key="short").get_account) == (401, -2014, "API-key format invalid.")


def test_a_wrong_secret_makes_a_wrong_signature(client_for):
    message = "Signature for this request is not valid."

    assert refused(client_for(secret="wrong").get_account) == (400, -1022, message)
    assert refused(client_for(secret="wrong").get_user_asset) == (400, -1022, message)


def test_sapi_refuses_with_400_what_api_refuses_with_401(client_for):
    assert refused(client_for(api_key="A" * 64).get_account_api_permissions) == (400, *NOT_FOR_YOU)


def test_an_ip_that_is_not_on_the_list_is_refused_and_one_that_is_gets_in(client_for, account, key):
    change_key(account, key, ip_allowlist=("203.0.113.5",))
    assert refused(client_for().get_account) == (401, *NOT_FOR_YOU)

    change_key(account, key, ip_allowlist=("203.0.113.5", "127.0.0.1"))
    assert client_for().get_account_api_permissions()["ipRestrict"] is True


def test_a_key_without_reading_sees_nothing_but_what_it_may_do(client_for, account, key):
    change_key(account, key, permissions=frozenset({"trade", "withdraw"}))
    client = client_for()

    switches = client.get_account_api_permissions()

    assert (switches["enableReading"], switches["enableSpotAndMarginTrading"]) == (False, True)
    assert switches["enableWithdrawals"] is True
    for ask in (client.get_account, client.get_deposit_history, client.get_dust_log):
        assert refused(ask)[1:] == NOT_FOR_YOU


def test_a_revoked_key_and_an_expired_one_are_refused(client_for, account, key):
    change_key(account, key, expires_at_us=NOW_US)
    assert refused(client_for().get_account) == (401, *NOT_FOR_YOU)

    del account.keys[key.api_key]
    assert refused(client_for().get_account) == (401, *NOT_FOR_YOU)


@pytest.mark.parametrize(
    ("offset_ms", "message"),
    [
        (1_000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (-10_001, "Timestamp for this request is outside of the recvWindow."),
    ],
)
def test_a_clock_that_is_off_is_refused(client_for, offset_ms, message):
    client = client_for()
    client.timestamp_offset = offset_ms

    assert refused(client.get_account) == (400, -1021, message)


@pytest.mark.parametrize("offset_ms", [999, -10_000])
def test_a_clock_that_is_off_by_less_is_taken(client_for, account, offset_ms):
    """The client's receive window is ten seconds."""
    client = client_for()
    client.timestamp_offset = offset_ms

    assert str(client.get_account()["uid"]) == account.uid


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        (
            {"symbol": "btcusdt"},
            -1100,
            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
        ),
        ({"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128, "Combination of optional parameters invalid."),
        (
            {"symbol": "BTCUSDT", "startTime": 0, "endTime": 86_400_001},
            -1127,
            "More than 24 hours between startTime and endTime.",
        ),
        (
            {"symbol": "BTCUSDT", "asset": "BTC"},
            -1104,
            "Not all sent parameters were read; read '4' parameter(s) but was sent '5'.",
        ),
    ],
)
def test_wrong_parameters_of_my_trades_are_refused(client_for, params, code, message):
    assert refused(client_for().get_my_trades, **params) == (400, code, message)


def test_a_receive_window_over_a_minute_is_refused(client_for):
    client = client_for()
    client.REQUEST_RECVWINDOW = 60_001

    assert refused(client.get_account) == (400, -1131, "recvWindow must be less than 60000.")


def test_windows_wider_than_documented_are_refused(client_for):
    client = client_for()
    day = readers.DAY_MS

    assert refused(client.get_deposit_history, startTime=0, endTime=90 * day + 1)[1] == -4047
    assert refused(client.get_convert_trade_history, startTime=0, endTime=30 * day + 1)[1] == -1127
    assert refused(client.get_asset_dividend_history, startTime=0, endTime=180 * day + 1)[1] == -1127
    assert client.get_deposit_history(startTime=0, endTime=90 * day) == []


def test_the_weight_of_a_minute_is_counted_told_and_enforced(client_for, clock):
    client = client_for()
    for asked in range(1, 301):
        client.get_my_trades(symbol="BTCUSDT")
        assert client.response.headers["X-MBX-USED-WEIGHT-1M"] == str(20 * asked)

    status, code, message = refused(client.get_my_trades, symbol="BTCUSDT")

    assert (status, code) == (429, -1003)
    assert "6000 request weight per 1 MINUTE" in message
    assert client.response.headers["Retry-After"] == "61"
    clock.shift(61)
    assert client.get_my_trades(symbol="BTCUSDT", limit=1) != []


def test_whoever_goes_on_after_429_is_banned_for_two_minutes(client_for, clock):
    client = client_for()
    for _ in range(300):
        client.get_my_trades(symbol="BTCUSDT")
    statuses = [refused(client.get_my_trades, symbol="BTCUSDT")[0] for _ in range(11)]
    until_ms = NOW_US // 1_000 + 120_000

    assert statuses == [429] * 10 + [418]
    clock.shift(119)
    status, code, message = refused(client.get_account_api_permissions)
    assert (status, code) == (418, -1003)
    assert f"IP banned until {until_ms}" in message
    clock.shift(1)
    assert client.get_account_api_permissions()["enableReading"] is True


def test_withdrawals_are_limited_by_account_and_apart_from_everything_else(client_for):
    client = client_for()
    for _ in range(10):
        client.get_withdraw_history()

    assert refused(client.get_withdraw_history) == (429, -1003, "Too many requests; current request has limited.")
    assert client.get_deposit_history() is not None
    assert client.response.headers["X-SAPI-USED-IP-WEIGHT-1M"] == "1"


def test_a_path_that_binance_does_not_have_answers_in_html(client_for):
    status, code, message = refused(client_for()._get, "nothing")

    assert (status, code) == (404, 0)
    assert "Invalid JSON error message" in message


def test_two_accounts_are_told_apart_by_their_keys(account, clock):
    other = generate("binance", 4, trades=20, now_us=NOW_US)
    with Sandbox([account, other], seed=3, clock=time.time) as running:
        uids = [
            readers.client_of(running.base_url("binance"), next(iter(each.keys.values()))).get_account()["uid"]
            for each in (account, other)
        ]

    assert [str(uid) for uid in uids] == [account.uid, other.uid]
    assert uids[0] != uids[1]
