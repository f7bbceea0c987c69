"""Columns that read like a tuple of records or rows: nothing is lost on the way in or out."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import RawRow, RawRows
from metrifly_pipeline.domain.streams import RawRecord, Records, Stream, at_us, us_of

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.none() | st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware in the map
RECORDS = st.lists(st.builds(RawRecord, payload=st.text(max_size=3), event_at=MOMENTS), max_size=6)


@given(MOMENTS)
def test_a_moment_keeps_every_microsecond(moment):
    assert at_us(us_of(moment)) == moment


@given(RECORDS)
def test_records_in_columns_read_like_the_records(records):
    columns = Records.of(records)

    assert list(columns) == records
    assert [columns[place] for place in range(len(columns))] == records
    assert list(columns[1:]) == records[1:]
    assert Records.of(columns) is columns


@given(RECORDS, st.data())
def test_rows_in_blocks_read_like_the_rows(records, data):
    rows = [
        RawRow(
            connection=ConnectionId(data.draw(st.sampled_from(["a", "b"]))),
            exchange="toy",
            stream=data.draw(st.sampled_from([Stream.FILLS, Stream.LEDGER])),
            scope=data.draw(st.sampled_from(["x", "y"])),
            seq=number,
            fetched_at=START + timedelta(seconds=data.draw(st.integers(0, 1))),
            event_at=record.event_at,
            payload=record.payload,
            payload_hash=f"hash of {record.payload}",
            rank=data.draw(st.integers(0, 1)),
        )
        for number, record in enumerate(records)
    ]
    blocks = RawRows.of(rows)

    assert list(blocks) == rows
    assert len(blocks) == len(rows)
    assert [blocks[place] for place in range(len(rows))] == rows
    for block in blocks.blocks:
        odd = range(1, len(block), 2)
        assert list(block.only(list(odd))) == [list(block)[place] for place in odd]
