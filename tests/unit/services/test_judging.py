"""What a key's own facts mean for the person: refused, noticed, or fine."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.exchanges.kraken.spec import SPEC
from metrifly_pipeline.services.judging import key_notices, refusals

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
READING = KeyFacts(
    identity="AA1",
    can_read_trades=True,
    can_read_balances=True,
    can_trade=False,
    can_withdraw=False,
    can_transfer=False,
)


def noticed(**changed):
    return [finding.reason for finding in key_notices(dataclasses.replace(READING, **changed), SPEC, NOW)]


@pytest.mark.parametrize("power", ["can_trade", "can_withdraw"])
def test_a_power_that_the_exchange_does_not_tell_is_said_to_be_unverified(power):
    assert noticed() == []
    assert noticed(**{power: None}) == [Reason.PERMISSIONS_NOT_VERIFIABLE]
    assert refusals(dataclasses.replace(READING, **{power: None}), SPEC, ()) == []


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=14, seconds=1), []),
        (timedelta(days=14), [Reason.KEY_EXPIRING]),
        (timedelta(seconds=1), [Reason.KEY_EXPIRING]),
        (None, []),
    ],
)
def test_the_end_of_a_key_is_announced_two_weeks_ahead(left, expected):
    assert noticed(expires_at=None if left is None else NOW + left) == expected


@pytest.mark.parametrize("power", ["can_trade", "can_withdraw", "can_transfer"])
def test_every_power_beyond_reading_is_refused(power):
    (refused,) = refusals(dataclasses.replace(READING, **{power: True}), SPEC, ())

    assert refused.reason is Reason.KEY_TOO_POWERFUL
    assert refusals(READING, SPEC, ()) == []


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        (("203.0.113.7", "2001:db8::7"), []),
        (("203.0.113.0/24", "2001:0DB8:0:0::/64"), []),
        (("203.0.113.9/24", "2001:db8:0::0007"), []),
        (("203.0.113.7", "elsewhere"), ["2001:db8::7"]),
        (("203.0.114.0/24", "2001:db8:1::/64"), ["203.0.113.7", "2001:db8::7"]),
    ],
)
def test_a_keys_list_of_addresses_is_read_as_addresses_and_ranges(listed, missing):
    found = refusals(dataclasses.replace(READING, ip_allowlist=listed), SPEC, ("203.0.113.7", "2001:db8::7"))

    expected = [(Reason.IP_NOT_ALLOWED, f"add: {', '.join(missing)}")] if missing else []
    assert [(finding.reason, finding.detail) for finding in found] == expected


@pytest.mark.parametrize(
    "hidden",
    [{"history_from": NOW - timedelta(days=300)}, {"history_to": NOW}, {"history_to": NOW + timedelta(days=9)}],
)
def test_a_key_that_hides_a_part_of_the_history_is_refused_whichever_part(hidden):
    (refused,) = refusals(dataclasses.replace(READING, **hidden), SPEC, ())

    assert refused.reason is Reason.KEY_HIDES_HISTORY
