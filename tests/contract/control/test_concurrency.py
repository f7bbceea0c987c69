"""What holds when several workers act at once, on both databases: threads with stores of their own, and processes."""

import itertools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.imports import ImportRow
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.domain.trouble import RefusedError
from tests.contract.control.builders import NOW, TEN_AT_ONCE, a_connection, advance, minutes, move, numbered, sealed

WORKERS = 4


@pytest.fixture
def at_once(open_another):
    """Let some workers, each with a store of its own, do the same at the same moment; give what each of them got."""
    stores = [open_another() for _ in range(WORKERS)]

    def run(work):
        barrier = threading.Barrier(WORKERS)

        def one(number):
            barrier.wait()
            try:
                return work(stores[number], number)
            except RefusedError as refused:
                return refused

        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(one, range(WORKERS)))

    return run


def test_of_several_workers_one_gets_the_lease(connect, at_once):
    connection = connect()
    for _ in range(5):
        got = at_once(lambda store, number: store.acquire_lease(connection, f"w{number}", NOW, timedelta(seconds=9)))
        won = [each for each in got if each is not None]
        assert len(won) == 1
        at_once(lambda store, number, won=won[0]: store.release_lease(won))


def test_every_lease_has_a_token_of_its_own(connect, at_once):
    connection = connect()
    counter = itertools.count()

    def take_and_give_back(store, number):
        tokens = []
        while len(tokens) < 5:
            lease = store.acquire_lease(connection, f"w{number}-{next(counter)}", NOW, timedelta(seconds=9))
            if lease is not None:
                tokens.append(lease.token)
                store.release_lease(lease)
        return tokens

    tokens = [token for each in at_once(take_and_give_back) for token in each]

    assert sorted(tokens) == list(range(1, 5 * WORKERS + 1))


def test_one_exchange_account_is_linked_once_by_several_at_once(store, portfolio, at_once):
    def link(store, number):
        mine = a_connection(portfolio, number, identity="the same")
        return store.add_connection(mine, sealed(mine.id), NOW)

    got = at_once(link)

    (linked,) = store.connections()
    refused = [str(each) for each in got if isinstance(each, RefusedError)]
    assert len(refused) == WORKERS - 1
    assert all(f"already, as {linked.id}" in words for words in refused)
    assert store.change_seq() == 1


def test_a_portfolio_name_and_an_account_are_made_once_by_several_at_once(store, at_once):
    assert set(at_once(lambda store, _: store.ensure_account("default", NOW))) == {"default"}

    for make in (
        lambda store, _: store.create_portfolio("default", "Main", NOW),
        lambda store, _: store.create_account("ann", Plan.PRO, NOW),
    ):
        got = at_once(make)
        assert sum(isinstance(each, RefusedError) for each in got) == WORKERS - 1

    assert len(store.portfolios()) == 1
    assert {each.name for each in store.accounts()} == {"default", "ann"}


def test_a_file_that_several_import_at_once_is_there_once(store, account, portfolio, at_once):
    rows = [
        ImportRow(
            line=number,
            draft=Draft(
                kind=EntryKind.REWARD,
                place=Place(portfolio.id),
                occurred_at=NOW,
                main=Amount(asset="BTC", quantity=Decimal(number)),
            ),
            identity=f"row:{number}",
            fingerprint="",
        )
        for number in range(1, 21)
    ]

    def add(store, number):
        # Each leaves out another row, so that nobody has all of them.
        mine = [row for row in rows if row.line != number + 1]
        return store.add_import(account, portfolio.id, f"{number}.csv", mine, NOW)

    got = at_once(add)

    assert sorted(entry.legs[0].amount for entry in store.entries()) == list(range(1, 21))
    stored = [each.rows for each in got if not isinstance(each, RefusedError)]
    assert sum(stored) == 20
    assert {str(each) for each in got if isinstance(each, RefusedError)} <= {
        "The same rows were imported by somebody else meanwhile; nothing was stored"
    }


def test_an_import_that_several_take_back_at_once_is_taken_back_once(store, account, portfolio, at_once):
    main = Amount(asset="BTC", quantity=Decimal(1))
    draft = Draft(kind=EntryKind.REWARD, place=Place(portfolio.id), occurred_at=NOW, main=main)
    row = ImportRow(line=2, draft=draft, identity="row:1", fingerprint="")
    made = store.add_import(account, portfolio.id, "a.csv", [row], NOW)

    got = at_once(lambda store, _: store.undo_import(account, made.id, NOW))

    assert [each.deleted for each in got if not isinstance(each, RefusedError)] == [1]
    assert len(store.entries(history=True)) == 2


def test_a_budget_is_never_overdrawn_by_several_at_once(at_once):
    def take(store, _number):
        return sum(store.take_budget("ip", TEN_AT_ONCE, 1, NOW) == 0.0 for _ in range(6))

    assert sum(at_once(take)) == 10


def test_a_budget_is_never_overdrawn_by_several_processes(url, store, pytestconfig):
    command = [sys.executable, "-m", "tests.contract.control.one_worker", url]

    def worker(_number):
        ended = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=True)
        return int(ended.stdout)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(worker, range(2))) == 10
    assert store.take_budget("ip", TEN_AT_ONCE, 1, NOW) == 0.5


def test_a_request_is_filed_once_by_several_at_once(connect, store, at_once):
    connection = connect()

    got = at_once(lambda store, _: store.file_request(connection, SyncKind.SYNC_NOW, NOW))

    assert len({each.id for each in got}) == 1
    assert len(store.requests(waiting=True, kinds=[SyncKind.SYNC_NOW])) == 1


def test_a_request_is_handed_to_one_batch_by_several_at_once(connect, store, at_once):
    connection = connect()

    batches = at_once(lambda store, _: store.make_batch([connection], SyncKind.FIRST_IMPORT, [1], NOW))

    assert len(set(batches)) == WORKERS
    assert store.request(1).batch in batches
    assert store.requests(waiting=True) == []


def test_every_change_has_a_number_of_its_own(portfolio, store, at_once):
    numbers = at_once(lambda store, _: [numbered(store, [portfolio.id]) for _ in range(5)])

    assert sorted(number for each in numbers for number in each) == list(range(1, 5 * WORKERS + 1))
    assert store.find_portfolio("default", "Main").change_seq == 5 * WORKERS


def test_a_publish_is_asked_for_under_one_name_by_several_at_once(portfolio, store, at_once):
    numbered(store, [portfolio.id])

    assert set(at_once(lambda store, _: store.publish_due(NOW + timedelta(minutes=1)))) == {(1, 0)}


def test_of_several_new_keys_at_once_one_is_stored(connect, store, at_once):
    connection = connect()

    def replace(store, number):
        store.replace_credential(connection, sealed(connection, 2, b"%d" % number), None, NOW)
        return number

    got = at_once(replace)

    (won,) = [each for each in got if not isinstance(each, RefusedError)]
    assert store.sealed_credential(connection).sealed == b"%d" % won


def test_workers_that_touch_the_same_connections_in_other_orders_all_get_through(connect, store, at_once):
    names = [connect(number) for number in range(WORKERS)]
    leases = [store.acquire_lease(each, "worker", NOW, timedelta(seconds=60)) for each in names]

    def work(store, number):
        ordered = leases[number:] + leases[:number]
        for step in range(3):
            page = move(scope=f"s{number}", cursor={"step": step}, covered=minutes(step, step + 1))
            assert store.advance([advance(each, page, landed=1) for each in ordered], NOW) == set()
            for each in ordered:
                found = [Finding(reason=Reason.COVERAGE_GAP, detail=f"{number}-{step}")]
                store.replace_findings(each.connection, f"stage {number}", found, NOW)

    at_once(work)

    assert len(store.coverage()) == WORKERS * WORKERS
    assert store.change_seq() == WORKERS + WORKERS * WORKERS * 3
