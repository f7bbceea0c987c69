"""Findings of each stage and the attention that stands, on both databases."""

from datetime import timedelta

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from tests.contract.control.builders import NOW

LATER = NOW + timedelta(hours=1)
MISMATCH = Finding(reason=Reason.BALANCE_MISMATCH, detail="BTC 0.5")


def test_a_finding_stands_with_its_words(store, connect):
    connection = connect()
    finding = Finding(reason=Reason.STREAM_NOT_PERMITTED, stream="ledger", detail="Query ledger entries")

    assert store.replace_findings(connection, "sync", [finding], NOW) is True

    assert store.attention(connection) == [
        Attention(
            connection=connection,
            reason=Reason.STREAM_NOT_PERMITTED,
            since=NOW,
            detail="Query ledger entries",
            stream="ledger",
        )
    ]


def test_a_reason_that_stays_keeps_its_since_even_with_other_words(store, connect):
    connection = connect()
    store.replace_findings(connection, "reconcile", [MISMATCH], NOW)

    changed = [Finding(reason=Reason.BALANCE_MISMATCH, detail="BTC 0.7"), Finding(reason=Reason.COVERAGE_GAP)]
    assert store.replace_findings(connection, "reconcile", changed, LATER) is True

    assert {each.reason: (each.since, each.detail) for each in store.attention()} == {
        Reason.BALANCE_MISMATCH: (NOW, "BTC 0.7"),
        Reason.COVERAGE_GAP: (LATER, ""),
    }


def test_the_same_findings_again_change_nothing(store, connect):
    connection = connect()
    store.replace_findings(connection, "reconcile", [MISMATCH], NOW)
    before = store.change_seq()

    assert store.replace_findings(connection, "reconcile", [MISMATCH], LATER) is False
    assert store.change_seq() == before
    assert store.attention()[0].since == NOW


def test_findings_that_are_gone_are_cleared_and_numbered(store, connect):
    connection = connect()
    store.replace_findings(connection, "reconcile", [MISMATCH], NOW)
    before = store.change_seq()

    assert store.replace_findings(connection, "reconcile", [], LATER) is True
    assert store.attention() == []
    assert store.change_seq() == before + 1


def test_a_stage_replaces_only_its_own_findings_and_only_of_its_connection(store, connect):
    first, second = connect(1), connect(2)
    store.replace_findings(first, "reconcile", [MISMATCH], NOW)
    store.replace_findings(second, "normalize", [Finding(reason=Reason.UNKNOWN_ASSET)], LATER)

    store.replace_findings(first, "normalize", [], LATER)
    store.replace_findings(second, "reconcile", [], LATER)

    assert [(each.connection, each.reason) for each in store.attention()] == [
        (first, Reason.BALANCE_MISMATCH),
        (second, Reason.UNKNOWN_ASSET),
    ]
    assert [each.connection for each in store.attention(second)] == [second]


def test_one_reason_may_stand_on_several_streams(store, connect):
    connection = connect()
    two = [Finding(reason=Reason.STREAM_NOT_PERMITTED, stream=name) for name in ("ledger", "fills")]

    store.replace_findings(connection, "sync", two, NOW)

    assert [each.stream for each in store.attention()] == ["fills", "ledger"]
