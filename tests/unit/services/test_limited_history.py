"""A limited history says where it begins, so that what lay there before can answer it."""

from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.status import CoverageRow
from metrifly_pipeline.domain.streams import Span
from metrifly_pipeline.exchanges.kraken.spec import SPEC as KRAKEN
from metrifly_pipeline.exchanges.okx.spec import SPEC as OKX
from metrifly_pipeline.services.judging import history_findings, key_notices

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=300)


def covered(spec, start, scope="SPOT"):
    span = Span(start, NOW)
    return CoverageRow(connection=ConnectionId(f"{spec.name}-1"), stream="fills", scope=scope, span=span, ended="")


def limited(history_from, history_to):
    facts = KeyFacts(
        identity="AA1",
        can_read_trades=True,
        can_read_balances=True,
        can_trade=False,
        can_withdraw=False,
        history_from=history_from,
        history_to=history_to,
    )
    return [
        (found.opens_at, found.detail)
        for found in key_notices(facts, KRAKEN, NOW)
        if found.reason is Reason.HISTORY_LIMITED
    ]


def test_where_an_exchange_forgets_history_begins_with_the_first_proven_moment():
    begins, later = NOW - timedelta(days=89), NOW - timedelta(days=80)
    (found,) = history_findings(OKX, [covered(OKX, later), covered(OKX, begins, "MARGIN")])

    assert (found.reason, found.opens_at) == (Reason.HISTORY_LIMITED, begins)
    assert history_findings(KRAKEN, [covered(KRAKEN, LONG_AGO)]) == []  # the control: Kraken forgets nothing


def test_a_key_that_shows_nothing_older_says_from_when_on():
    ((opens_at, detail),) = limited(LONG_AGO, None)

    assert (opens_at, f"nothing before {LONG_AGO:%Y-%m-%d}" in detail) == (LONG_AGO, True)
    assert limited(None, None) == []


def test_a_key_that_shows_nothing_newer_either_is_answered_by_no_opening_balance():
    for history_from in (LONG_AGO, None):
        ((opens_at, detail),) = limited(history_from, NOW)
        assert opens_at is None
        assert "nothing after" in detail
