"""A run that ends well says which reasons it cured, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, SyncKind
from tests.contract.control.builders import NOW, sealed

LATER = NOW + timedelta(hours=1)
INVALID = Finding(reason=Reason.KEY_INVALID)
DOWN = Finding(reason=Reason.EXCHANGE_DOWN)
LIMITED = Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before 2026-01-01")


@pytest.fixture
def connection(connect, finish):
    made = connect()
    finish(made, findings=[LIMITED])
    return made


def cured(store):
    return store.runs(limit=1)[0].cured


def test_the_next_good_run_names_what_no_longer_stands_and_the_one_after_it_nothing(store, connection, finish):
    finish(connection, Outcome.FAILED, [LIMITED, INVALID])
    assert cured(store) == ""

    assert finish(connection, Outcome.NOTHING_NEW, [LIMITED]) is True  # readers see it, although nothing came
    assert cured(store) == "key_invalid"

    assert finish(connection, Outcome.NOTHING_NEW, [LIMITED]) is False
    assert cured(store) == ""


def test_a_replaced_key_has_cured_nothing_before_a_good_run(store, connection, finish):
    finish(connection, Outcome.FAILED, [INVALID])
    store.replace_credential(connection, sealed(connection, 2), None, LATER)
    assert store.attention(connection) == []

    finish(connection, Outcome.FAILED, [DOWN], now=LATER)
    assert cured(store) == ""
    finish(connection, Outcome.NOTHING_NEW, [], now=LATER)

    assert cured(store) == "key_invalid exchange_down"


def test_what_still_stands_is_not_cured(store, connection, finish):
    finish(connection, Outcome.FAILED, [INVALID, DOWN])
    store.replace_findings(connection, "key", [Finding(reason=Reason.KEY_EXPIRING)], NOW)

    finish(connection, Outcome.NOTHING_NEW, [])
    assert cured(store) == "key_invalid exchange_down"

    store.replace_findings(connection, "key", [], NOW)
    finish(connection, Outcome.NOTHING_NEW, [])
    assert cured(store) == "key_expiring"


def test_what_a_publish_or_an_entry_judges_is_no_runs_to_cure(store, connection, finish):
    store.replace_findings(connection, "reconcile", [Finding(reason=Reason.BALANCE_MISMATCH)], NOW)
    finish(connection, findings=[LIMITED])
    store.replace_findings(connection, "reconcile", [], NOW)

    finish(connection, findings=[])

    assert cured(store) == ""


@pytest.mark.parametrize(("outcome", "kind"), [(Outcome.LEASE_LOST, SyncKind.DAILY), (Outcome.ADDED, SyncKind.REBUILD)])
def test_a_run_that_proves_nothing_of_the_key_cures_nothing(store, connection, finish, outcome, kind):
    finish(connection, Outcome.FAILED, [INVALID])

    finish(connection, outcome, [], kind=kind)
    assert cured(store) == ""

    finish(connection, Outcome.NOTHING_NEW, [])
    assert cured(store) == "key_invalid"
