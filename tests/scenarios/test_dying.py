"""What people are told of a sync whose run died, and when it is tried again."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.status import Outcome, SyncKind
from metrifly_pipeline.sandbox.builder import AccountBuilder

LEASE = timedelta(seconds=120)
FAULT = "Metrifly itself failed"


@pytest.fixture
def account():
    return AccountBuilder("kraken").with_movement().with_fill()


@pytest.fixture
def connection(home, account):
    return home.start(account).imported(account)


def die(home, batch, monkeypatch):
    """Sync a batch with a fault of ours in the end, after its records have landed."""

    def break_down(*_):
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(type(home.product.syncing), "_close", break_down)
        with pytest.raises(KeyError):
            list(home.product.syncing.sync(batch.connections, batch.kind))


def test_a_request_whose_run_died_is_told_so_and_not_that_it_waits(home, connection, monkeypatch):
    requesting = home.product.requesting
    (asked,) = requesting.file([connection])
    assert requesting.answer(asked).text == "waiting to start"

    (batch,) = requesting.batches()
    die(home, batch, monkeypatch)
    told = requesting.answer(asked)
    home.work()

    assert (told.done, told.ok) == (True, False)
    assert FAULT in told.text
    assert "Nothing is lost" in told.text
    assert requesting.answer(asked).ok


def test_a_run_that_somebody_works_on_is_waited_for_until_its_lease_runs_out(home, connection):
    control, requesting = home.product.control, home.product.requesting
    (asked,) = requesting.file([connection])
    requesting.batches()
    control.acquire_lease(connection, "somebody", home.time.now, LEASE)
    control.start_run(connection, SyncKind.SYNC_NOW, home.time.now)
    while_leased = requesting.answer(asked)

    home.time.now += LEASE
    after = requesting.answer(asked)

    assert (while_leased.done, while_leased.ok) == (False, True)
    assert while_leased.text == "waiting behind the running sync"
    assert FAULT in after.text


def test_who_asks_while_a_sync_runs_starts_no_run_of_their_own_until_it_has_ended(home, connection):
    control, requesting = home.product.control, home.product.requesting
    lease = control.acquire_lease(connection, "somebody", home.time.now, LEASE)
    requesting.file([connection])

    meanwhile = requesting.batches()
    control.release_lease(lease)

    assert meanwhile == []
    assert len(requesting.batches()) == 1


def test_a_sync_that_dies_every_time_is_tried_twice_at_once_and_then_less_and_less_often(home, connection, monkeypatch):
    requesting = home.product.requesting
    requesting.file([connection])
    began, tries = home.time.now, []
    for _ in range(24 * 60):
        for batch in requesting.batches():
            tries.append(home.time.now - began)
            die(home, batch, monkeypatch)
        home.time.turn(minutes=1)

    minutes = [round(each / timedelta(minutes=1)) for each in tries]
    assert minutes[:3] == [0, 1, 2]
    assert len(minutes) <= 9
    (batch,) = requesting.batches(only={connection})
    assert [report.run.outcome for report in home.product.syncing.sync(batch.connections, batch.kind)] == [
        Outcome.NOTHING_NEW
    ]


def test_the_day_of_the_last_trade_is_told_unless_it_is_today(home, account):
    home.start(account.with_fill(at=home.time.now - timedelta(days=1, hours=2)))
    made = home.connect(account)
    (asked,) = home.product.control.requests(waiting=True)
    home.work()
    before = home.product.requesting.answer(asked).text
    with home.sandbox.lock:
        account.with_fill(at=home.time.now - timedelta(hours=1))
    (asked,) = home.product.requesting.file([made.id])
    home.work()

    assert before.endswith(", last 2026-02-28 10:00")
    assert home.product.requesting.answer(asked).text.endswith("added 1 trade, last 11:00")


def test_a_sweep_that_died_before_it_landed_is_made_again(home, monkeypatch):
    account = AccountBuilder("binance").with_movement(asset="USDT", amount="100000").with_fill(market="BTC/USDT")
    connection = home.start(account).imported(account)
    home.time.turn(days=7)
    for side in ("buy", "sell"):  # no balance tells of them: only a sweep finds them
        account.with_fill(market="ETH/USDT", side=side, amount="1", fee="0", at=home.time.now - timedelta(hours=1))

    syncing, lake = home.product.syncing, home.product.lake
    pull = syncing._pull

    def break_down(*_):
        raise KeyError

    def pull_then_break_down(work):
        pulled = pull(work)
        patch.setattr(type(lake), "append_raw", break_down)
        return pulled

    home.product.requesting.file([connection])
    (batch,) = home.product.requesting.batches()
    with monkeypatch.context() as patch:
        patch.setattr(syncing, "_pull", pull_then_break_down)
        with pytest.raises(KeyError):
            list(syncing.sync(batch.connections, batch.kind))
    home.time.now += LEASE
    report = home.sync(connection)

    assert report.run.trades_added == 2
