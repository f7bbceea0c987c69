"""A symbol that an exchange no longer knows proves nothing new, and is read on without a gap where it comes back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.planning import asked_to, covered_to
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.streams import Paging
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges.paging.registry import DRIVERS
from tests.unit.exchanges.model import (
    HOUR_MS,
    SETTLE_MS,
    SPECS,
    Record,
    Server,
    Store,
    histories,
    moment,
    numbers,
    task,
)

GONE = replace(SPECS[Paging.SYMBOL_BY_ID], gone=("-1121",))


def refusing(server, code, *, after=0):
    """The server's answers, and from some request on a refusal with this code."""
    left = after

    def ask(params):
        nonlocal left
        left -= 1
        if left < 0:
            raise ExchangeTroubleError(Reason.UNEXPECTED_RESPONSE, code=code)
        return server.by_id(params)

    return ask


def test_a_symbol_that_the_exchange_no_longer_knows_ends_with_an_empty_page_and_proves_nothing_new():
    server, store = Server([Record(n, n * 60_000) for n in range(1, 9)]), Store(GONE)
    store.sync(server, HOUR_MS)
    before = max(end for _, end in store.covered)
    asked = task(GONE, store.cursor, 3 * HOUR_MS)

    (page,) = DRIVERS[GONE.paging](GONE, asked, refusing(server, "-1121"))

    assert (page.records, page.ended) == ((), "gone")
    assert asked_to(page.cursor_after) == asked.settled_until
    assert covered_to(page.cursor_after) == before
    assert page.covered.end == before


def test_a_symbol_that_was_never_known_is_asked_and_nothing_is_proven():
    (page,) = DRIVERS[GONE.paging](GONE, task(GONE, None, HOUR_MS), refusing(Server([]), "-1121"))

    assert page.covered is None
    assert covered_to(page.cursor_after) is None
    assert asked_to(page.cursor_after) == moment(HOUR_MS - SETTLE_MS)


@pytest.mark.parametrize(("spec", "code"), [(GONE, "-1100"), (GONE, ""), (SPECS[Paging.SYMBOL_BY_ID], "-1121")])
def test_any_other_refusal_of_a_symbol_is_an_error(spec, code):
    with pytest.raises(ExchangeTroubleError) as caught:
        list(DRIVERS[spec.paging](spec, task(spec, None, HOUR_MS), refusing(Server([]), code)))
    assert caught.value.code == code


@given(records=histories(most_in_one_ms=4), after=st.integers(0, 6), deep=st.booleans())
def test_a_symbol_that_comes_back_is_read_on_without_a_gap_wherever_it_went_away(records, after, deep):
    server, store = Server(records), Store(GONE)
    store.sync(server, 5 * HOUR_MS)
    store.sync(server, 9 * HOUR_MS, deep=deep, ask=refusing(server, "-1121", after=after))

    store.sync(server, 13 * HOUR_MS)

    assert store.records == numbers(records, 13 * HOUR_MS)
    assert "gone_us" not in store.cursor
