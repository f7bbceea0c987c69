"""A glimpse shows a few records of a span, on every exchange that has a room, and costs a few requests however long the history."""

from metrifly_pipeline.domain.planning import history_edge
from metrifly_pipeline.domain.recognising import first_and_last, ids_of_all, recognisable
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.streams import Paging, Span
from tests.contract.exchanges import reading

WHOLE = KeyFacts(identity=None, can_read_trades=True, can_read_balances=True, can_trade=False, can_withdraw=False)
MOST_REQUESTS = 9


def test_a_glimpse_of_a_history_shows_records_of_it_its_first_ones_too_where_the_exchange_jumps_there(venue):
    made = venue()
    session = made.open()
    streams = recognisable(made.spec, WHOLE)
    assert streams[0].required
    for stream in streams:
        scope = made.scopes(stream)[0]
        everything = [record for page in session.pull(stream, _task(made, stream, scope)) for record in page.records]
        before = made.asked()

        shown = session.glimpse(stream, scope, Span(history_edge(stream, made.time.now), made.time.now))

        assert made.asked() - before <= MOST_REQUESTS
        assert ids_of_all(stream, shown) <= ids_of_all(stream, everything)
        assert bool(shown) == bool(everything)
        if stream.paging is not Paging.ID_BACKWARDS and everything:
            oldest = first_and_last(everything)[0]
            assert ids_of_all(stream, [oldest]) <= ids_of_all(stream, shown)
        assert len(ids_of_all(stream, everything)) == len({record.payload for record in everything})


def test_a_glimpse_of_one_moment_shows_what_happened_then_in_one_request(venue):
    made = venue()
    session = made.open()
    stream, scope = made.fills()
    everything = [record for page in session.pull(stream, _task(made, stream, scope)) for record in page.records]
    first = first_and_last(everything)[0]
    before = made.asked()

    shown = session.glimpse(stream, scope, Span(first.event_at, first.event_at))

    assert made.asked() - before == 1
    assert ids_of_all(stream, [first]) <= ids_of_all(stream, shown)


def _task(made, stream, scope):
    return reading.task(stream, scope, None, made.time.now, made.spec.settle)
