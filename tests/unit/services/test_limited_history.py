"""A limited history says where it begins, so that what lay there before can answer it."""

from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import CoverageRow
from metrifly_pipeline.domain.streams import Span
from metrifly_pipeline.exchanges.kraken.spec import SPEC as KRAKEN
from metrifly_pipeline.exchanges.okx.spec import SPEC as OKX
from metrifly_pipeline.services.judging import history_findings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=300)


def covered(spec, start, scope="SPOT"):
    span = Span(start, NOW)
    return CoverageRow(connection=ConnectionId(f"{spec.name}-1"), stream="fills", scope=scope, span=span, ended="")


def test_where_an_exchange_forgets_history_begins_with_the_first_proven_moment():
    begins, later = NOW - timedelta(days=89), NOW - timedelta(days=80)
    (found,) = history_findings(OKX, [covered(OKX, later), covered(OKX, begins, "MARGIN")])

    assert (found.reason, found.opens_at) == (Reason.HISTORY_LIMITED, begins)
    assert history_findings(KRAKEN, [covered(KRAKEN, LONG_AGO)]) == []  # the control: Kraken forgets nothing
