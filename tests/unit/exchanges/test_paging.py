"""Every paging family reads exactly what an exchange holds: under ties, kills, late records, growth in mid-scan."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metrifly_pipeline.domain.attention import Reason
from metrifly_pipeline.domain.planning import asked_to, covered_to
from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import Paging, Stream
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges.paging.registry import DRIVERS
from tests.unit.exchanges.model import SETTLE_MS, SPECS, START, Record, Server, Store, moment, numbers, task

HOUR_MS = 3_600_000
FAMILIES = pytest.mark.parametrize("paging", list(SPECS), ids=lambda paging: paging.value)
PAGED = st.sampled_from(list(SPECS))


@st.composite
def histories(draw, *, first_ms: int = 0, span_ms: int = 12 * HOUR_MS, most_in_one_ms: int = 5) -> list[Record]:
    """Records whose times often tie, up to as many as a page holds."""
    groups = draw(st.lists(st.tuples(st.integers(first_ms, span_ms), st.integers(1, most_in_one_ms)), max_size=12))
    times = sorted(ms for ms, count in dict(groups).items() for _ in range(count))
    return [Record(number, ms) for number, ms in enumerate(times, start=1)]


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


@given(records=histories(most_in_one_ms=2), pages=st.integers(1, 5), new=st.integers(1, 7))
def test_a_total_that_grows_in_mid_scan_makes_the_scan_begin_again(records, pages, new):
    spec = SPECS[Paging.OFFSET_IN_WINDOW]
    assume(pages <= max(1, -(-len(records) // spec.page_size)))  # while the closed span is read, not its tail
    server, store = Server(list(records)), Store(spec)
    now_ms = 13 * HOUR_MS
    asked = 0

    def growing(params):
        nonlocal asked
        asked += 1
        if asked == pages:  # late records, older than all that was read so far
            server.records += [Record(1000 + n, 10 * n) for n in range(new)]
        return server.offset(params)

    store.sync(server, now_ms, ask=growing)

    assert store.records == numbers(server.records, now_ms)


def test_a_total_that_never_stands_still_is_an_error():
    server, store = Server([Record(n, n * 1000) for n in range(1, 40)]), Store(SPECS[Paging.OFFSET_IN_WINDOW])

    def restless(params):
        server.records.append(Record(len(server.records) + 1, 500))
        return server.offset(params)

    with pytest.raises(ExchangeTroubleError) as caught:
        store.sync(server, HOUR_MS, ask=restless)
    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE


@pytest.mark.parametrize("slipped", [1, 2, 3])
def test_a_page_sent_twice_inside_a_scan_loses_nothing(slipped):
    server, store = Server([Record(n, n * 1000) for n in range(1, 30)]), Store(SPECS[Paging.OFFSET_IN_WINDOW])
    answers = []

    def repeating(params):
        answer = server.offset(params)
        answers.append(answer)
        return answers[slipped - 1] if len(answers) == slipped + 1 else answer

    assert store.sync(server, HOUR_MS, ask=repeating)
    assert store.records == numbers(server.records, HOUR_MS)


@pytest.mark.parametrize("paging", [Paging.OFFSET_IN_WINDOW, Paging.SYMBOL_BY_ID, Paging.ID_BACKWARDS])
def test_a_server_that_sends_the_same_page_for_ever_is_stopped(paging):
    server, store = Server([Record(n, n * 1000) for n in range(1, 300)]), Store(SPECS[paging])
    first = {}
    asked = 0

    def looping(params):
        nonlocal asked
        asked += 1
        return first.setdefault("answer", getattr(server, SPECS[paging].endpoint)(params))

    with pytest.raises(ExchangeTroubleError) as caught:
        store.sync(server, HOUR_MS, ask=looping)
    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE
    assert asked < 40


def test_more_records_in_one_millisecond_than_an_answer_holds_is_an_error_and_one_less_is_not():
    spec = SPECS[Paging.HALVED_WINDOW]
    crowd = [Record(n, 1000) for n in range(1, 6)]

    store = Store(spec)
    with pytest.raises(ExchangeTroubleError) as caught:
        store.sync(Server(crowd), HOUR_MS)
    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE

    assert store.sync(Server(crowd[:4]), HOUR_MS)
    assert store.records == {1, 2, 3, 4}


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


def test_a_symbol_without_trades_gets_a_cursor_and_its_first_trade_is_found():
    server, store = Server([]), Store(SPECS[Paging.SYMBOL_BY_ID])
    store.sync(server, HOUR_MS)
    assert store.cursor == {
        "last_id": -1,
        "reread_from_id": 0,
        "deep_from_id": 0,
        "covered_to_us": store.cursor["covered_to_us"],
    }

    server.records.append(Record(0, HOUR_MS + 1))
    store.sync(server, 2 * HOUR_MS)

    assert store.records == {0}


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


def test_halved_windows_touch_and_never_exceed_the_longest():
    spec = SPECS[Paging.HALVED_WINDOW]
    server, store = Server([Record(n, n * 60_000) for n in range(1, 200)]), Store(spec)

    store.sync(server, 20 * HOUR_MS)

    spans = [(int(a["startTime"]), int(a["endTime"])) for a in server.asked]
    assert all(end - start <= spec.window // timedelta(milliseconds=1) for start, end in spans)
    ordered = sorted(store.covered)
    assert all(after[0] <= before[1] for before, after in itertools.pairwise(ordered))
    assert store.records == numbers(server.records, 20 * HOUR_MS)


@given(histories(span_ms=2 * HOUR_MS, most_in_one_ms=4), st.sampled_from([0, SETTLE_MS, 2 * HOUR_MS]))
def test_records_without_an_id_come_once_each_wherever_windows_meet(records, shift_ms):
    """They couldn't be told apart where two spans hold the same instant."""
    spec = replace(SPECS[Paging.HALVED_WINDOW], id_field="", window=timedelta(minutes=7))
    now_ms = 2 * HOUR_MS + shift_ms
    server = Server(records, now_ms=now_ms)

    pages = list(DRIVERS[spec.paging](spec, task(spec, None, now_ms), server.window))

    assert sum(len(page.records) for page in pages) == len(records)


SNAPSHOT = StreamSpec(
    stream=Stream.BALANCES,
    endpoint="balances",
    paging=Paging.SNAPSHOT,
    page_size=0,
    rows_path="result",
    time_field="",
    time_unit="",
    compare=("balance",),
)


def snapshot(cursor, state):
    (page,) = DRIVERS[Paging.SNAPSHOT](SNAPSHOT, task(SNAPSHOT, cursor, HOUR_MS), lambda _params: {"result": state})
    return page


def test_a_snapshot_is_a_record_only_when_something_that_matters_changed():
    first = snapshot(None, {"XXBT": {"balance": "1.0", "price": "5"}})
    same = snapshot(first.cursor_after, {"XXBT": {"price": "6", "balance": "1.0"}})
    other = snapshot(same.cursor_after, {"XXBT": {"balance": "1.00", "price": "6"}})

    assert [len(page.records) for page in (first, same, other)] == [1, 0, 1]
    assert first.records[0].payload == '{"XXBT":{"balance":"1.0","price":"5"}}'
    assert snapshot(None, {}).records[0].payload == "{}"


@pytest.mark.parametrize("state", [None, "text", 7])
def test_a_snapshot_that_is_no_state_is_an_error(state):
    with pytest.raises(ExchangeTroubleError):
        snapshot(None, state)
