"""What one paging family must take besides: totals that grow, pages sent twice, crowds in a millisecond, snapshots."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import Paging, Stream
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
    numbers,
    task,
)


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
