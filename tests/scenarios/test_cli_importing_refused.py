"""What `metrifly import` can't read: named by line, column and reason, or by the file; nothing of it is stored."""

import pytest

from tests.scenarios.homes import Home, Time
from tests.scenarios.importing import Importing, row


@pytest.fixture(scope="module")
def one_home(tmp_path_factory):
    """A home for all that stores nothing."""
    made = Home(tmp_path_factory.mktemp("importing") / "home", Time()).start()
    made.product.control.create_portfolio(made.product.account, "Other", made.time.now)
    yield made
    made.close()


@pytest.fixture
def refusing(one_home, capsys, tmp_path):
    return Importing(one_home, capsys, tmp_path)


@pytest.mark.parametrize(
    ("kind", "changed", "column", "told"),
    [
        ("reward", {"kind": ""}, "kind", "kind is missing"),
        ("reward", {"kind": "staking"}, "kind", "kind 'staking' is none; write one of reward,"),
        ("reward", {"date": ""}, "date", "date is missing"),
        ("reward", {"date": "31.01.2024"}, "date", "is not a date"),
        ("reward", {"date": "2030-01-01"}, "date", "lies in the future"),
        ("reward", {"asset": ""}, "asset", "asset is missing"),
        ("reward", {"asset": "B TC"}, "asset", "not an asset's code"),
        ("reward", {"quantity": ""}, "quantity", "quantity is missing"),
        ("reward", {"quantity": "1,5"}, "quantity", "commas"),
        ("reward", {"quantity": "2024-05-01"}, "quantity", "is not a number"),
        ("reward", {"quantity": "1.0000000000000000001"}, "quantity", "too many digits"),
        ("reward", {"value": ""}, "value", "value and value_currency together"),
        ("reward", {"fee": "1"}, "fee", "fee means nothing to reward; leave it empty"),
        ("reward", {"to_portfolio": "other"}, "to_portfolio", "means nothing to reward"),
        ("reward", {"connection": "okx-00000000"}, "connection", "There is no connection"),
        ("reward", {"note": "x" * 501}, "", "at most 500"),
        ("reward", {"id": "x" * 101}, "id", "at most 100"),
        ("swap", {"counter_asset": "BTC"}, "", "two different assets"),
        ("swap", {"counter_asset": "", "counter_quantity": ""}, "counter_asset", "what the swap brought"),
        ("swap", {"price": "3"}, "price", "price means nothing to swap"),
        ("buy", {"counter_quantity": "15000"}, "price", "either price or counter_quantity"),
        ("buy", {"price": ""}, "price", "either price or counter_quantity"),
        ("buy", {"price": "99999999999999999999", "quantity": "99"}, "price", "more than 20 digits"),
        ("buy", {"value": "1", "value_currency": "EUR"}, "value", "means nothing to buy"),
        ("transfer_out", {"to_portfolio": "other"}, "to_portfolio", "means nothing to transfer_out"),
        ("transfer_own", {"to_portfolio": ""}, "to_portfolio", "to_portfolio or to_connection"),
        ("transfer_own", {"to_portfolio": "nowhere"}, "to_portfolio", "There is no portfolio"),
        ("transfer_own", {"to_portfolio": "main"}, "", "two different places"),
        ("opening_balance", {"quantity": "-1"}, "", "can't be negative"),
        ("adjustment", {"quantity": "0"}, "", "changes nothing"),
    ],
)
def test_a_wrong_cell_is_named_with_its_reason(refusing, kind, changed, column, told):
    rows = [row(kind, **changed), row(kind)]

    shown = refusing.json(f"metrifly import {refusing.file(*rows)} --portfolio main", status=1)

    (wrong,) = shown["unreadable"]
    assert (wrong["line"], wrong["column"]) == (2, column)
    assert told in wrong["reason"]
    assert [each["line"] for each in shown["new"]] == [3]  # the control


def test_two_rows_with_one_id_in_a_file_are_not_both_right(refusing):
    rows = [row("reward", id="1"), row("buy", id="1"), row("buy", id="2")]

    shown = refusing.json(f"metrifly import {refusing.file(*rows)} --portfolio main", status=1)

    assert [(each["line"], each["column"]) for each in shown["unreadable"]] == [(3, "id")]
    assert "line 2 has the same id" in shown["unreadable"][0]["reason"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("kind,date,asset\n", "missing: 'quantity'"),
        ("kind,date,asset,quantity,price,colour,taste\n", "unknown: 'colour', 'taste'. There can be"),
        ("kind,date,asset,quantity,fee,Fee\n", "there twice: 'fee'"),
        ("", "is empty; `metrifly import --template FILE`"),
        ("reward,2024-01-31,BTC,1\n", "missing: 'kind', 'date', 'asset', 'quantity'"),
    ],
)
def test_columns_that_are_unknown_missing_or_there_twice_are_named(refusing, content, told):
    file = refusing.folder / "rows.csv"
    file.write_text(content, encoding="utf-8")
    before = refusing.home.control_rows()

    assert told in refusing.told(f"metrifly import {file} --portfolio main --apply", status=1)

    assert refusing.home.control_rows() == before


def test_a_cell_beyond_the_last_column_is_not_dropped(refusing):
    file = refusing.folder / "rows.csv"
    file.write_text("date;asset;quantity;kind\n2024-01-31;BTC;1;reward;5\n2024-01-31;BTC;1;reward;\n", encoding="utf-8")

    shown = refusing.json(f"metrifly import {file} --portfolio main", status=1)

    assert [(each["line"], each["reason"]) for each in shown["unreadable"]] == [
        (2, "column 5, which has no name, holds '5'; is a cell too much in this row?")
    ]
    assert [each["line"] for each in shown["new"]] == [3]


def test_a_file_or_a_portfolio_that_is_not_there_is_named(refusing):
    assert "nowhere.csv: no such file" in refusing("metrifly import nowhere.csv --portfolio main", status=1)
    file = refusing.file(row("buy"))
    assert "There is no portfolio" in refusing(f"metrifly import {file} --portfolio nowhere", status=1)
    for line in ("metrifly import rows.csv", f"metrifly import {file} --template b.csv", "metrifly import --apply"):
        assert "--template" in refusing(line, status=2)


def test_a_preview_of_many_rows_fits_a_hundred_columns_and_a_short_screen(refusing):
    rows = [row("swap", quantity=f"{number}.5") for number in range(1, 60)] + [row("buy", price="x")] * 40
    file = refusing.file(*rows)

    shown = refusing(f"metrifly import {file} --portfolio main --apply", status=1).splitlines()

    assert max(map(len, shown)) <= 100
    assert len(shown) < 120
    assert "... and 39 more rows; --json shows all." in shown
    assert "... and 20 more rows; --json shows all." in shown
