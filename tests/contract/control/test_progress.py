"""Cursors, coverage and progress, on both databases."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.streams import EVERYTHING, Span, Stream, us_of
from tests.contract.control.builders import NOW, advance, minutes, move


def test_a_page_moves_its_cursor_and_its_coverage(store, connect, lease):
    mine = lease(connect())

    lost = store.advance([advance(mine, move(cursor={"offset": 50, "more": True}, covered=minutes(0, 5)))], NOW)

    assert lost == set()
    assert store.cursors(mine.connection) == {(Stream.FILLS, EVERYTHING): {"offset": 50, "more": True}}
    assert [row.span for row in store.coverage(mine.connection)] == [minutes(0, 5)]


def test_a_page_without_cursor_and_coverage_moves_neither(store, connect, lease):
    mine = lease(connect())
    store.advance([advance(mine, move(cursor={"offset": 1}, covered=minutes(0, 5)))], NOW)

    store.advance([advance(mine, move(), landed=3)], NOW)

    assert store.cursors(mine.connection) == {(Stream.FILLS, EVERYTHING): {"offset": 1}}
    assert [row.span for row in store.coverage(mine.connection)] == [minutes(0, 5)]
    assert store.connection(mine.connection).landed


def test_of_several_pages_of_one_scope_the_last_cursor_stands(store, connect, lease):
    mine = lease(connect())
    pages = [
        move(cursor={"offset": 1}, done=1, planned=3),
        move(cursor={"offset": 2}, done=2, planned=3),
        move(),
        move(scope="BTCUSDT", cursor={"from_id": 7}),
    ]

    store.advance([advance(mine, *pages)], NOW)

    assert store.cursors(mine.connection) == {
        (Stream.FILLS, EVERYTHING): {"offset": 2},
        (Stream.FILLS, "BTCUSDT"): {"from_id": 7},
    }
    assert [(each.done, each.planned) for each in store.stream_states(mine.connection)] == [(2, 3)]


def test_a_worker_that_lost_its_lease_moves_nothing_and_the_others_go_on(store, connect, lease):
    mine, lost, expired = (lease(connect(number)) for number in (1, 2, 3))
    store.renew_lease(mine, NOW, timedelta(minutes=10))
    late = NOW + timedelta(minutes=5)
    lease(lost.connection, holder="another", now=late)
    page = move(cursor={"offset": 1}, covered=minutes(0, 5), done=1, planned=2)

    told = store.advance([advance(each, page, landed=1) for each in (expired, mine, lost)], late)

    assert told == {lost.connection, expired.connection}
    assert store.cursors(mine.connection)
    for each in told:
        assert store.cursors(each) == {}
        assert store.coverage(each) == []
        assert store.stream_states(each) == []
        assert not store.connection(each).landed
        assert store.connection(each).importing_planned == 0


def test_landing_marks_a_connection_once_it_has_landed_anything(store, connect, lease):
    mine = lease(connect())
    store.advance([advance(mine, move(covered=minutes(0, 1)))], NOW)
    assert not store.connection(mine.connection).landed
    assert store.landed_connections() == []

    store.advance([advance(mine, landed=1)], NOW)
    assert store.connection(mine.connection).landed
    assert store.landed_connections() == [mine.connection]


def test_coverage_of_streams_and_scopes_is_kept_apart(store, connect, lease):
    mine, other = lease(connect(1)), lease(connect(2))
    pages = [
        move(covered=minutes(0, 5)),
        move(scope="BTCUSDT", covered=minutes(5, 9)),
        move(stream=Stream.LEDGER, covered=minutes(5, 9)),
    ]

    store.advance([advance(mine, *pages), advance(other, move(covered=minutes(5, 9)))], NOW)

    assert [(row.stream, row.scope, row.span) for row in store.coverage(mine.connection)] == [
        ("fills", "BTCUSDT", minutes(5, 9)),
        ("fills", EVERYTHING, minutes(0, 5)),
        ("ledger", EVERYTHING, minutes(5, 9)),
    ]
    assert len(store.coverage()) == 4
    assert [tuple(row) for row in store.coverage_rows()] == [
        (row.connection, row.stream, row.scope, us_of(row.span.start), us_of(row.span.end), row.ended)
        for row in store.coverage()
    ]


def test_what_is_proven_in_one_piece_is_left_out_where_only_pieces_are_asked_for(store, connect, lease):
    mine, other = lease(connect()), lease(connect(2))
    store.advance([advance(mine, move(scope=scope, covered=minutes(0, 5))) for scope in ("BTCUSDT", "ETHUSDT")], NOW)
    store.advance([advance(each, move(stream=Stream.LEDGER, covered=minutes(0, 5))) for each in (mine, other)], NOW)
    store.advance([advance(other, move(scope="BTCUSDT", covered=minutes(10, 15)))], NOW)

    def told(*streams):
        return [(row.stream, row.scope) for row in store.coverage(mine.connection, single_spans_of=streams)]

    assert told() == []  # what others have is no piece of ours
    assert told("ledger") == [("ledger", EVERYTHING)]
    store.advance([advance(mine, move(scope="BTCUSDT", covered=minutes(10, 15)))], NOW)
    assert told() == [("fills", "BTCUSDT")] * 2
    assert told("ledger") == [*told(), ("ledger", EVERYTHING)]


def test_a_gap_in_the_coverage_stays_until_it_is_filled(store, connect, lease):
    mine = lease(connect())
    store.advance([advance(mine, move(covered=minutes(10, 20), ended="history begins"))], NOW)
    store.advance([advance(mine, move(covered=minutes(0, 5)))], NOW)
    assert [row.span for row in store.coverage()] == [minutes(0, 5), minutes(10, 20)]

    store.advance([advance(mine, move(covered=minutes(4, 10)))], NOW)
    assert [(row.span, row.ended) for row in store.coverage()] == [(minutes(0, 20), "history begins")]


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=12)


def _runs_of(moments):
    """The naive model: every microsecond by itself, then joined to runs."""
    runs = []
    for each in sorted(moments):
        if runs and runs[-1][1] == each - 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    return runs


@given(spans=SPANS, cut=st.integers(0, 12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stored_coverage_is_what_the_spans_cover_in_as_few_as_possible(store, connect, lease, spans, cut):
    connection = f"kraken-{len(store.connections()) + 1:08d}"
    connect(len(store.connections()) + 1)
    mine = lease(connection)
    pages = [move(covered=Span(_at(start), _at(start + length))) for start, length in spans]

    store.advance([advance(mine, *pages[:cut])], NOW)
    store.advance([advance(mine, *pages[cut:])], NOW)

    moments = {at for start, length in spans for at in range(start, start + length + 1)}
    assert [row.span for row in store.coverage(connection)] == [
        Span(_at(start), _at(end)) for start, end in _runs_of(moments)
    ]


def _at(microsecond):
    return NOW + timedelta(microseconds=microsecond)


def test_progress_of_an_import_is_the_sum_over_streams_and_scopes(store, connect, lease):
    mine = lease(connect())
    pages = [
        move(done=1, planned=4),
        move(stream=Stream.LEDGER, done=2, planned=5),
        move(stream=Stream.LEDGER, scope="ETH", done=3, planned=6),
    ]

    store.advance([advance(mine, *pages)], NOW)

    connection = store.connection(mine.connection)
    assert (connection.importing_done, connection.importing_planned) == (6, 15)
    assert [(each.stream, each.done, each.planned) for each in store.stream_states()] == [
        ("fills", 1, 4),
        ("ledger", 5, 11),
    ]


def test_progress_stands_still_once_the_first_import_is_done(store, connect, lease, finish):
    mine = lease(connect())
    store.advance([advance(mine, move(done=4, planned=4))], NOW)
    finish(mine.connection, Outcome.ADDED)

    store.advance([advance(mine, move(done=1, planned=9))], NOW)

    assert store.connection(mine.connection).importing_planned == 4


READ = (Stream.FILLS, Stream.LEDGER)


def test_a_page_midway_is_no_success_of_its_stream_and_a_proven_span_or_a_snapshot_is(store, connect, lease):
    mine = lease(connect())
    snapshot = move(stream=Stream.BALANCES, cursor={"hash": "x"}, ended="snapshot")
    store.advance([advance(mine, move(cursor={"ofs": 1}, done=1, planned=4), snapshot)], NOW)
    assert {each.stream: each.last_success_at for each in store.stream_states()} == {
        "balances": NOW,
        "fills": None,
    }

    store.advance([advance(mine, move(covered=minutes(0, 5)))], NOW)

    assert {each.stream: each.last_success_at for each in store.stream_states()} == {"balances": NOW, "fills": NOW}


def test_what_was_only_counted_is_planned_without_a_state_and_keeps_its_count_until_a_page_tells_more(
    store, connect, lease
):
    mine = lease(connect())
    store.advance([advance(mine, move(planned=90), move(stream=Stream.LEDGER, cursor={"ofs": 1}))], NOW)

    assert store.cursors(mine.connection) == {(Stream.LEDGER, EVERYTHING): {"ofs": 1}}
    counted = {each.stream: (each.state, each.done, each.planned) for each in store.scope_progress(mine.connection)}
    assert counted == {Stream.FILLS: (None, 0, 90), Stream.LEDGER: ({"ofs": 1}, 0, 0)}

    store.advance([advance(mine, move(cursor={"ofs": 50}, done=50, planned=91))], NOW)

    told = {each.stream: (each.state, each.done, each.planned) for each in store.scope_progress(mine.connection)}
    assert told[Stream.FILLS] == ({"ofs": 50}, 50, 91)


def test_a_streams_permission_and_its_last_success_are_kept_apart(store, connect, lease):
    mine = lease(connect())
    store.set_stream_permission(mine.connection, {"fills": True, "ledger": False}, NOW)
    assert {each.stream: (each.permitted, each.last_success_at) for each in store.stream_states()} == {
        "fills": (True, None),
        "ledger": (False, None),
    }

    store.advance([advance(mine, *(move(stream=each, covered=minutes(0, 5)) for each in READ))], NOW)
    store.set_stream_permission(mine.connection, {}, NOW)

    assert {each.stream: (each.permitted, each.last_success_at) for each in store.stream_states()} == {
        "fills": (True, NOW),
        "ledger": (False, NOW),
    }
