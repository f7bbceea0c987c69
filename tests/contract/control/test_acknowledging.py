"""An acknowledgement holds for a notice as long as its facts do, on both databases."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.attention import Acknowledgement
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from tests.contract.control.builders import NOW

LATER = NOW + timedelta(days=1)
LIMITED = Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before 2026-01-01")
GIVEN = Acknowledgement(at=NOW, by=AccountId("default"), note="the older part was never mine")


@pytest.fixture
def acknowledged(store, connect, finish):
    """A connection whose last sync found a limited history, which was acknowledged."""
    connection = connect()
    finish(connection, findings=[LIMITED])
    assert store.acknowledge(connection, store.attention(connection), GIVEN, NOW) == 1
    return connection


def marks(store, connection):
    return [(item.reason, item.acknowledged) for item in store.attention(connection)]


def test_it_stands_with_who_when_and_why_and_is_a_change_that_readers_see(store, connect, finish, portfolio):
    connection, other = connect(1), connect(2)
    for each in (connection, other):
        finish(each, findings=[LIMITED])
    before = store.change_seq()

    assert store.acknowledge(connection, store.attention(connection), GIVEN, NOW) == 1

    assert marks(store, connection) == [(Reason.HISTORY_LIMITED, GIVEN)]
    assert marks(store, other) == [(Reason.HISTORY_LIMITED, None)]
    assert store.change_seq() == before + 1
    assert store.find_portfolio(portfolio.account, portfolio.id).change_seq == before + 1


def test_it_survives_syncs_that_find_the_same_beside_other_things(store, acknowledged, finish):
    for findings in ([LIMITED], [LIMITED, Finding(reason=Reason.NETWORK)], [LIMITED]):
        outcome = Outcome.FAILED if len(findings) > 1 else Outcome.NOTHING_NEW
        finish(acknowledged, outcome, findings, now=LATER)

        assert dict(marks(store, acknowledged))[Reason.HISTORY_LIMITED] == GIVEN


def test_with_other_facts_the_notice_stands_unacknowledged_again(store, acknowledged, finish):
    finish(acknowledged, findings=[Finding(reason=Reason.HISTORY_LIMITED, detail="nothing before 2026-02-01")])

    assert marks(store, acknowledged) == [(Reason.HISTORY_LIMITED, None)]
    finish(acknowledged, findings=[LIMITED])
    assert marks(store, acknowledged) == [(Reason.HISTORY_LIMITED, None)]  # the old facts again are new facts


def test_cleared_and_arisen_again_it_stands_unacknowledged(store, acknowledged, finish):
    finish(acknowledged, findings=[])
    assert marks(store, acknowledged) == []

    finish(acknowledged, findings=[LIMITED])

    assert marks(store, acknowledged) == [(Reason.HISTORY_LIMITED, None)]


def test_a_stage_that_takes_a_finding_over_takes_its_acknowledgement_along(store, connect):
    connection = connect()
    refused = Finding(reason=Reason.STREAM_NOT_PERMITTED, stream="ledger", detail="ledger: switch on Query ledger")
    store.replace_findings(connection, "stream:ledger:all", [refused], NOW)
    store.acknowledge(connection, store.attention(connection), GIVEN, NOW)

    store.replace_findings(connection, "key", [refused], LATER)
    store.replace_findings(connection, "stream:ledger:all", [], LATER)

    assert marks(store, connection) == [(Reason.STREAM_NOT_PERMITTED, GIVEN)]


def test_what_changed_since_it_was_seen_is_not_acknowledged(store, acknowledged, finish):
    seen = store.attention(acknowledged)
    finish(acknowledged, findings=[Finding(reason=Reason.HISTORY_LIMITED, detail="other words")])
    before = store.change_seq()

    assert store.acknowledge(acknowledged, seen, GIVEN, LATER) == 0

    assert marks(store, acknowledged) == [(Reason.HISTORY_LIMITED, None)]
    assert store.change_seq() == before


def test_it_can_be_taken_back(store, acknowledged):
    assert store.acknowledge(acknowledged, store.attention(acknowledged), None, LATER) == 1

    assert marks(store, acknowledged) == [(Reason.HISTORY_LIMITED, None)]
