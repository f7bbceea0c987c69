"""What the page that users read says of manual entry and file import holds of the commands: each text is read, and what it names is run."""

import re

import pytest

from metrifly_pipeline.domain.import_columns import COLUMNS
from metrifly_pipeline.spreadsheets import SpreadsheetFiles
from tests.scenarios.commands import Commands

DAY = "--portfolio main --date 2024-01-31"
ADDED = {
    "metrifly record income reward": ("staking rewards", f"{DAY} --asset SOL --quantity 1.5"),
    "metrifly record income airdrop": ("airdrop", f"{DAY} --asset UNI --quantity 400"),
    "metrifly record transfer in": ("transfer", f"{DAY} --asset BTC --quantity 0.5"),
    "metrifly record swap": (
        "crypto-to-crypto trades",
        f"{DAY} --disposed BTC --disposed-quantity 0.1 --received ETH --received-quantity 1.5",
    ),
}


@pytest.fixture
def command(home, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home.start()
    return Commands(home, capsys)


def named(text):
    return re.findall(r"`(metrifly [^`]+)`", " ".join(text.split()))


@pytest.mark.parametrize("line", ["exchanges bybit", "exchange bybit", "connect bybit --portfolio main", "test bybit"])
def test_an_exchange_without_a_direct_link_goes_by_file_import_or_manual_entry(command, home, line):
    text = command(f"metrifly {line}", status=0 if line.startswith("exchanges") else 1)

    assert "Direct account link isn't available: use file import or manual entry instead" in " ".join(text.split())
    template, imported, record = named(text)
    command(template)
    assert "0 new" in command(f"{imported.replace('NAME', 'main')} --apply")
    file = home.folder.parent / "trades.xlsx"
    file.unlink()
    row = {
        "kind": "buy",
        "date": "2024-01-31",
        "asset": "BTC",
        "quantity": "0.5",
        "counter_asset": "EUR",
        "price": "30000",
    }
    SpreadsheetFiles().write(file, COLUMNS, [row])
    command(f"{imported.replace('NAME', 'main')} --apply")
    home.publish()
    assert {each["asset"]: int(each["amount"] * 10) for each in home.query("SELECT * FROM positions")} == {
        "BTC": 5,
        "EUR": -150_000,
    }
    assert "crypto-to-crypto trade" in command(record)


@pytest.mark.parametrize("exchange", ["kraken", "binance", "okx"])
def test_each_exchanges_page_names_how_rewards_airdrops_transfers_and_swaps_are_added(command, exchange):
    text = command(f"metrifly exchange {exchange}")

    for line, (words, _) in ADDED.items():
        assert line in named(text)
        assert words in " ".join(text.split())


def test_rewards_airdrops_transfers_and_swaps_that_are_missing_can_be_added_by_hand(command, home):
    for line, (_, options) in ADDED.items():
        command(f"{line} {options}")

    home.publish()
    held = {each["asset"]: f"{each['amount'].normalize():f}" for each in home.query("SELECT * FROM positions")}
    assert held == {"SOL": "1.5", "UNI": "400", "BTC": "0.4", "ETH": "1.5"}
    assert {each["kind"] for each in home.query("SELECT kind FROM portfolio_transactions WHERE source = 'entry'")} == {
        "reward",
        "airdrop",
        "transfer",
        "swap disposed",
        "swap received",
    }


def test_the_words_of_the_page_find_the_commands(command):
    page = {"Record a staking reward": "income", "Record a crypto-to-crypto trade": "swap"}
    shown = " ".join(command("metrifly record --help").split())

    for words, verb in page.items():
        assert f"{verb} {words}" in shown
    assert "Import entries from a CSV or XLSX file" in " ".join(command("metrifly import --help").split())
