"""What a person reads while connecting: before the prompt, around a pasted key, and on the addresses that a key allows."""

import re

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.commands import Commands

OURS = "203.0.113.7,203.0.113.8"
ONCE = "shows the secret only once, when the key is created: keep that page open until this is done."


@pytest.mark.parametrize("command", ["connect", "test", "replace-key", "reconnect"])
def test_that_the_secret_is_only_shown_once_is_said_before_it_is_asked_for(bench, capsys, command):
    connection = bench.connect()
    bench("sync", connection, "--here")
    if command == "reconnect":
        bench("disconnect", connection)
    seen = []

    def ask(fields):
        seen.append(" ".join(capsys.readouterr().err.split()))
        return {field.name: getattr(bench.key, field.name) for field in fields}

    bench._ask_hidden = ask
    local = ["--base-url", bench.sandbox.base_url("kraken")]
    given = {
        "connect": (["kraken", "--portfolio", "Long term", *local], 1),  # linked already
        "test": (["kraken", *local], 0),
    }
    words, status = given.get(command, ([connection], 0))
    bench(command, *words, status=status)

    assert seen == [f"Kraken {ONCE} What you type or paste is not shown."]


def test_a_key_that_was_pasted_with_blanks_and_line_ends_connects_and_syncs(bench):
    def ask(fields):
        return {field.name: f" \t{getattr(bench.key, field.name)} \r\n\n" for field in fields}

    bench._ask_hidden = ask

    connection = bench.connect()

    assert "added 1 trade" in bench("sync", connection, "--here")


@pytest.mark.parametrize(
    ("allowed", "status", "line"),
    [
        (("127.0.0.1", "203.0.113.7"), 1, "NOT OK add 203.0.113.8 to the key's allowed addresses"),
        (("127.0.0.1", "203.0.113.7", "203.0.113.8"), 0, "ok this address is allowed"),
        ((), 0, "ok the key allows every address; you may restrict it to 203.0.113.7, 203.0.113.8"),
    ],
)
@pytest.mark.parametrize("exchange", ["kraken", "okx"])
def test_our_addresses_are_compared_with_the_keys_own_list(home, shell, exchange, allowed, status, line):
    account = AccountBuilder(exchange).with_fill().with_key(ip_allowlist=allowed)
    home.start(account, egress_ips=OURS)

    shown = shell(account).told("test", exchange, *shell.given, status=status)

    assert f"IP {line}" in shown
    refused = shell(account).told("connect", exchange, "--portfolio", "Main", *shell.given, status=status)
    assert ("(add: 203.0.113.8)" in refused) is (status == 1)
    assert f"Allowed IPs: {OURS.replace(',', ', ')}" in shell(account).told("exchange", exchange)


def test_where_the_exchange_tells_no_list_that_is_said(home, shell):
    account = AccountBuilder("binance").with_fill().with_key(ip_allowlist=("127.0.0.1",))
    home.start(account, egress_ips=OURS)

    shown = shell(account).told("test", "binance", *shell.given)

    assert "IP not told the exchange does not tell which addresses the key allows" in shown


class Shell:
    """Commands on a home, with the key of an account in a file."""

    def __init__(self, home, capsys, folder):
        self._commands, self._home, self._file = Commands(home, capsys), home, folder / "key.json"
        self.given = []

    def __call__(self, account):
        key = account.key
        self._file.write_text(
            f'{{"api_key": "{key.api_key}", "secret": "{key.secret}", "passphrase": "{key.passphrase}"}}'
        )
        address = self._home.sandbox.base_url(account.account.exchange)
        self.given[:] = ["--credentials-file", str(self._file), "--base-url", address]
        return self._commands


@pytest.fixture
def shell(home, capsys, tmp_path):
    return Shell(home, capsys, tmp_path)


def test_who_connects_is_told_whether_the_first_import_starts_by_itself(bench):
    bench("portfolio", "create", "Long term")
    told = bench.told("connect", "kraken", "--portfolio", "Long term", "--base-url", bench.sandbox.base_url("kraken"))
    connection = re.search(r"kraken-\w{8}", told).group()
    assert f"waits for the daemon of `metrifly dev`; to run it here and now: metrifly sync {connection} --here" in told

    bench.daemon = True
    told = bench.told("replace-key", connection)

    assert f"starts within seconds; how far it is: metrifly connections {connection}" in told
