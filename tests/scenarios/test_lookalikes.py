"""What is entered although a connection imported it is pointed out: by the record's name, and only where it says the same."""

from datetime import timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.homes import NOW
from tests.scenarios.importing import Importing

AT = (NOW - timedelta(days=2)).replace(hour=9, minute=30, second=12)


@pytest.fixture
def account():
    bought = AccountBuilder("kraken", first_at=AT - timedelta(days=3)).with_movement(asset="USD", amount="1000")
    return bought.with_fill(market="BTC/USD", price="100", amount="3", fee=None, at=AT)


@pytest.fixture
def command(home, account, capsys, tmp_path):
    home.start(account)
    home.connection = home.imported(account)
    return Importing(home, capsys, tmp_path)


def trade(place, *, side="buy", amount="3", date=f"{AT:%Y-%m-%d}", base="BTC"):
    return f"metrifly record trade {side} {place} --base {base} --quote USD --amount {amount} --cost 300 --date {date}"


@pytest.fixture(params=["--connection {}", "--portfolio Main"])
def place(request, home):
    return request.param


@pytest.mark.parametrize("date", [f"{AT:%Y-%m-%d}", f"{AT:%Y-%m-%dT%H:%M}:00Z"])
def test_a_trade_by_hand_that_was_imported_is_pointed_out_with_the_record(home, account, command, place, date):
    (imported,) = account.trades

    shown = command.told(trade(place.format(home.connection), date=date))

    assert "Careful: what was imported says the same" in shown
    assert f"(buy {imported.trade_key} of {AT:%Y-%m-%d %H:%M} UTC at {home.connection})" in shown
    entry = command.entries()[0]["id"]
    assert f"`metrifly record delete {entry}`" in shown
    (same,) = command.json(trade(place.format(home.connection), date=date))["lookalikes"]
    assert (same["connection"], same["kind"], same["record"]) == (home.connection, "buy", imported.trade_key)


@pytest.mark.parametrize(
    "changed",
    [
        {"side": "sell"},
        {"amount": "3.000000000000000001"},
        {"base": "ETH"},
        {"date": f"{AT - timedelta(days=1):%Y-%m-%d}"},
        {"date": f"{AT + timedelta(minutes=2):%Y-%m-%dT%H:%M:%S}Z"},
    ],
    ids=str,
)
def test_what_says_something_else_is_entered_without_a_word(home, command, place, changed):
    assert "Careful" not in command.told(trade(place.format(home.connection), **changed))


def test_an_edit_that_makes_an_entry_the_same_is_pointed_out_too(home, command):
    made = command.json(trade(f"--connection {home.connection}", amount="2"))
    assert made["lookalikes"] == []

    assert "Careful" in command.told(f"metrifly record edit {made['id']} --quantity 3")
    assert "Careful" not in command.told(f"metrifly record delete {made['id']}")


def test_a_transfer_that_was_imported_is_pointed_out_and_an_opening_balance_never(home, account, command):
    (deposit,) = account.movements
    moved = f"--connection {home.connection} --asset USD --quantity 1000 --date {AT - timedelta(days=3):%Y-%m-%d}"

    assert f"deposit {deposit.movement_key} of" in command.told(f"metrifly record transfer in {moved}")
    assert "Careful" not in command.told(f"metrifly record transfer out {moved}")
    assert "Careful" not in command.told(f"metrifly record opening-balance {moved}")


def test_another_portfolios_entry_is_its_own(home, command):
    command("metrifly portfolio create Other")

    assert "Careful" not in command.told(trade("--portfolio Other"))


def test_the_preview_of_a_file_names_the_lines_that_were_imported_and_stores_nothing(home, account, command):
    base = {"kind": "buy", "asset": "BTC", "counter_asset": "USD", "counter_quantity": "300"}
    same = base | {"date": f"{AT:%Y-%m-%d %H:%M:%S}", "quantity": "3"}
    other = same | {"quantity": "4"}
    file = command.file(other, same)

    shown = command.told(f"metrifly import {file} --portfolio Main", status=1)  # asked, the answer is no

    assert "Perhaps imported already" in shown
    assert f"3 {home.connection} buy {account.trades[0].trade_key}" in shown
    told = command.json(f"metrifly import {file} --portfolio Main")["new"]
    assert [len(row["lookalikes"]) for row in told] == [0, 1]
    assert command.entries() == []
    assert "Perhaps" not in command.told(
        f"metrifly import {command.file(other)} --portfolio Main", status=1
    )  # the control


def test_what_was_entered_before_its_connection_was_made_is_pointed_out_in_the_list(home, account, capsys, tmp_path):
    home.start(account)
    command = Importing(home, capsys, tmp_path)
    command(trade("--portfolio Main"))
    command(trade("--portfolio Main", amount="4"))
    assert "Perhaps imported too" not in command.told("metrifly record list")

    connection = home.imported(account)

    shown = command.told("metrifly record list")
    same, other = sorted(command.entries(), key=lambda each: Decimal(each["legs"][0]["amount"]))
    assert (
        f"{same['id']} {connection} buy {account.trades[0].trade_key} of" in shown.partition("Perhaps imported too")[2]
    )
    assert other["id"] not in shown.partition("Perhaps imported too")[2]
    assert ([each["connection"] for each in same["lookalikes"]], other["lookalikes"]) == ([connection], [])
    command(f"metrifly record delete {same['id']}")
    assert "Perhaps" not in command.told("metrifly record list")
