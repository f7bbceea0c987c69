"""Imports: rows become entries in one transaction, no row twice, taken back without losing what was changed since; on both databases."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, select

from metrifly_pipeline.control.entry_tables import import_rows
from metrifly_pipeline.control.tables import accounts, connections
from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.imports import Import, ImportRow, KnownRow, Undone
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW, a_connection, another_account, sealed

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def row(portfolio):
    """A row of its own for each number."""

    def made(number, **changes):
        main = Amount(asset="BTC", quantity=Decimal(number))
        plain = Draft(kind=EntryKind.REWARD, place=Place(portfolio.id), occurred_at=NOW, main=main)
        draft = dataclasses.replace(plain, **changes)
        return ImportRow(line=number + 1, draft=draft, identity=f"row:{number}", fingerprint=f"said {number}")

    return made


@pytest.fixture
def add(store, account, portfolio):
    def added(*rows, now=NOW):
        return store.add_import(account, portfolio.id, "trades.csv", rows, now)

    return added


def known(store, account, *numbers):
    found = store.known_rows(account, {f"row:{number}" for number in numbers})
    return sorted(found, key=lambda each: each.identity)


def quantities(store):
    return sorted(leg.amount for entry in store.entries() for leg in entry.legs)


def test_each_row_becomes_an_entry_and_is_known_from_then_on(store, account, portfolio, row, add):
    before = store.change_seq()

    made = add(row(1, note="kept"), row(2))

    assert made == Import(
        id=made.id,
        account=account,
        portfolio=portfolio.id,
        file_name="trades.csv",
        rows=2,
        imported_at=NOW,
        imported_by=account,
    )
    assert store.imports(account) == [made]
    assert (made.id[:3], len(made.id)) == ("im-", 11)
    first, second = sorted(store.entries(account), key=lambda entry: entry.legs[0].amount)
    assert (first.version, first.note, first.recorded_at, first.recorded_by) == (1, "kept", NOW, account)
    assert quantities(store) == [1, 2]
    assert known(store, account, 1, 2, 3) == [
        KnownRow(
            place=portfolio.id,
            identity=f"row:{number}",
            fingerprint=f"said {number}",
            entry=entry.id,
            stored_by=made.id,
        )
        for number, entry in ((1, first), (2, second))
    ]
    assert store.change_seq() == before + 1
    assert store.find_portfolio(account, portfolio.id).change_seq == before + 1


def test_the_same_identity_in_another_place_or_account_is_another_row(store, account, row, add, connect):
    made = add(row(1))
    connection = connect()
    other = store.create_portfolio(account, "Other", NOW)
    stranger = another_account(store, "stranger")
    theirs = store.create_portfolio(stranger, "Theirs", NOW)
    here = row(1).draft.place.portfolio

    for place in (Place(here, connection), Place(other.id)):
        assert add(row(1, place=place)).rows == 1
    assert store.add_import(stranger, theirs.id, "b.csv", [row(1, place=Place(theirs.id))], NOW).rows == 1

    assert {each.place for each in known(store, account, 1)} == {here, connection, other.id}
    assert [each.stored_by for each in known(store, account, 1)].count(made.id) == 1
    assert [each.place for each in known(store, stranger, 1)] == [theirs.id]


def test_a_row_that_is_there_is_left_out_and_an_import_of_nothing_else_is_refused(store, account, row, add):
    add(row(1), row(2))

    again = add(row(2), row(3))

    assert again.rows == 1
    assert quantities(store) == [1, 2, 3]
    before = store.change_seq()
    with pytest.raises(RefusedError, match="by somebody else meanwhile"):
        add(row(1), row(3))
    assert (quantities(store), store.change_seq(), len(store.imports(account))) == ([1, 2, 3], before, 2)


def test_a_wrong_row_among_many_stores_none(store, account, row, add):
    before = store.change_seq()
    stranger = another_account(store, "stranger")
    theirs = store.create_portfolio(stranger, "Theirs", NOW)

    with pytest.raises(RefusedError):
        add(row(1), row(2, main=Amount(asset="BTC", quantity=Decimal(-1))))
    with pytest.raises(NotFoundError):
        add(row(1), row(2, place=Place(theirs.id)))

    assert (store.entries(), store.imports(account), store.change_seq()) == ([], [], before)
    add(row(1), row(2))  # the control


def test_the_database_itself_takes_no_identity_twice(store, row, add):
    made = add(row(1))
    twin = {"import_id": made.id, "line": 99, "entry": "en-1", "place": row(1).place, "identity": "row:1"}
    twin |= {"fingerprint": "said 1"}

    with pytest.raises(Exception, match=r"(?i)unique"), store._writing() as db:
        db.execute(insert(import_rows).values(twin))
    with store._writing() as db:  # the control; and two rows that were taken back may have been the same
        db.execute(insert(import_rows).values(twin | {"identity": None}))
        db.execute(insert(import_rows).values(twin | {"identity": None, "line": 100}))


def test_rows_that_meet_a_twin_in_their_own_import_are_refused_whole(store, account, row, add):
    with pytest.raises(RefusedError, match="nothing was stored"):
        add(row(1), dataclasses.replace(row(2), identity="row:1"))

    assert (store.entries(), store.imports(account)) == ([], [])


def test_an_import_that_is_taken_back_deletes_its_entries_and_its_file_can_come_again(store, account, row, add):
    kept = add(row(9))
    made = add(row(1), row(2))
    before = store.change_seq()

    undone = store.undo_import(account, made.id.upper(), LATER)

    assert undone == Undone(taken=made, deleted=2, changed_since=(), deleted_before=0)
    assert quantities(store) == [9]
    assert store.change_seq() == before + 1
    assert store.imports(account) == [kept, dataclasses.replace(made, undone_at=LATER)]
    assert [entry.deleted for entry in store.entries(history=True)].count(True) == 2  # and every version is there
    assert len(store.entries(history=True)) == 5
    assert known(store, account, 1, 2) == []
    with pytest.raises(RefusedError, match="taken back already, on 2026-03-01"):
        store.undo_import(account, made.id, LATER)
    assert add(row(1), row(2)).rows == 2


def test_what_was_changed_since_stays_and_stays_known_and_what_was_deleted_is_not_deleted_twice(
    store, account, row, add
):
    made = add(row(1), row(2), row(3))
    one, two, three = sorted(store.entries(account), key=lambda entry: entry.legs[0].amount)
    edited = store.change_entry(one, row(7).draft, LATER)
    store.delete_entry(two, LATER)

    assert [each.deleted for each in known(store, account, 1, 2, 3)] == [False, True, False]

    undone = store.undo_import(account, made.id, LATER)

    assert (undone.deleted, undone.changed_since, undone.deleted_before) == (1, (one.id,), 1)
    assert store.entries(account) == [edited]
    assert sorted(e.version for e in store.entries(history=True) if e.id in (two.id, three.id)) == [1, 1, 2, 2]
    assert [each.identity for each in known(store, account, 1, 2, 3)] == ["row:1"]


def test_an_import_of_another_account_is_not_found(store, account, row, add):
    made = add(row(1))
    stranger = another_account(store, "stranger")

    for asked, name in ((stranger, made.id), (account, "im-00000000")):
        with pytest.raises(NotFoundError, match="import list"):
            store.undo_import(asked, name, NOW)

    assert store.imports(stranger) == []
    assert quantities(store) == [1]


def test_rows_of_a_connection_count_in_the_portfolio_that_it_flows_into(store, account, row, connect):
    connection = connect()
    other = store.create_portfolio(account, "Other", NOW)
    store.mark_published(store.change_seq(), NOW)

    store.add_import(account, other.id, "a.csv", [row(1, place=Place(other.id, connection))], NOW)

    unpublished = {each.name for each in store.portfolios() if each.change_seq > each.published_seq}
    assert unpublished == {"Main", "Other"}
    assert [entry.legs[0].place.portfolio for entry in store.entries()] == [store.find_portfolio(account, "Main").id]


def test_more_rows_than_one_question_names_are_stored_and_taken_back(store, account, row, add):
    made = add(*(row(number) for number in range(1, 2_101)))

    assert made.rows == len(store.entries(account)) == 2_100
    assert len({entry.id for entry in store.entries(account)}) == 2_100
    assert store.undo_import(account, made.id, LATER).deleted == 2_100
    assert known(store, account, *range(1, 2_101)) == []


def test_an_account_takes_its_imports_along(store, account, row, add):
    add(row(1))
    kept = another_account(store, "kept")
    theirs = store.create_portfolio(kept, "Theirs", NOW)
    other = store.add_import(kept, theirs.id, "b.csv", [row(2, place=Place(theirs.id))], NOW)

    with store._writing() as db:
        db.execute(delete(connections).where(connections.c.account == account))
        db.execute(delete(accounts).where(accounts.c.id == account))

    assert (store.imports(account), store.imports(kept)) == ([], [other])
    with store._reading() as db:
        assert [row["identity"] for row in db.execute(select(import_rows)).mappings()] == ["row:2"]


def test_a_connection_of_another_account_is_no_place_for_a_row(store, account, row, add):
    stranger = another_account(store, "stranger")
    theirs = store.create_portfolio(stranger, "Theirs", NOW)
    name = ConnectionId("kraken-00000009")
    store.add_connection(a_connection(theirs, 9), sealed(name), NOW)

    with pytest.raises(NotFoundError, match="no connection"):
        add(row(1, place=Place(theirs.id, name)))

    assert store.entries() == []
