"""Which reasons may be acknowledged, and what is said of the others."""

from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.domain.acknowledging import acknowledgeable
from metrifly_pipeline.domain.attention import MISMATCH_GRACE, Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import MEANING, Level, Reason
from metrifly_pipeline.domain.trouble import RefusedError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = ConnectionId("kraken-abcd1234")


def standing(reason, age=timedelta(days=9)):
    return Attention(connection=HERE, reason=reason, since=NOW - age)


@pytest.mark.parametrize("reason", Reason)
def test_notices_and_nothing_else_can_be_acknowledged(reason):
    if MEANING[reason].level is Level.NOTICE and reason is not Reason.STALE:
        assert acknowledgeable(HERE, reason.value, [standing(reason)], NOW) == (standing(reason),)
        return

    with pytest.raises(RefusedError) as refused:
        acknowledgeable(HERE, reason.value, [standing(reason)], NOW)

    needs_someone = MEANING[reason].level is not Level.INFO
    assert (standing(reason).remedy in str(refused.value)) == needs_someone


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Reason.BALANCE_MISMATCH, "not lasted long enough"),
        (Reason.EXCHANGE_DOWN, "passes by itself"),
        (Reason.AMENDED_RECORDS, "asks nobody"),
    ],
)
def test_what_is_only_information_so_far_needs_no_acknowledgement(reason, why):
    with pytest.raises(RefusedError, match=why):
        acknowledgeable(HERE, reason.value, [standing(reason, MISMATCH_GRACE - timedelta(seconds=1))], NOW)


def test_every_stream_a_reason_stands_on_is_meant():
    two = [
        Attention(connection=HERE, reason=Reason.STREAM_NOT_PERMITTED, since=NOW, stream=name) for name in ("a", "b")
    ]

    assert acknowledgeable(HERE, "Stream-not-permitted", [*two, standing(Reason.COVERAGE_GAP)], NOW) == tuple(two)
