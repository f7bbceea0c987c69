"""A fault of our own code is loud, stops its own connection and no other, and tells no secret."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.status import Outcome, SyncKind
from metrifly_pipeline.domain.trouble import OwnFaultError
from metrifly_pipeline.exchanges.session import Session
from metrifly_pipeline.sandbox.builder import AccountBuilder

SECRET_TEXT = "what-a-library-might-have-printed"


@pytest.fixture
def two_accounts(home):
    kraken = AccountBuilder("kraken").with_movement().with_fill()
    okx = AccountBuilder("okx", first_at=home.time.now - timedelta(days=1)).with_movement().with_fill()
    home.start(kraken, okx)
    return home.connect(kraken).id, home.connect(okx).id


def sync_all(home, connections, reports):
    for report in home.product.syncing.sync(connections, SyncKind.SYNC_NOW):
        reports[report.connection] = report.run.outcome


def test_the_others_are_synced_and_then_the_run_fails_naming_places_but_no_data(home, two_accounts, monkeypatch):
    broken, well = two_accounts
    pull = Session.pull

    def pull_or_break(self, stream, task):
        if "kraken" in repr(self):
            raise KeyError(SECRET_TEXT)
        return pull(self, stream, task)

    monkeypatch.setattr(Session, "pull", pull_or_break)
    reports = {}

    with pytest.raises(OwnFaultError, match="KeyError while syncing kraken-") as raised:
        sync_all(home, two_accounts, reports)

    assert SECRET_TEXT not in str(raised.value)
    assert reports == {broken: Outcome.FAILED, well: Outcome.ADDED}
    monkeypatch.undo()
    assert home.sync(broken).run.outcome is Outcome.ADDED


def test_without_a_fault_both_are_synced_and_nothing_is_raised(home, two_accounts):
    reports = {}

    sync_all(home, two_accounts, reports)

    assert set(reports.values()) == {Outcome.ADDED}


def test_a_fault_while_typing_lets_go_of_every_connection_and_loses_nothing(home, two_accounts, monkeypatch):
    normalize = type(home.product.lake).normalize

    def break_down(*_):
        raise KeyError(SECRET_TEXT)

    monkeypatch.setattr(type(home.product.lake), "normalize", break_down)
    with pytest.raises(KeyError):
        home.work()

    assert home.product.control.leased(home.time.now) == set()
    waiting = home.product.control.requests(waiting=True)
    assert {request.connection for request in waiting} == set(two_accounts)
    monkeypatch.setattr(type(home.product.lake), "normalize", normalize)
    reports = home.work()
    assert {report.connection: report.run.trades_added for report in reports} == dict.fromkeys(two_accounts, 1)


def test_a_fault_before_the_first_request_lets_go_of_every_connection_too(home, two_accounts, monkeypatch):
    control = type(home.product.control)
    start_run = control.start_run

    def start_or_break(self, connection, kind, now):
        if connection == two_accounts[1]:
            raise KeyError(SECRET_TEXT)
        return start_run(self, connection, kind, now)

    monkeypatch.setattr(control, "start_run", start_or_break)
    with pytest.raises(KeyError):
        home.work()

    assert home.product.control.leased(home.time.now) == set()
    assert {each.connection for each in home.product.control.requests(waiting=True)} == set(two_accounts)
    monkeypatch.undo()
    assert {report.run.outcome for report in home.work()} == {Outcome.ADDED}
