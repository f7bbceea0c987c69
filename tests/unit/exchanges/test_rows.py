"""How a record is written and when it happened: the same text for the same values, no digit lost."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.streams import Paging
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges.paging.rows import (
    canonical,
    dig,
    read_rows,
    records,
    row_id,
    row_numbers,
    slow_canonical,
    times,
)
from tests.unit.exchanges.model import SPECS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_both_writers_write_the_same_and_it_reads_back(value):
    assert canonical(value) == slow_canonical(value)
    assert json.loads(canonical(value)) == value


def test_what_the_fast_writer_refuses_is_written_too():
    assert canonical({"b": 10**30, "a": 1}) == '{"a":1,"b":1000000000000000000000000000000}'
    assert canonical("\ud800é") == '"\\ud800\\u00e9"'
    canonical("\ud800").encode()


@given(st.integers(1_300_000_000_000_000, 4_000_000_000_000_000), st.integers(1, 9))
def test_seconds_with_decimals_are_read_to_the_microsecond_and_cut_towards_the_past(micros, digits):
    spec = SPECS[Paging.OFFSET_IN_WINDOW]
    text = f"{micros // 1_000_000}.{micros % 1_000_000:06d}999"[: 11 + digits]
    kept = min(digits, 6)

    assert times(spec, [{"time": text}])[0] == micros // 10 ** (6 - kept) * 10 ** (6 - kept)


@pytest.mark.parametrize(
    "value", [None, True, "", "abc", "NaN", "-1", "0", "1e9", "99999999999999999999", "1230767999", " ", [], {"a": 1}]
)
def test_a_time_that_cannot_be_meant_is_none(value):
    assert times(SPECS[Paging.OFFSET_IN_WINDOW], [{"time": value}]) == [None]


def test_milliseconds_are_read_as_numbers_and_as_text():
    spec = SPECS[Paging.ID_BACKWARDS]
    for value in (1_700_000_000_123, "1700000000123"):
        assert times(spec, [{"ts": value}])[0] == 1_700_000_000_123_000
    assert EPOCH + timedelta(microseconds=1_700_000_000_123_000) == datetime(
        2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC
    )


def test_paths_lead_through_objects_and_lists_or_nowhere():
    body = {"data": [{"details": [1, 2]}], "flag": False}

    assert dig(body, "data.0.details") == [1, 2]
    assert dig(body, "") is body
    assert dig(body, "flag") is False
    for nowhere in ("data.1", "data.x", "flag.x", "none", "data.0.details.2"):
        assert dig(body, nowhere) is None


@pytest.mark.parametrize("body", [{"data": None}, {"data": {}}, {"data": [1]}, {"data": "x"}, {}, []])
def test_rows_that_are_no_list_of_objects_are_an_error(body):
    with pytest.raises(ExchangeTroubleError):
        read_rows(SPECS[Paging.ID_BACKWARDS], body)


def test_a_mapping_gives_its_keys_to_its_rows():
    spec = SPECS[Paging.OFFSET_IN_WINDOW]
    answer = read_rows(spec, {"result": {"trades": {"T1": {"time": 1}}}})

    assert [row_id(spec, row) for row in answer.rows] == ["T1"]
    with pytest.raises(ExchangeTroubleError):
        read_rows(spec, {"result": {"trades": {"T1": "text"}}})


moments = st.one_of(
    st.integers(-5, 10**14),
    st.integers(1_300_000_000_000, 4_000_000_000_000),
    st.booleans(),
    st.none(),
    st.text(max_size=4),
)


@given(st.lists(moments.flatmap(lambda value: st.sampled_from([value, str(value)])), max_size=6))
def test_a_page_of_times_is_read_as_its_rows_are_one_by_one(values):
    spec = SPECS[Paging.ID_BACKWARDS]
    rows = [{"ts": value} for value in values]

    assert times(spec, rows) == [times(spec, [row])[0] for row in rows]
    assert [record.event_at for record in records(spec, rows)] == [records(spec, [row])[0].event_at for row in rows]


def test_ids_that_are_no_numbers_stop_a_page_however_many_are():
    spec = SPECS[Paging.ID_BACKWARDS]

    assert row_numbers(spec, [{"billId": "7"}, {"billId": 8}]) == [7, 8]
    for wrong in ("x", None, True, 1.5, [], ""):
        with pytest.raises(ExchangeTroubleError):
            row_numbers(spec, [{"billId": "7"}, {"billId": wrong}])
