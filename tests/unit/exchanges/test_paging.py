"""Every paging family reads exactly what an exchange holds: under ties, kills, late records."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.exchanges.model import (
    HOUR_MS,
    SETTLE_MS,
    SPECS,
    START,
    Record,
    Server,
    Store,
    histories,
    moment,
    numbers,
)

FAMILIES = pytest.mark.parametrize("paging", list(SPECS), ids=lambda paging: paging.value)
PAGED = st.sampled_from(list(SPECS))


@given(paging=PAGED, records=histories(most_in_one_ms=4), kills=st.lists(st.integers(0, 6), max_size=4))
def test_a_first_import_killed_anywhere_reads_everything_once_it_ends(paging, records, kills):
    server, store = Server(records), Store(SPECS[paging])
    now_ms = 13 * HOUR_MS
    for pages in kills:
        store.sync(server, now_ms, pages=pages)

    assert store.sync(server, now_ms)

    assert store.records == numbers(records, now_ms)
    assert max(end for _, end in store.covered) >= moment(now_ms - SETTLE_MS) - timedelta(seconds=1)
    assert min(start for start, _ in store.covered) == START


@given(
    paging=PAGED,
    records=histories(most_in_one_ms=4),
    steps=st.lists(
        st.tuples(st.integers(1, 3 * HOUR_MS), st.one_of(st.none(), st.integers(0, 3))), min_size=1, max_size=6
    ),
)
def test_syncs_at_any_times_killed_anywhere_miss_nothing(paging, records, steps):
    server, store = Server(records), Store(SPECS[paging])
    now_ms = HOUR_MS
    for wait_ms, pages in steps:
        store.sync(server, now_ms, pages=pages)
        now_ms += wait_ms

    store.sync(server, now_ms)

    assert store.records == numbers(records, now_ms)


@given(
    paging=PAGED,
    records=histories(first_ms=int(11.3 * HOUR_MS), most_in_one_ms=2),
    late=st.sets(st.integers(1, 24), max_size=6),
    data=st.data(),
)
def test_records_shown_late_within_the_overlap_are_found_by_the_next_sync(paging, records, late, data):
    first_ms = 12 * HOUR_MS
    shown = [
        Record(r.number, r.ms, data.draw(st.integers(r.ms, r.ms + 40 * 60_000))) if r.number in late else r
        for r in records
    ]
    server, store = Server(shown), Store(SPECS[paging])

    store.sync(server, first_ms)
    store.sync(server, first_ms + 41 * 60_000)

    assert store.records == numbers(shown, first_ms + 41 * 60_000)


@FAMILIES
def test_a_second_sync_without_news_is_one_request(paging):
    server, store = Server([Record(n, n * 600_000) for n in range(1, 30)]), Store(SPECS[paging])
    store.sync(server, 6 * HOUR_MS)
    server.asked.clear()

    store.sync(server, 6 * HOUR_MS + 1000)

    assert len(server.asked) == 1


@FAMILIES
def test_records_that_are_not_settled_are_read_but_prove_nothing(paging):
    now_ms = HOUR_MS
    server, store = Server([Record(1, now_ms - 1000)]), Store(SPECS[paging])

    store.sync(server, now_ms)

    assert store.records == {1}
    assert max(end for _, end in store.covered) <= moment(now_ms - SETTLE_MS)
    assert store.cursor is not None
    assert int(store.cursor.get("last_id", -1)) == -1


@FAMILIES
def test_a_deep_sync_finds_what_came_later_than_the_overlap(paging):
    late = Record(1, 3 * HOUR_MS, visible_ms=int(5.2 * HOUR_MS))
    others = [Record(n, int((n - 1) * 0.9 * HOUR_MS)) for n in range(2, 8)]
    later = [Record(r.number + 10, r.ms) for r in others if r.ms > late.ms]
    earlier = [r for r in others if r.ms <= late.ms]
    records = [Record(r.number, r.ms) for r in earlier] + [Record(9, late.ms, late.visible_ms), *later]
    server = Server(records)
    shallow, deep = Store(SPECS[paging]), Store(SPECS[paging])
    for store in (shallow, deep):
        store.sync(server, 5 * HOUR_MS)

    shallow.sync(server, int(5.5 * HOUR_MS))
    deep.sync(server, int(5.5 * HOUR_MS), deep=True)

    assert 9 in deep.records
    assert 9 not in shallow.records  # the control: the overlap alone doesn't reach it


@FAMILIES
def test_an_empty_history_is_proven_too(paging):
    store = Store(SPECS[paging])

    store.sync(Server([]), HOUR_MS)

    assert store.records == set()
    assert store.cursor is not None
    assert store.cursor["covered_to_us"]
