"""Group commit: files first, cursors after, and nothing of a lost lease."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN
from metrifly_pipeline.domain.status import Connection, Lease
from metrifly_pipeline.domain.streams import Page, RawRecord, Stream
from metrifly_pipeline.domain.trouble import LeaseLostError
from metrifly_pipeline.services.landing import GROUP_AGE, GROUP_RECORDS, Landing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class RecordingStores:
    """A lake and a control store that write down, in order, what they were asked to keep."""

    def __init__(self):
        self.log = []
        self.rows = []
        self.lost = set()
        self.overtaken = set()

    def append_raw(self, rows, own_tokens, app_ids):
        assert set(app_ids) == set(own_tokens)
        self.log.append("files")
        self.rows += rows
        return Counter(row.connection for row in rows if row.connection not in self.overtaken)

    def advance(self, advances, _now):
        self.log.append("cursors")
        self.advances = advances
        return self.lost


class Desk:
    """A landing with one connection's turn begun and a clock to turn."""

    def __init__(self):
        self.now = NOW
        self.stores = RecordingStores()
        self.labels = []
        self.landing = Landing(self.stores, self.stores, lambda: self.now, self.labels.append)

    def begin(self, name="toy-aaaaaaaa", token=3):
        connection = Connection(
            id=ConnectionId(name), account=AccountId("a"), portfolio=PortfolioId("p"), exchange="toy", label="", base_url=None,
            identity=None, app_id=f"app-{name}", created_at=NOW,
        )  # fmt: skip
        lease = Lease(connection=connection.id, token=token, holder="here", expires_at=NOW + timedelta(minutes=2))
        self.landing.begin(connection, lease)
        return connection.id

    def add(self, connection, *payloads, ranks=None):
        records = tuple(RawRecord(payload=payload, event_at=NOW) for payload in payloads)
        self.landing.add(
            connection, Page(stream=Stream.FILLS, scope="all", records=records, cursor_after={"n": 1}), ranks
        )


@pytest.fixture
def desk():
    return Desk()


def test_nothing_is_committed_before_enough_has_gathered_and_then_files_come_before_cursors(desk):
    here = desk.begin()
    desk.add(here, "1", "2")
    assert desk.stores.log == []

    desk.landing.flush()

    assert desk.stores.log == ["files", "cursors"]
    assert desk.labels == ["cursor.before", "cursor.after"]
    assert desk.landing.landed(here) == 2


def test_a_group_of_records_commits_by_itself_and_one_less_does_not(desk):
    here = desk.begin()

    for done in range(3):
        desk.add(here, *(f"{done}/{number}" for number in range(GROUP_RECORDS - 1)))
        assert desk.stores.log == ["files", "cursors"] * done
        desk.add(here, f"{done}/last")
        assert desk.stores.log == ["files", "cursors"] * (done + 1)


def test_old_records_commit_by_themselves(desk):
    here = desk.begin()
    desk.add(here, "1")
    desk.now += GROUP_AGE

    desk.add(here, "2")

    assert desk.stores.log == ["files", "cursors"]


def test_one_commit_carries_what_several_connections_pulled(desk):
    first, second = desk.begin("toy-aaaaaaaa"), desk.begin("toy-bbbbbbbb")
    desk.add(first, "1")
    desk.add(second, "1")

    desk.landing.flush()

    assert desk.stores.log == ["files", "cursors"]
    assert {row.connection for row in desk.stores.rows} == {first, second}


def test_numbers_rise_within_a_turn_and_lie_above_every_earlier_lease(desk):
    earlier = desk.begin(token=3)
    desk.add(earlier, "1", "2")
    desk.landing.flush()
    desk.landing.end(earlier)

    later = desk.begin(token=4)
    desk.add(later, "3")
    desk.landing.flush()

    numbers = [row.seq for row in desk.stores.rows]
    assert numbers == [3 * SEQ_PER_TOKEN, 3 * SEQ_PER_TOKEN + 1, 4 * SEQ_PER_TOKEN]


def test_a_lost_lease_stops_its_own_connection_and_no_other(desk):
    lost, well = desk.begin("toy-aaaaaaaa"), desk.begin("toy-bbbbbbbb")
    desk.stores.lost = {lost}
    desk.add(lost, "1")
    desk.add(well, "1")
    desk.landing.flush()

    with pytest.raises(LeaseLostError):
        desk.add(lost, "2")
    desk.add(well, "2")

    assert desk.landing.end(lost) == (1, True)
    assert desk.landing.end(well) == (1, False)


def test_rows_the_lake_did_not_take_move_no_cursor(desk):
    overtaken, well = desk.begin("toy-aaaaaaaa"), desk.begin("toy-bbbbbbbb")
    desk.stores.overtaken = {overtaken}
    desk.add(overtaken, "1")
    desk.add(well, "1")

    desk.landing.flush()

    assert [advance.lease.connection for advance in desk.stores.advances] == [well]
    assert desk.landing.end(overtaken) == (0, True)
    assert desk.landing.end(well) == (1, False)


def test_identical_payloads_without_an_id_get_ranks_and_with_an_id_get_none(desk):
    here = desk.begin()
    desk.add(here, "same", "same", "other", ranks=Counter())
    desk.add(here, "same", "same")

    desk.landing.flush()

    assert [row.rank for row in desk.stores.rows] == [0, 1, 0, 0, 0]
