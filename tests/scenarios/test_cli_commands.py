"""The commands end to end on a local exchange: connect, sync, read, disconnect; jobs run without Dagster here."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest


def test_every_exchange_is_found_and_one_without_a_room_says_what_to_do_instead(bench):
    assert "metrifly exchange kraken" in bench("exchanges", "krak")

    shown = bench("exchanges", "bybit")

    assert "Direct account link isn't available: use file import or manual entry instead" in shown
    assert "metrifly exchange bybit" not in shown
    assert len(bench.json("exchanges")) > 100


def test_an_exchange_without_a_room_can_not_be_shown_or_connected(bench):
    bench("portfolio", "create", "p")

    for command in (["exchange", "bybit"], ["test", "bybit"], ["connect", "bybit", "--portfolio", "p"]):
        assert "Direct account link isn't available" in bench(*command, status=1)


def test_an_exchanges_page_shows_guide_permissions_addresses_and_that_nobody_verified_it(bench, monkeypatch):
    monkeypatch.setenv("METRIFLY_EGRESS_IPS", "203.0.113.7, 203.0.113.8")

    shown = bench("exchange", "kraken")

    for words in ("verified live: never", "203.0.113.7, 203.0.113.8", "OFF", "Private key", "only once", "not covered"):
        assert words in shown


def test_a_portfolios_name_is_unique_in_any_case(bench):
    bench("portfolio", "create", "Long term")

    bench("portfolio", "create", "LONG term", status=1)

    assert [portfolio["name"] for portfolio in bench.json("portfolio", "list")] == ["Long term"]


def test_trying_a_key_says_one_line_a_permission_and_stores_nothing(bench):
    shown = bench("test", "kraken", "--base-url", bench.sandbox.base_url("kraken"))

    for name in ("balances", "trades", "trading off", "withdrawals off", "transfers off", "IP"):
        assert name in shown
    assert bench.json("connections") == []


@pytest.mark.parametrize(
    ("power", "line"), [("trade", "trading off"), ("withdraw", "withdrawals off"), ("transfer", "transfers off")]
)
def test_trying_a_key_fails_for_whatever_connecting_it_would_be_refused(bench, power, line):
    address = bench.sandbox.base_url("kraken")
    bench("portfolio", "create", "p")
    bench.account.account.keys[bench.key.api_key] = replace(bench.key, permissions=bench.key.permissions | {power})

    shown = bench("test", "kraken", "--base-url", address, status=1)
    bench("connect", "kraken", "--portfolio", "p", "--base-url", address, status=1)

    (wrong,) = [text for text in shown.splitlines() if "switch it off" in text]
    assert line in wrong


def test_only_a_literal_loopback_address_is_taken_as_a_local_exchange(bench):
    bench("portfolio", "create", "p")

    for url in ("http://localhost:1", "http://10.0.0.1:1", "https://example.com", "http://127.0.0.1.example.com"):
        bench("connect", "kraken", "--portfolio", "p", "--base-url", url, status=1)

    assert bench.json("connections") == []


def test_a_connection_is_local_imports_and_is_read_from_the_published_tables(bench):
    connection = bench.connect()

    shown = bench("sync", connection, "--here")

    assert "added 1 trade and" in shown
    assert "LOCAL" in bench("connections")
    (view,) = bench.json("connections")
    assert (view["connection"], view["trades"], view["status"]) == (connection, 1, "up_to_date")
    (row,) = bench.json("query", "SELECT trade_key, amount FROM trades")
    assert row == {"trade_key": bench.account.trades[0].trade_key, "amount": "0.500000000000000000"}
    assert "agree exactly" in bench("reconcile")
    assert "Every record could be read" in bench("quarantine")


def test_a_second_sync_says_that_nothing_is_new(bench):
    connection = bench.connect()
    bench("sync", connection, "--here")

    assert "already up to date, checked" in bench("sync", "--all", "--here")

    bench.account.with_fill(market="BTC/USD", amount="0.25", at=datetime.now(UTC) - timedelta(hours=1))
    assert "added 1 trade" in bench("sync", "--all", "--here")


def test_an_exchange_account_is_linked_once_and_the_refusal_names_the_command_to_go_on_with(bench):
    connection = bench.connect()
    again = ["connect", "kraken", "--portfolio", "Long term", "--base-url", bench.sandbox.base_url("kraken")]

    assert f"metrifly replace-key {connection}" in bench(*again, status=1)

    bench("disconnect", connection)
    assert f"metrifly reconnect {connection}" in bench(*again, status=1)
    assert len(bench.json("connections")) == 1


def test_without_a_daemon_a_sync_says_so_and_how_to_go_on(bench):
    connection = bench.connect()

    shown = bench("sync", connection, status=1)

    assert "metrifly dev" in shown
    assert f"metrifly sync {connection} --here" in shown.replace("\n", " ")


def test_with_a_daemon_a_sync_is_asked_for_and_waited_for(bench):
    connection = bench.connect()
    bench.daemon = True

    assert "waiting to start" in bench("sync", connection)
    assert bench.slept == []

    shown = bench("sync", connection, "--wait")

    assert "added 1 trade" in shown
    assert bench.slept == [1.0]


def test_a_refused_key_says_why_and_what_to_do_and_ends_with_status_1(bench):
    connection = bench.connect()
    bench.account.account.keys.clear()

    shown = bench("sync", connection, "--here", status=1)

    assert "can't:" in shown
    listed = bench("connections")
    assert "needs attention" in listed
    assert f"metrifly replace-key {connection}" in listed.replace("\n", " ")


def test_a_rebuild_makes_the_same_rows_from_raw_records_without_asking_the_exchange(bench):
    connection = bench.connect()
    bench("sync", connection, "--here")
    before = bench.json("query", "SELECT * FROM trades")
    asked = sum(bench.sandbox.requests.values())

    assert "1 trade" in bench("rebuild", connection)

    assert bench.json("query", "SELECT * FROM trades") == before
    assert sum(bench.sandbox.requests.values()) == asked


@pytest.mark.parametrize(
    "text",
    ["", "not json PLANTED", '["PLANTED"]', '{"api_key": "PLANTED"}', '{"api_key": "PLANTED", "token": "PLANTED"}'],
)
def test_an_unusable_credentials_file_is_refused_without_repeating_it(bench, tmp_path, text):
    file = tmp_path / "key.json"
    file.write_text(text)

    assert "PLANTED" not in bench("test", "kraken", "--credentials-file", str(file), status=1)


def test_a_credentials_file_connects_without_asking(bench, tmp_path):
    file = tmp_path / "key.json"
    key = bench.key
    file.write_text(json.dumps({"api_key": key.api_key, "secret": f"{key.secret}\n"}))

    bench("test", "kraken", "--base-url", bench.sandbox.base_url("kraken"), "--credentials-file", str(file))


def test_a_label_can_not_move_the_readers_cursor(bench):
    bench("portfolio", "create", "red \x1b[31m[bold]name")

    shown = bench("portfolio", "list")

    assert "\x1b" not in shown
    assert "[bold]name" in shown


def test_a_statement_that_would_write_is_refused(bench):
    connection = bench.connect()
    bench("sync", connection, "--here")

    bench("query", "CREATE TABLE t (x INTEGER)", status=1)
    bench("query", "SELECT nonsense FROM trades", status=1)
    assert "1 row" in bench("query", "SELECT count(*) FROM trades")
