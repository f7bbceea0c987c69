"""`metrifly record`: every kind of entry can be entered, listed, edited and deleted; wrong input says why and stores nothing."""

import re

import pytest

from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.commands import Commands
from tests.scenarios.homes import Home, Time

HERE = "--portfolio main --date 2024-01-31"
VALID = {
    "income reward": f"{HERE} --asset sol --quantity 1.5 --value 120 --value-currency EUR",
    "income airdrop": f"{HERE} --asset UNI --quantity 400",
    "swap": f"{HERE} --disposed BTC --disposed-quantity 0.1 --received ETH --received-quantity 1.5 --fee 0.01 --fee-asset BNB",
    "transfer in": f"{HERE} --asset BTC --quantity 0.5",
    "transfer out": f"{HERE} --asset BTC --quantity 0.5 --to other",
    "trade buy": f"{HERE} --base BTC --quote EUR --amount 0.5 --price 30000 --fee 5 --fee-asset EUR",
    "trade sell": f"{HERE} --base BTC --quote EUR --amount 0.5 --cost 15000",
    "opening-balance": f"{HERE} --asset BTC --quantity 0",
    "adjustment": f"{HERE} --asset BTC --quantity -0.000000000000000001",
}
LEGS = {
    "income reward": "+1.5 SOL",
    "income airdrop": "+400 UNI",
    "swap": "-0.1 BTC, +1.5 ETH, fee -0.01 BNB",
    "transfer in": "+0.5 BTC",
    "transfer out": "-0.5 BTC, +0.5 BTC",
    "trade buy": "+0.5 BTC, -15000 EUR, fee -5 EUR",
    "trade sell": "-0.5 BTC, +15000 EUR",
    "opening-balance": "0 BTC",
    "adjustment": "-0.000000000000000001 BTC",
}


@pytest.fixture
def record(home, capsys):
    home.start()
    home.product.control.create_portfolio(home.product.account, "Other", home.time.now)
    return Commands(home, capsys)


@pytest.fixture(scope="module")
def one_home(tmp_path_factory):
    """A home for all that stores nothing, and its controls."""
    made = Home(tmp_path_factory.mktemp("recording") / "home", Time()).start()
    made.product.control.create_portfolio(made.product.account, "Other", made.time.now)
    yield made
    made.close()


@pytest.fixture
def refusing(one_home, capsys):
    return Commands(one_home, capsys)


def recorded(record, words):
    """Enter it; the entry's id."""
    return re.search(r"en-\w{8}", record(f"metrifly record {words} {VALID[words]}")).group()


@pytest.mark.parametrize("words", VALID)
def test_each_kind_of_entry_is_recorded_with_its_legs(record, words):
    shown = record(f"metrifly record {words} {VALID[words]}")

    assert LEGS[words] in " ".join(shown.split())
    (entry,) = record.json("metrifly record list")
    assert entry["id"] in shown
    assert entry["date"] == "2024-01-31T00:00:00+00:00"
    assert {leg["portfolio"] for leg in entry["legs"]} == ({"Main", "Other"} if words == "transfer out" else {"Main"})


@pytest.mark.parametrize(
    ("words", "changed", "told"),
    [
        ("income reward", "--quantity -1", "negative"),
        ("income reward", "--quantity 0", "is 0"),
        ("income reward", "--quantity 1e3", "without an exponent"),
        ("income reward", "--quantity NaN", "not a number"),
        ("income reward", "--quantity 1,5", "commas"),
        ("income reward", "--quantity 1.0000000000000000001", "too many digits"),
        ("income reward", "--quantity 100000000000000000000", "too many digits"),
        ("income reward", "--value none", "not a number"),
        ("income airdrop", "--value 3", "--value and --value-currency together"),
        ("income airdrop", "--value-currency EUR", "--value and --value-currency together"),
        ("income reward", "--date 2026-03-02", "future"),
        ("income reward", "--date 2008-12-31", "before 2009"),
        ("income reward", "--date 2024-01-31T10:00", "no time zone"),
        ("income reward", "--date yesterday", "not a date"),
        ("income reward", "--asset 'B TC'", "not an asset's code"),
        ("income reward", "--portfolio nowhere", "There is no portfolio"),
        ("income reward", "--connection okx-00000000", "There is no connection"),
        ("swap", "--received BTC", "two different assets"),
        ("swap", "--received-quantity 0", "is 0"),
        ("swap", "--fee -1", "negative"),
        ("transfer out", "--to main", "two different places"),
        ("transfer out", "--to nowhere", "There is no portfolio"),
        ("trade buy", "--cost 15000", "either --price or --cost"),
        ("trade buy", "--quote BTC", "two different assets"),
        ("trade buy", "--price 99999999999999999999 --amount 99", "more than 20 digits"),
        ("opening-balance", "--quantity -1", "can't be negative"),
        ("adjustment", "--quantity 0", "changes nothing"),
    ],
)
def test_wrong_input_is_refused_with_its_reason_and_stores_nothing(refusing, words, changed, told):
    before = refusing.home.control_rows()

    # The last of an option that is given twice counts.
    assert told in " ".join(refusing(f"metrifly record {words} {VALID[words]} {changed}", status=1).split())

    assert refusing.home.control_rows() == before
    refusing(f"metrifly record {words} {VALID[words]}")  # the control
    assert refusing.home.control_rows() != before


@pytest.mark.parametrize("words", VALID)
def test_what_is_missing_is_named_and_nothing_is_stored(refusing, words):
    before = refusing.home.control_rows()
    needed = set(re.findall(r"--[a-z-]+", VALID[words])) - {
        "--to",
        "--fee",
        "--fee-asset",
        "--value",
        "--value-currency",
    }

    for option in needed:
        without = re.sub(rf"{option} \S+ ?", "", VALID[words], count=1)
        assert option in refusing(f"metrifly record {words} {without}", status=1)

    assert len(needed) >= 4
    assert refusing.home.control_rows() == before


@pytest.mark.parametrize("line", ["income", "income gift", "trade hold", "transfer in --to other", "nothing"])
def test_a_command_that_makes_no_sense_is_a_matter_of_usage(refusing, line):
    before = refusing.home.control_rows()

    refusing(f"metrifly record {line} {VALID['income reward']}", status=2)

    assert refusing.home.control_rows() == before


def test_an_entry_of_a_connection_counts_in_the_portfolio_that_it_flows_into(home, capsys):
    account = AccountBuilder("kraken")
    home.start(account)
    other = home.product.control.create_portfolio(home.product.account, "Other", home.time.now)
    connection = home.connect(account).id
    record = Commands(home, capsys)
    words = f"metrifly record income reward --date 2024-01-31 --asset SOL --quantity 1 --connection {connection}"

    assert "flows into another portfolio" in record(f"{words} --portfolio {other.id}", status=1)
    assert record.json("metrifly record list") == []
    record(words)
    record(f"{words} --portfolio main")

    assert [entry["legs"][0]["portfolio"] for entry in record.json("metrifly record list")] == ["Main", "Main"]
    assert len(record.json(f"metrifly record list --connection {connection}")) == 2
    assert record.json("metrifly record list --portfolio other") == []


@pytest.mark.parametrize(
    ("words", "edited", "legs"),
    [
        ("trade buy", "--quantity 1", "+1 BTC, -30000 EUR, fee -5 EUR"),
        ("trade buy", "--cost 14000 --fee none", "+0.5 BTC, -14000 EUR"),
        ("trade sell", "--price 20000 --fee 1 --fee-asset bnb", "-0.5 BTC, +10000 EUR, fee -1 BNB"),
        ("trade sell", "--quote usd --asset eth", "-0.5 ETH, +15000 USD"),
        ("adjustment", "--quantity 7", "+7 BTC"),
        ("transfer out", "--quantity 7", "-7 BTC, +7 BTC"),
        ("opening-balance", "--asset ETH", "0 ETH"),
    ],
)
def test_an_edit_changes_what_it_names_and_keeps_what_it_said_before(record, words, edited, legs):
    entry = recorded(record, words)

    assert legs in " ".join(record(f"metrifly record edit {entry} {edited}").split())

    (now,) = record.json("metrifly record list")
    assert (now["id"], now["version"]) == (entry, 2)
    first, second = record.json("metrifly record list --history")
    assert second == now
    assert first["superseded_at"] == now["recorded_at"]
    assert "superseded" in record("metrifly record list --history")


@pytest.mark.parametrize(
    ("words", "edited", "told"),
    [
        ("swap", "--quantity 1", "metrifly record delete"),
        ("income reward", "--price 3", "is no trade: --price"),
        ("income reward", "--quantity 1.50", "says that already"),
        ("income reward", "--quantity -1", "negative"),
        ("income reward", "--date 2026-03-02", "future"),
        ("trade buy", "--price 1 --cost 2", "either --price or --cost"),
        ("trade sell", "--fee 1", "--fee and --fee-asset together"),
        ("income airdrop", "", "says that already"),
    ],
)
def test_a_wrong_edit_changes_nothing(record, words, edited, told):
    entry = recorded(record, words)
    before = record.home.control_rows()

    assert told in " ".join(record(f"metrifly record edit {entry} {edited}", status=1).split())

    assert record.home.control_rows() == before


def test_value_and_note_can_be_changed_and_taken_away(record):
    entry = recorded(record, "income reward")

    record(f"metrifly record edit {entry} --value 130.50 --note 'as the bank says'")
    (changed,) = record.json("metrifly record list")
    assert (changed["value"], changed["value_currency"], changed["note"]) == ("130.5", "EUR", "as the bank says")
    assert "as the bank says" in " ".join(record("metrifly record list").split())

    record(f"metrifly record edit {entry} --value none --note ''")
    (bare,) = record.json("metrifly record list")
    assert (bare["value"], bare["value_currency"], bare["note"]) == (None, None, "")


def test_a_deleted_entry_is_gone_from_the_list_and_stands_in_the_history(record):
    entry = recorded(record, "income reward")
    assert "Nothing was recorded" not in record("metrifly record list")

    record(f"metrifly record delete {entry}")

    assert "Nothing was recorded" in record("metrifly record list")
    assert [(e["version"], e["deleted"], e["recorded_by"]) for e in record.json("metrifly record list --history")] == [
        (1, False, "default"),
        (2, True, "default"),
    ]
    before = record.home.control_rows()
    for again in (f"delete {entry}", f"edit {entry} --quantity 2", "delete en-00000000"):
        assert "There is no entry" in record(f"metrifly record {again}", status=1)
    assert record.home.control_rows() == before


def test_a_list_of_every_kind_fits_a_hundred_columns(record):
    for words in VALID:
        recorded(record, words)

    for line in ("metrifly record list", "metrifly record list --history"):
        shown = record(line).splitlines()
        assert len(shown) > len(VALID)
        assert max(map(len, shown)) <= 100
