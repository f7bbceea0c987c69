"""What is recorded by hand: versions are only added, places are the account's own, each change is numbered; on both databases."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select

from metrifly_pipeline.control.entry_tables import entry_legs
from metrifly_pipeline.control.tables import accounts, connections
from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import ConnectionId, PortfolioId
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from tests.contract.control.builders import NOW, a_connection, another_account, sealed

LATER = NOW + timedelta(hours=1)
LARGEST = Decimal("99999999999999999999.999999999999999999")
BEGINS = NOW - timedelta(days=90)
LIMITED = Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before", opens_at=BEGINS)


def of(quantity, asset="BTC"):
    return Amount(asset=asset, quantity=Decimal(quantity))


@pytest.fixture
def draft(portfolio):
    def made(kind=EntryKind.REWARD, **changes):
        plain = Draft(kind=kind, place=Place(portfolio.id), occurred_at=NOW - timedelta(days=1), main=of("0.5"))
        return dataclasses.replace(plain, **changes)

    return made


def unpublished(store):
    """Portfolios that a reader does not see as they are."""
    return {each.name for each in store.portfolios() if each.change_seq > each.published_seq}


def test_an_entry_is_kept_with_every_digit_and_numbered(store, account, draft):
    before = store.change_seq()

    made = store.add_entry(
        account,
        draft(
            EntryKind.BUY,
            main=of(LARGEST),
            counter=of("0.000000000000000001", "EUR"),
            fee=of("0.1", "BNB"),
            price=Decimal("0.1"),
            value=of("7", "USD"),
            note="from a statement",
        ),
        NOW,
    )

    assert store.entries(account) == [made]
    assert store.entries() == [made]
    assert store.entry(account, made.id.upper()) == made
    assert [leg.amount for leg in made.legs] == [LARGEST, Decimal("-0.000000000000000001"), Decimal("-0.1")]
    assert (made.version, made.recorded_at, made.recorded_by) == (1, NOW, account)
    assert made.id.startswith("en-")
    assert len(made.id) == 11
    assert store.change_seq() == before + 1
    assert unpublished(store) == {"Main"}


def test_a_change_is_a_new_version_and_the_old_one_stays(store, account, draft):
    first = store.add_entry(account, draft(), NOW)

    second = store.change_entry(first, draft(main=of(2)), LATER)

    assert (second.id, second.version) == (first.id, 2)
    assert store.entries(account) == [second]
    assert store.entries(account, history=True) == [dataclasses.replace(first, superseded_at=LATER), second]


def test_a_deleted_entry_stands_nowhere_and_its_versions_stay(store, account, draft):
    kept, gone = store.add_entry(account, draft(), NOW), store.add_entry(account, draft(), NOW)
    before = store.change_seq()

    store.delete_entry(gone, LATER)

    assert store.entries(account) == [kept]
    assert [(e.version, e.deleted) for e in store.entries(account, history=True) if e.id == gone.id] == [
        (1, False),
        (2, True),
    ]
    assert store.change_seq() == before + 1
    with pytest.raises(NotFoundError, match="record list"):
        store.entry(account, gone.id)


def test_of_two_that_change_the_same_version_one_is_told(store, account, draft):
    seen = store.add_entry(account, draft(), NOW)
    store.change_entry(seen, draft(main=of(2)), LATER)
    before = store.change_seq()

    for late in (lambda: store.change_entry(seen, draft(main=of(3)), LATER), lambda: store.delete_entry(seen, LATER)):
        with pytest.raises(RefusedError, match="changed by somebody else"):
            late()

    assert [entry.legs[0].amount for entry in store.entries(account)] == [2]
    assert store.change_seq() == before


def test_a_draft_that_breaks_a_rule_stores_nothing(store, account, draft):
    before = store.change_seq()

    with pytest.raises(RefusedError):
        store.add_entry(account, draft(main=of(0)), NOW)

    assert (store.entries(history=True), store.change_seq()) == ([], before)


def test_what_is_anothers_is_not_found(store, account, draft, connect):
    stranger = another_account(store, "stranger")
    theirs = store.create_portfolio(stranger, "Theirs", NOW)
    mine = store.add_entry(account, draft(), NOW)
    places = (
        Place(theirs.id),
        Place(PortfolioId("pf-00000000")),
        Place(theirs.id, ConnectionId("kraken-00000009")),
    )
    store.add_connection(a_connection(theirs, 9), sealed(ConnectionId("kraken-00000009")), NOW)

    for place in places:
        with pytest.raises(NotFoundError):
            store.add_entry(account, draft(place=place), NOW)

    assert store.entries() == [mine]
    assert store.entries(stranger) == []
    with pytest.raises(NotFoundError):
        store.entry(stranger, mine.id)


def test_a_pair_counts_in_both_portfolios_and_with_a_connection_in_the_one_it_flows_into(
    store, account, draft, connect
):
    other = store.create_portfolio(account, "Other", NOW)
    connection = connect()
    store.mark_published(store.change_seq(), NOW)

    stale = Place(other.id, connection)  # what stands beside a connection is only what was true when it was typed
    made = store.add_entry(account, draft(EntryKind.TRANSFER, outgoing=True, place=stale, to=Place(other.id)), NOW)

    assert unpublished(store) == {"Main", "Other"}
    (read,) = store.entries(account)
    main = store.find_portfolio(account, "Main").id
    assert [leg.place for leg in read.legs] == [Place(main, connection), Place(other.id)]
    assert read.id == made.id


def test_an_opening_balance_answers_a_limited_history_and_without_it_the_notice_is_back(store, account, draft, connect):
    connection = connect()
    store.replace_findings(connection, "sync", [LIMITED, Finding(reason=Reason.COVERAGE_GAP)], NOW)
    place = Place(PortfolioId(draft().place.portfolio), connection)
    noticed = store.attention(connection)
    assert [item.reason for item in noticed] == [Reason.COVERAGE_GAP, Reason.HISTORY_LIMITED]

    opened = store.add_entry(account, draft(EntryKind.OPENING_BALANCE, place=place, occurred_at=BEGINS), LATER)

    assert [item.reason for item in store.attention()] == [Reason.COVERAGE_GAP]
    late = store.change_entry(opened, draft(EntryKind.OPENING_BALANCE, place=place), LATER)
    assert store.attention(connection) == noticed
    again = store.change_entry(late, draft(EntryKind.ADJUSTMENT, place=place, occurred_at=BEGINS), LATER)
    assert len(store.attention(connection)) == 1
    store.delete_entry(again, LATER)
    assert store.attention(connection) == noticed


def test_what_is_dated_later_or_lies_elsewhere_or_is_something_else_answers_nothing(store, account, draft, connect):
    connection, other = connect(1), connect(2)
    store.replace_findings(connection, "sync", [LIMITED], NOW)
    here = Place(draft().place.portfolio, connection)
    entry = {"kind": EntryKind.OPENING_BALANCE, "place": here, "occurred_at": BEGINS}
    microsecond = timedelta(microseconds=1)

    for wrong in (
        {"occurred_at": BEGINS + microsecond},
        {"place": Place(here.portfolio, other)},
        {"place": Place(here.portfolio)},
        {"kind": EntryKind.REWARD},
    ):
        store.add_entry(account, draft(**entry | wrong), NOW)

    assert len(store.attention(connection)) == 1
    store.replace_findings(connection, "key", [dataclasses.replace(LIMITED, opens_at=None)], NOW)
    store.add_entry(account, draft(**entry), NOW)  # the control
    assert len(store.attention(connection)) == 1  # a history that is cut at its end, too, is answered by nothing
    store.replace_findings(connection, "key", [], NOW)
    assert store.attention(connection) == []


def test_findings_that_stay_while_an_entry_answers_them_are_no_news(store, account, draft, connect):
    connection = connect()
    store.replace_findings(connection, "sync", [LIMITED], NOW)
    place = Place(draft().place.portfolio, connection)
    store.add_entry(account, draft(EntryKind.OPENING_BALANCE, place=place, occurred_at=BEGINS), NOW)

    assert store.replace_findings(connection, "sync", [LIMITED], LATER) is False
    assert store.attention(connection) == []


def test_an_account_takes_its_entries_along(store, account, draft, connect):
    store.add_entry(account, draft(place=Place(draft().place.portfolio, connect())), NOW)
    kept = another_account(store, "kept")
    theirs = draft(place=Place(store.create_portfolio(kept, "Theirs", NOW).id))
    other = store.add_entry(kept, theirs, NOW)

    with store._writing() as db:
        db.execute(delete(connections).where(connections.c.account == account))
        db.execute(delete(accounts).where(accounts.c.id == account))

    assert store.entries(history=True) == [other]
    with store._reading() as db:
        assert len(db.execute(select(entry_legs)).all()) == 1
