"""The local OKX refuses what OKX refuses, in OKX's words: keys, passphrases, signatures, clocks, parameters, limits."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import ccxt
import pytest
import time_machine

from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from tests.contract.sandbox import okx_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def account() -> TruthAccount:
    return generate("okx", 3, trades=60, now_us=NOW_US)


@pytest.fixture
def sandbox(account: TruthAccount, clock: Any) -> Iterator[Sandbox]:
    with Sandbox([account], seed=3, clock=time.time) as running:
        yield running


@pytest.fixture
def key(account: TruthAccount) -> TruthKey:
    return next(iter(account.keys.values()))


@pytest.fixture
def clients(sandbox: Sandbox, key: TruthKey) -> Iterator[Callable[..., readers.Clients]]:
    """Clients with the account's key, changed as said."""
    with ExitStack() as stack:

        def make(*, flag: str = "0", **changes: str) -> readers.Clients:
            base_url = sandbox.base_url("okx")
            return stack.enter_context(closing(readers.Clients(base_url, replace(key, **changes), flag=flag)))

        yield make


def change_key(account, key, **changes):
    account.keys[key.api_key] = replace(key, **changes)


def test_the_right_key_is_let_in_and_told_what_it_may_do(clients, account):
    (config,) = clients().account.get_account_config()["data"]

    assert (config["uid"], config["perm"], config["ip"]) == (account.uid, "read_only", "")


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"api_key": "no-such-form"}, {"msg": "Invalid OK-ACCESS-KEY", "code": "50111"}),
        (
            {"api_key": "01234567-89ab-cdef-0123-456789abcdef"},
            {"msg": "API key doesn't exist", "code": "50119"},
        ),
        ({"passphrase": "wrong"}, {"msg": 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', "code": "50105"}),
        ({"secret": "wrong"}, {"msg": "Invalid Sign", "code": "50113"}),
        ({"flag": "1"}, {"msg": "APIKey does not match current environment.", "code": "50101"}),
    ],
)
def test_wrong_credentials_are_refused_each_with_its_own_code(clients, changes, body):
    assert clients(**changes).account.get_account_config() == body
    assert clients().account.get_account_config()["code"] == "0"


def test_a_request_without_the_headers_names_the_missing_one(clients):
    nobody = clients(api_key="-1")  # python-okx sends no headers then

    assert nobody.account.get_account_config() == {
        "msg": 'Request header "OK-ACCESS-KEY" can not be empty.',
        "code": "50103",
    }


def test_an_ip_that_is_not_on_the_list_is_refused_and_one_that_is_gets_in(clients, account, key):
    change_key(account, key, ip_allowlist=("203.0.113.5",))
    assert clients().account.get_account_config() == {
        "msg": "Your IP 127.0.0.1 is not included in your API key's IP whitelist.",
        "code": "50110",
    }

    change_key(account, key, ip_allowlist=("203.0.113.5", "127.0.0.1"))
    assert clients().account.get_account_config()["data"][0]["ip"] == "203.0.113.5,127.0.0.1"


def test_a_key_without_reading_may_only_ask_what_it_may_do(clients, account, key):
    change_key(account, key, permissions=frozenset({"trade", "withdraw"}))
    client = clients()
    no_permission = {"msg": "This API key doesn't have permission to use this function", "code": "50120"}

    assert client.account.get_account_config()["data"][0]["perm"] == "withdraw,trade"
    assert client.fills({}) == no_permission
    assert client.funding.get_balances() == no_permission
    assert client.bills({}) == no_permission


def test_an_expired_key_does_not_exist_any_more(clients, account, key):
    change_key(account, key, expires_at_us=NOW_US)

    assert clients().account.get_account_config() == {"msg": "API key doesn't exist", "code": "50119"}


@pytest.mark.parametrize(("seconds", "code"), [(31, "50102"), (-31, "50102"), (30, "0"), (-30, "0")])
def test_a_clock_that_is_off_by_more_than_thirty_seconds_is_refused(account, clock, seconds, code):
    ahead = (NOW + timedelta(seconds=seconds)).timestamp()
    with Sandbox([account], seed=3, clock=lambda: ahead) as running:
        client = readers.Clients(running.base_url("okx"), next(iter(account.keys.values())))
        assert client.account.get_account_config()["code"] == code
        client.close()


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({"instType": ""}, {"code": "50014", "data": [], "msg": "Parameter instType can not be empty"}),
        ({"instType": "COINS"}, {"code": "51000", "data": [], "msg": "Parameter instType error"}),
        ({"limit": "101"}, {"code": "51000", "data": [], "msg": "Parameter limit error"}),
        ({"after": "x"}, {"code": "51000", "data": [], "msg": "Parameter after error"}),
    ],
)
def test_wrong_parameters_are_refused(clients, params, body):
    assert clients().fills(params) == body


def test_ccxt_raises_its_errors_for_ours(sandbox, key):
    expected = {
        "passphrase": ccxt.AuthenticationError,
        "secret": ccxt.AuthenticationError,
    }
    for name, error in expected.items():
        with pytest.raises(error):
            readers.CcxtClient(sandbox.base_url("okx"), replace(key, **{name: "wrong"})).fills({})


def test_each_endpoint_takes_so_many_calls_in_two_seconds_from_one_user(clients, clock):
    client = clients()
    codes = [client.fills({"limit": "1"})["code"] for _ in range(10)]

    assert codes == ["0"] * 10
    assert client.fills({"limit": "1"}) == {"msg": "Too Many Requests", "code": "50011"}
    assert client.bills({"limit": "1"})["code"] == "0"
    clock.shift(2)
    assert client.fills({"limit": "1"})["code"] == "0"


def test_too_many_requests_come_with_status_429(sandbox, key):
    client = readers.CcxtClient(sandbox.base_url("okx"), key)
    for _ in range(6):
        client.deposits({})

    with pytest.raises(ccxt.RateLimitExceeded):
        client.deposits({})
    assert client.exchange.last_http_response == '{"msg":"Too Many Requests","code":"50011"}'


def test_a_path_that_okx_does_not_have_is_not_found(clients):
    answer = clients().account._request_without_params("GET", "/api/v5/nothing")

    assert answer == {"msg": "Invalid request path", "code": "404"}
