"""Findings of each stage and the attention that stands, on both databases."""

import dataclasses
from datetime import timedelta

from metrifly_pipeline.domain.attention import GRACE, Attention
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, SyncKind, Urgency
from tests.contract.control.builders import NOW

LATER = NOW + timedelta(hours=1)
MISMATCH = Finding(reason=Reason.BALANCE_MISMATCH, detail="BTC 0.5")
NETWORK = Finding(reason=Reason.NETWORK)


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


def test_whole_stages_are_replaced_for_all_connections_and_only_what_differs_is_numbered(store, connect):
    first, second, third = connect(1), connect(2), connect(3)
    unknown = Finding(reason=Reason.UNKNOWN_ASSET)
    store.replace_findings(first, "reconcile", [MISMATCH], NOW)
    store.replace_findings(second, "normalize", [unknown], NOW)
    store.replace_findings(third, "reconcile", [MISMATCH], NOW)
    store.replace_findings(third, "key", [Finding(reason=Reason.KEY_EXPIRING)], NOW)
    before = store.change_seq()

    found = {"reconcile": {second: [MISMATCH], third: [MISMATCH]}, "normalize": {second: [unknown]}}
    changed = store.replace_stages(found, LATER)

    assert sorted(changed) == sorted([first, second])
    assert store.change_seq() == before + 2
    assert {(item.connection, item.reason, item.since) for item in store.attention()} == {
        (second, Reason.UNKNOWN_ASSET, NOW),
        (second, Reason.BALANCE_MISMATCH, LATER),
        (third, Reason.BALANCE_MISMATCH, NOW),
        (third, Reason.KEY_EXPIRING, NOW),
    }
    assert store.replace_stages(found, LATER) == []
    assert store.change_seq() == before + 2


def test_a_status_that_time_has_changed_is_numbered_when_whole_stages_are_replaced(store, connect, finish):
    connection = connect()
    finish(connection, outcome=Outcome.ADDED)
    finish(connection, outcome=Outcome.FAILED, findings=[Finding(reason=Reason.NETWORK)])
    before = store.change_seq()

    assert store.replace_stages({"reconcile": {}}, NOW + GRACE - timedelta(seconds=1)) == []
    assert store.replace_stages({"reconcile": {}}, NOW + GRACE) == [connection]

    assert store.change_seq() == before + 1


def test_the_end_of_a_run_tells_what_stands_then_whoever_found_it(store, connect):
    connection = connect()
    store.replace_findings(connection, "reconcile", [MISMATCH], NOW)
    for found in ([NETWORK], []):
        run = dataclasses.replace(store.start_run(connection, SyncKind.DAILY, LATER), outcome=Outcome.ADDED)
        ended = store.finish_run(run, found, urgency=Urgency.SOON, next_due_at=None, retry_at=None, now=LATER)

        assert ended.standing == store.attention(connection)
        assert [each.reason for each in ended.standing] == [each.reason for each in (MISMATCH, *found)]
