"""`metrifly import`: a file is shown first and stored after a yes; nothing comes twice; what came can be taken back."""

import re
from decimal import Decimal

import pytest

from metrifly_pipeline.cli.render import digits
from metrifly_pipeline.domain.import_columns import FORMS
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.scenarios.importing import VALID, Importing, row

LEGS = {
    "reward": ["1.5 SOL"],
    "airdrop": ["400 UNI"],
    "swap": ["-0.1 BTC", "1.5 ETH", "-0.01 BNB"],
    "buy": ["0.5 BTC", "-15000 EUR", "-5 EUR"],
    "sell": ["-0.5 BTC", "15000 EUR"],
    "transfer_in": ["0.5 BTC"],
    "transfer_out": ["-0.5 BTC"],
    "transfer_own": ["-0.5 BTC", "0.5 BTC"],
    "opening_balance": ["0 BTC"],
    "adjustment": ["-0.000000000000000001 BTC"],
}


@pytest.fixture
def importing(home, capsys, tmp_path):
    home.start()
    home.product.control.create_portfolio(home.product.account, "Other", home.time.now)
    return Importing(home, capsys, tmp_path)


def legs(entry):
    return [f"{digits(Decimal(leg['amount']))} {leg['asset']}" for leg in entry["legs"]]


def test_every_kind_has_a_row_here():
    assert VALID.keys() == FORMS.keys()


def test_each_kind_of_row_becomes_an_entry_with_its_legs(importing):
    told = importing.stored(*(row(kind) for kind in VALID))

    assert "10 new, 0 there already, 0 unreadable" in told
    entries = importing.entries()
    assert sorted(map(legs, entries)) == sorted(LEGS.values())
    assert {entry["date"] for entry in entries} == {"2024-01-31T00:00:00+00:00"}
    (own,) = (entry for entry in entries if len(legs(entry)) == 2 and entry["kind"] == "transfer")
    assert [leg["portfolio"] for leg in own["legs"]] == ["Main", "Other"]
    assert {leg["portfolio"] for entry in entries if entry is not own for leg in entry["legs"]} == {"Main"}
    noted = {entry["kind"]: entry["note"] for entry in entries if entry["note"]}
    assert noted == {"airdrop": "=HYPERLINK(1)"}
    (valued,) = (entry for entry in entries if entry["value"])
    assert (valued["value"], valued["value_currency"]) == ("120", "EUR")


def test_nothing_is_stored_before_a_yes(importing):
    line = f"metrifly import {importing.file(row('buy'), row('reward'))} --portfolio main"
    before = importing.home.control_rows()

    importing.answer = False
    told = importing.told(line, status=1)
    assert "2 new" in told
    assert told.endswith("Nothing was stored.")
    assert importing.asked == ["Store 2 new rows?"]
    assert importing.json(line)["stored"] is None
    assert importing.home.control_rows() == before

    importing.answer = True
    made = re.search(r"im-\w{8}", importing(line)).group()
    assert len(importing.entries()) == 2
    assert [(each["import"], each["rows"], each["file"]) for each in importing.imports()] == [(made, 2, "rows.csv")]


def test_what_somebody_else_imports_while_a_person_is_asked_is_left_out(importing):
    rows = [row("buy"), row("reward"), row("airdrop")]
    product = importing.home.product
    theirs = product.importing.preview(product.account, importing.file(*rows[:2], name="theirs.csv"), "main")
    importing.meanwhile = lambda: product.importing.apply(theirs)
    importing.answer = True

    told = importing.told(f"metrifly import {importing.file(*rows)} --portfolio main")

    assert "3 new" in told
    assert "Imported 1 row as im-" in told
    assert "Left out: 2 rows that somebody else imported meanwhile." in told
    assert len(importing.entries()) == 3


def test_without_a_terminal_the_command_that_stores_is_named(importing):
    importing.answer = None
    file = importing.file(row("buy"), name="my rows.csv")

    told = importing.told(f"metrifly import '{file}' --portfolio main", status=1)

    assert importing.entries() == []
    (again,) = re.findall(r"`(metrifly [^`]+)`", told)
    importing(again)
    assert len(importing.entries()) == 1


def test_the_same_file_again_adds_nothing_and_a_longer_one_adds_the_rest(importing):
    rows = [row("buy"), row("reward"), row("reward")]
    importing.stored(*rows)
    before = importing.home.control_rows()

    told = importing.stored(*rows)

    assert "0 new, 3 there already" in told
    assert "Lines 2-4" in told
    assert "nothing new" in told
    assert importing.home.control_rows() == before
    other_words = {"quantity": "0.50", "date": "2024-01-31T01:00:00+01:00", "price": "", "counter_quantity": "15000"}
    written = [{**rows[0], **other_words, "note": "said later"}, *rows[1:]]
    assert "0 new, 3 there already" in importing.stored(*written)  # the same content in other words
    assert "1 new, 3 there already" in importing.stored(*reversed(rows), row("reward"))  # of three alike one is new
    assert len(importing.entries()) == 4


def test_a_row_with_an_id_is_known_by_it_and_with_other_content_refused(importing):
    importing.stored(row("buy", id="7"), row("reward", id="8"))
    entry = next(each["id"] for each in importing.entries() if each["kind"] == "buy")

    told = importing.stored(row("buy", id="7", quantity="9"), row("reward", id="8"), row("reward", id="9"), status=1)

    assert "1 new, 1 there already, 1 unreadable" in told
    assert f"2 id a row with this id was imported already and says something else: {entry}" in told
    assert len(importing.entries()) == 3
    assert "0.5 BTC" in {legs(each)[0] for each in importing.entries()}
    other = f"metrifly import {importing.file(row('buy', id='7'))} --portfolio other --apply"
    assert "1 new" in importing.told(other)  # ids are one's own within a portfolio


def test_what_cannot_be_read_is_named_by_line_and_column_and_the_rest_is_stored(importing):
    rows = [row("buy"), row("buy", price="1e3"), {}, row("reward", quantity="-1"), row("swap", fee_asset="")]
    file = importing.file(*rows)
    line = f"metrifly import {file} --portfolio main"

    shown = importing.json(line, status=1)

    assert [(each["line"], each["column"]) for each in shown["unreadable"]] == [(3, "price"), (5, ""), (6, "fee_asset")]
    importing.answer = True
    told = importing.told(line, status=1)
    assert importing.asked == ["Store 1 new row and leave out the 3 that can't be read?"]
    assert "3 price price '1e3' is not a number" in told
    assert "5 - The quantity of SOL is negative" in told
    assert len(importing.entries()) == 1
    importing.stored(rows[0], row("buy", price="1000"))  # mended: what was stored does not come twice
    assert len(importing.entries()) == 2


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_template_can_be_written_filled_in_and_imported(importing, suffix):
    file = importing.folder / f"new.{suffix}"

    told = importing.told(f"metrifly import --template {file}")

    assert f"metrifly import {file} --portfolio NAME" in told
    assert "0 new, 0 there already, 0 unreadable" in importing.told(f"metrifly import {file} --portfolio main --apply")
    assert importing.imports() == []
    before = file.read_bytes()
    assert "file exists" in importing(f"metrifly import --template {file}", status=1)
    assert file.read_bytes() == before


def test_an_import_is_taken_back_but_for_what_was_changed_since(importing):
    importing.stored(row("buy"), row("reward"), row("airdrop"))
    kept, gone, _ = importing.entries()
    importing(f"metrifly record edit {kept['id']} --note mine")
    importing(f"metrifly record delete {gone['id']}")
    (made,) = importing.imports()

    told = importing.told(f"metrifly import undo {made['import']}")

    assert "1 of 3 entries deleted" in told
    assert "Deleted by hand before: 1 entry." in told
    assert f"Kept: 1 entry that somebody changed after the import: {kept['id']}." in told
    assert [each["id"] for each in importing.entries()] == [kept["id"]]
    assert len(importing.json("metrifly record list --history")) == 6
    assert "taken back 2026-03-01" in importing("metrifly import list")
    assert "taken back already" in importing(f"metrifly import undo {made['import']}", status=1)
    assert "There is no import" in importing("metrifly import undo im-00000000", status=1)
    assert "2 new, 1 there already" in importing.stored(row("buy"), row("reward"), row("airdrop"))
    importing(f"metrifly record delete {kept['id']}")
    told = importing.stored(row("buy"), row("reward"), row("airdrop"))
    assert "0 new, 3 there already" in told
    assert re.search(r"Deleted by hand since, and not brought back: lines \d\.", told)


def test_a_file_called_like_a_command_is_named_by_its_place(importing, monkeypatch):
    monkeypatch.chdir(importing.folder)
    importing.file(row("buy"), name="list.csv").rename("list")

    assert "Nothing was imported" in importing("metrifly import list")
    assert "list is neither .csv nor .xlsx" in importing("metrifly import ./list --portfolio main", status=1)
    assert "no such file" in importing("metrifly import --portfolio main undo.csv", status=1)


def test_a_row_of_a_connection_counts_in_the_portfolio_that_it_flows_into(home, capsys, tmp_path):
    account = AccountBuilder("kraken")
    home.start(account)
    home.product.control.create_portfolio(home.product.account, "Other", home.time.now)
    connection = home.connect(account).id
    importing = Importing(home, capsys, tmp_path)
    file = importing.file(
        row("reward", connection=connection.upper()), row("transfer_own", to_connection=connection, to_portfolio="")
    )

    shown = importing.json(f"metrifly import {file} --portfolio other", status=1)

    ((wrong, column),) = [(each["reason"], each["column"]) for each in shown["unreadable"]]
    assert column == "connection"
    assert "flows into another portfolio than 'other'; name 'Main'" in wrong
    importing(f"metrifly import {file} --portfolio main --apply")
    placed = {each["kind"]: [leg["connection"] for leg in each["legs"]] for each in importing.entries()}
    assert placed == {"reward": [connection], "transfer": [None, connection]}
    for name, changed in (("main", {}), ("main", {"id": "1"})):  # with a connection now, then without
        importing(f"metrifly import {importing.file(row('airdrop', **changed))} --portfolio {name} --apply")
        file = importing.file(row("airdrop", connection=connection, **changed))
        told = importing.told(f"metrifly import {file} --portfolio main --apply", status=1)
        assert "0 new, 0 there already, 1 unreadable" in told
        assert "would count twice" in told
    file = importing.file(row("reward"), row("airdrop", connection=connection, id="2"))
    told = importing.told(f"metrifly import {file} --portfolio main --apply", status=1)
    assert "1 new, 0 there already, 1 unreadable" in told
    home.product.moving.move(connection, "other")
    told = importing.told(
        f"metrifly import {importing.file(row('reward', connection=connection))} --portfolio other --apply"
    )
    assert "0 new, 1 there already" in told  # moved, it is still the same row


def test_an_account_imports_for_itself(importing):
    importing.home.customer("Ann", Plan.STARTER)
    file = importing.file(row("buy"))

    importing.answer = None
    told = importing.told(f"metrifly import {file} --portfolio main --account ann", status=1)
    assert told.count("--account ann") == 1
    (again,) = re.findall(r"`(metrifly [^`]+)`", told)

    told = importing.told(again)

    assert f"{re.search(r'metrifly import undo im-.{8}', told).group()} --account ann`" in told
    empty = importing.folder / "empty.csv"
    empty.touch()
    told = importing.told(f"metrifly import {empty} --portfolio main --account ann", status=1)
    assert "`metrifly import --template FILE --account ann`" in told
    assert importing.entries() == []
    assert len(importing.json("metrifly record list --account ann")) == 1
    (made,) = importing.json("metrifly import list --account ann")
    assert "There is no import" in importing(f"metrifly import undo {made['import']}", status=1)
