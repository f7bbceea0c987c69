"""Which one word says what a connection is doing."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.domain.attention import GRACE, Attention
from metrifly_pipeline.domain.reasons import Level, Reason
from metrifly_pipeline.domain.status import Connection, Status
from metrifly_pipeline.domain.status_rules import STALE_AFTER, connection_status, staleness

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = Connection(
    id="kraken-00000001",
    account="default",
    portfolio="pf-00000001",
    exchange="kraken",
    label="",
    base_url=None,
    identity=None,
    app_id="app",
    created_at=NOW - timedelta(days=9),
    first_import_done=True,
)
FRESH = dataclasses.replace(GOOD, first_import_done=False)
FAILING = dataclasses.replace(GOOD, failing_since=NOW - timedelta(hours=1), failures=2)
GONE = dataclasses.replace(FAILING, disconnected_at=NOW)


def standing(reason, since=NOW, connection=GOOD.id):
    return Attention(connection=connection, reason=reason, since=since)


@pytest.mark.parametrize(
    ("connection", "attention", "running", "status"),
    [
        (GOOD, [], False, Status.UP_TO_DATE),
        (GOOD, [], True, Status.SYNCING),
        (FRESH, [], False, Status.IMPORTING),
        (FRESH, [], True, Status.IMPORTING),
        (FAILING, [], False, Status.DELAYED),
        (FAILING, [], True, Status.SYNCING),
        (dataclasses.replace(FAILING, first_import_done=False), [], False, Status.DELAYED),
        (dataclasses.replace(FAILING, first_import_done=False), [], True, Status.IMPORTING),
        (GOOD, [standing(Reason.KEY_INVALID)], False, Status.NEEDS_ATTENTION),
        (GOOD, [standing(Reason.KEY_INVALID)], True, Status.NEEDS_ATTENTION),
        (FAILING, [standing(Reason.KEY_INVALID)], False, Status.NEEDS_ATTENTION),
        (FRESH, [standing(Reason.KEY_INVALID)], False, Status.NEEDS_ATTENTION),
        (GONE, [standing(Reason.KEY_INVALID)], True, Status.DISCONNECTED),
    ],
)
def test_the_first_of_the_rules_that_holds_decides(connection, attention, running, status):
    assert connection_status(connection, attention, running, NOW) is status


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_reason_of_level_action_needs_attention(reason):
    found = standing(reason)

    needs = connection_status(GOOD, [found], running=False, now=NOW) is Status.NEEDS_ATTENTION

    assert needs == (found.level(NOW) is Level.ACTION)


def test_a_transient_reason_delays_at_first_and_needs_attention_after_its_grace():
    found = [standing(Reason.NETWORK, since=NOW)]

    assert (
        connection_status(FAILING, found, running=False, now=NOW + GRACE - timedelta(microseconds=1)) is Status.DELAYED
    )
    assert connection_status(FAILING, found, running=False, now=NOW + GRACE) is Status.NEEDS_ATTENTION


def test_what_stands_on_another_connection_does_not_matter():
    other = [standing(Reason.KEY_INVALID, connection="other")]

    assert connection_status(GOOD, other, running=False, now=NOW) is Status.UP_TO_DATE


LONG_AGO = NOW - STALE_AFTER
SYNCED = dataclasses.replace(GOOD, last_success_at=LONG_AGO)


def test_a_sync_that_is_too_long_ago_is_named_from_the_moment_it_was():
    stale = staleness(SYNCED, [standing(Reason.HISTORY_LIMITED)], NOW)

    assert (stale.reason, stale.since, stale.level(NOW)) == (Reason.STALE, NOW, Level.NOTICE)
    assert stale.detail == "last synced 2026-02-28 10:00 UTC"
    assert staleness(SYNCED, [], NOW - timedelta(microseconds=1)) is None


def test_a_connection_that_was_never_synced_is_old_news_a_day_after_it_was_made():
    never = dataclasses.replace(FRESH, created_at=LONG_AGO)

    assert staleness(never, [], NOW).detail == "never synced"
    assert staleness(dataclasses.replace(never, last_checked_at=NOW), [], NOW) is None  # its import is under way


@pytest.mark.parametrize(
    ("connection", "attention"),
    [
        (dataclasses.replace(SYNCED, disconnected_at=NOW), []),
        (dataclasses.replace(SYNCED, failing_since=LONG_AGO), []),
        (SYNCED, [standing(Reason.KEY_INVALID)]),
    ],
)
def test_where_a_reason_says_already_why_nothing_is_synced_no_second_one_is_added(connection, attention):
    assert staleness(connection, attention, NOW) is None
