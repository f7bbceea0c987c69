"""When somebody is told, what is remembered as told, where messages may go, and how long a failed one waits."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.notifying import (
    MAX_TRIES,
    email_address,
    news,
    pause_after,
    webhook_address,
)
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import RefusedError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = Connection(
    id=ConnectionId("kraken-abcd1234"),
    account=AccountId("default"),
    portfolio=PortfolioId("pf-1"),
    exchange="kraken",
    label="",
    base_url=None,
    identity=None,
    app_id="app",
    created_at=NOW,
)
INVALID, IP, LIMITED, MISMATCH = (
    Reason.KEY_INVALID,
    Reason.IP_NOT_ALLOWED,
    Reason.HISTORY_LIMITED,
    Reason.BALANCE_MISMATCH,
)


def standing(*reasons, age=timedelta(days=9), acknowledged=()):
    given = Acknowledgement(at=NOW, by=AccountId("default"), note="known")
    return [
        Attention(
            connection=HERE.id,
            reason=reason,
            since=NOW - age,
            acknowledged=given if reason in acknowledged else None,
        )
        for reason in reasons
    ]


def told(before, attention, ailing="", **changed):
    found = news(before, dataclasses.replace(HERE, ailing=ailing, **changed), attention, NOW)
    return set(found.told), set(found.new), list(found.cured)


@pytest.mark.parametrize(
    ("before", "now", "ailing", "expected"),
    [
        ([], [], "", (set(), set(), [])),
        ([], [INVALID], "key_invalid", ({INVALID}, {INVALID}, [])),
        ([INVALID], [INVALID], "key_invalid", ({INVALID}, set(), [])),
        ([INVALID], [], "", (set(), set(), [INVALID])),
        ([INVALID], [], "key_invalid", ({INVALID}, set(), [])),  # the key was replaced, but no sync has proven it
        ([INVALID], [IP], "key_invalid ip_not_allowed", ({IP}, {IP}, [])),
        ([IP], [INVALID], "key_invalid ip_not_allowed", ({INVALID}, {INVALID}, [])),
        ([INVALID], [LIMITED], "key_invalid", ({INVALID, LIMITED}, {LIMITED}, [])),
        ([INVALID], [LIMITED], "", ({LIMITED}, {LIMITED}, [INVALID])),
        ([MISMATCH], [], "", (set(), set(), [MISMATCH])),
        ([], [Reason.AMENDED_RECORDS], "", (set(), set(), [])),
    ],
)
def test_each_change_is_told_once_and_cured_is_said_when_a_sync_has_proven_it(before, now, ailing, expected):
    assert told(before, standing(*now), ailing) == expected


def test_what_was_acknowledged_is_neither_told_nor_called_cured():
    both = standing(LIMITED, MISMATCH, acknowledged=[LIMITED])

    assert told([], both) == ({MISMATCH}, {MISMATCH}, [])
    assert told([LIMITED, MISMATCH], both) == ({MISMATCH}, set(), [])
    assert told([MISMATCH], standing(LIMITED, MISMATCH)) == ({LIMITED, MISMATCH}, {LIMITED}, [])  # its facts changed


def test_a_reason_counts_on_whichever_stream_it_is_not_acknowledged():
    known, other = standing(LIMITED, LIMITED, acknowledged=[LIMITED])
    other = dataclasses.replace(other, stream="fills", acknowledged=None)

    assert told([], [known, other]) == ({LIMITED}, {LIMITED}, [])


REASONS = st.sets(st.sampled_from(Reason))


@given(before=REASONS, now=REASONS, acknowledged=REASONS, ailing=REASONS)
def test_what_was_told_is_not_told_again_and_nothing_is_both_new_and_cured(before, now, acknowledged, ailing):
    attention = standing(*sorted(now), acknowledged=acknowledged)
    connection = dataclasses.replace(HERE, ailing=" ".join(sorted(ailing)))

    first = news(before, connection, attention, NOW)

    assert not news(first.told, connection, attention, NOW).worth_telling
    assert not first.new & set(first.cured)
    assert not (first.new | set(first.cured)) & (now & acknowledged)
    assert not set(first.cured) & ailing


def test_what_passes_by_itself_is_told_only_when_it_lasts():
    assert told([], standing(Reason.NETWORK, age=timedelta(days=2)), "network") == (set(), set(), [])
    assert told([], standing(Reason.NETWORK, age=timedelta(days=3)), "network")[1] == {Reason.NETWORK}


def test_of_a_disconnected_connection_nothing_is_told_or_remembered():
    assert told([INVALID], standing(LIMITED), disconnected_at=NOW) == (set(), set(), [])


def test_a_failed_message_waits_longer_each_time_within_bounds_and_is_given_up_after_about_a_day():
    pauses = [pause_after(attempt, 0.5) for attempt in range(1, MAX_TRIES)]

    assert pauses[:3] == [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=8)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=6)
    assert timedelta(hours=18) < sum(pauses, timedelta()) < timedelta(hours=36)
    assert pause_after(MAX_TRIES, 0.5) is None
    assert (pause_after(1, 0.0), pause_after(1, 1.0)) == (timedelta(seconds=24), timedelta(seconds=36))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?token=1",
        "http://127.0.0.1:8000/x",
        "http://[::1]:1",
        "http://localhost",
        "https://h:444",
    ],
)
def test_messages_go_over_tls_or_stay_on_this_machine(url):
    assert webhook_address(f" {url} ") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://10.0.0.1/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:word@example.com/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com:notaport/",
        "example.com",
        "",
        f"https://example.com/{'x' * 2000}",
    ],
)
def test_any_other_address_is_refused(url):
    with pytest.raises(RefusedError):
        webhook_address(url)


def test_an_email_address_is_one_name_at_one_host():
    assert email_address(" ann@example.com ") == "ann@example.com"
    for wrong in (
        "",
        "ann",
        "ann@",
        "a b@example.com",
        "ann@example.com,bob@example.com",
        "ann@e.com\nBcc: x@y.z",
        "<a@b.c>",
    ):
        with pytest.raises(RefusedError):
            email_address(wrong)
