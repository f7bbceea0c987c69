"""What is asked next, and in which order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.planning import FIRST_EXCHANGE_DAY, covered_to, history_edge, plan_fixed, plan_stream
from metrifly_pipeline.domain.spec import Endpoint, ExchangeSpec, Guide, StreamSpec
from metrifly_pipeline.domain.streams import Paging, Stream

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stream(kind=Stream.FILLS, **changes):
    valid = {
        "stream": kind,
        "endpoint": "privateGetThings",
        "paging": Paging.HALVED_WINDOW,
        "page_size": 100,
        "time_field": "time",
        "time_unit": "ms",
    }
    return StreamSpec(**(valid | changes))


def spec(*streams):
    guide = Guide(steps=(), switch_on=(), switch_off=(), secret_shown_once=False, source="")
    endpoint = Endpoint(method="privateGetThings", section="private", verb="GET", path="things")
    return ExchangeSpec(
        name="toy", title="Toy", credentials=(), surfaces=(), endpoints=(endpoint,), streams=streams, errors=(), limits={}, guide=guide,
        source="",
    )  # fmt: skip


def us(at):
    return (at - EPOCH) // timedelta(microseconds=1)


def test_a_scope_never_asked_begins_where_the_history_begins():
    born = datetime(2017, 7, 14, tzinfo=UTC)

    (step,) = plan_stream(spec(), stream(history_starts=born), ["all"], {}, now=NOW, deeply=())

    assert step.task.since == born
    assert step.task.settled_until == NOW - timedelta(seconds=60)


def test_without_a_known_beginning_history_begins_before_the_first_exchange():
    (step,) = plan_stream(spec(), stream(), ["all"], {}, now=NOW, deeply=())

    assert step.task.since == FIRST_EXCHANGE_DAY


def test_what_the_exchange_forgot_is_not_asked_for():
    assert history_edge(stream(retention=timedelta(days=90)), NOW) == NOW - timedelta(days=90)


@given(days=st.integers(0, 400), deep=st.booleans())
def test_a_scope_asked_before_is_read_again_over_its_overlap_and_no_further(days, deep):
    done = NOW - timedelta(days=days)
    asked = stream(overlap=timedelta(days=1), deep_overlap=timedelta(days=30))
    cursors = {(Stream.FILLS, "all"): {"covered_to_us": us(done)}}

    (step,) = plan_stream(spec(), asked, ["all"], cursors, now=NOW, deeply=("all",) if deep else ())

    assert step.task.since == done - timedelta(days=30 if deep else 1)
    assert step.task.cursor == cursors[Stream.FILLS, "all"]


def test_what_retention_would_lose_first_comes_first_and_balances_come_last():
    streams = (
        stream(Stream.BALANCES),
        stream(Stream.DEPOSITS),
        stream(Stream.FILLS),
        stream(Stream.LEDGER, retention=timedelta(days=90)),
    )

    steps = plan_fixed(spec(*streams), {}, frozenset(), now=NOW, deep=False)

    assert [step.stream.stream for step in steps] == [Stream.LEDGER, Stream.FILLS, Stream.DEPOSITS, Stream.BALANCES]


def test_a_stream_the_key_may_not_read_is_left_out_and_the_others_are_asked():
    streams = (stream(Stream.BALANCES), stream(Stream.FILLS))

    steps = plan_fixed(spec(*streams), {}, frozenset({"balances"}), now=NOW, deep=False)

    assert [step.stream.stream for step in steps] == [Stream.FILLS]


def test_a_cursor_without_a_proven_span_proves_nothing():
    assert covered_to({"ofs": 50}) is None
    assert covered_to(None) is None
    assert covered_to({"covered_to_us": us(NOW)}) == NOW
