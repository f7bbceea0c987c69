"""How long an import still takes: counted from what is left at the exchange's limits, and not guessed where it can't be counted."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.estimating import (
    Progress,
    StreamStatus,
    Terms,
    progress_of,
    status_of,
    time_left,
    work_of,
)
from metrifly_pipeline.domain.status import ScopeProgress
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.exchanges import catalog
from tests.contract.control.builders import NOW

FILLS_PAGE = 50
KRAKEN_SECONDS = 2 / 0.33
LOCAL = Terms(is_local=True)


def scope(stream=Stream.FILLS, place="all", done=0, planned=0, **state):
    return ScopeProgress(stream=stream, scope=place, state=state or None, done=done, planned=planned)


def works(exchange, *scopes, denied=(), symbols=0, terms=LOCAL):
    found = work_of(catalog.hooks(exchange).spec, scopes, frozenset(denied), symbols=symbols, terms=terms, now=NOW)
    return {name: [work for work in found if work.stream is name] for name in Stream}


def kraken(*scopes, **changed):
    return works("kraken", *scopes, scope(Stream.BALANCES, "spot", hash="x"), **changed)


def together(found):
    return progress_of([work for each in found.values() for work in each])


def test_the_time_left_is_the_pages_left_at_the_pace_of_the_limit():
    found = kraken(scope(done=100, planned=1_000, scan_start_us=1), scope(Stream.LEDGER, planned=2_001))

    (fills,), (ledger,) = found[Stream.FILLS], found[Stream.LEDGER]
    assert (fills.done, fills.left, ledger.done, ledger.left) == (2, 18, 0, 41)
    left = (18 + 41) * KRAKEN_SECONDS
    assert together(found).left == pytest.approx(timedelta(seconds=left), abs=timedelta(seconds=1))
    assert together(found).percent == 100 * (2 * KRAKEN_SECONDS + 3) // (61 * KRAKEN_SECONDS + 3)  # a balance took 3 s


def test_until_the_exchange_has_told_how_much_there_is_nothing_is_promised():
    found = kraken(scope(done=100, planned=1_000, scan_start_us=1))

    assert together(found) == Progress()
    assert together(found).text == ""
    assert progress_of(found[Stream.FILLS]).percent == 10  # the control: of this stream it is known


def test_a_stream_that_the_key_may_not_read_is_no_work():
    assert together(kraken(scope(done=100, planned=1_000, scan_start_us=1), denied=["ledger"])).percent is not None


def test_what_is_read_to_its_end_leaves_nothing_and_an_import_under_way_is_never_whole():
    found = kraken(scope(done=90, planned=90, covered_to_us=5), scope(Stream.LEDGER, covered_to_us=5))

    assert together(found) == Progress(percent=99, left=timedelta())
    assert {status_of(each) for each in (found[Stream.FILLS], found[Stream.LEDGER])} == {StreamStatus.UP_TO_DATE}


def test_a_span_that_is_read_again_counts_although_one_before_was_proven():
    (fills,) = kraken(scope(done=50, planned=500, covered_to_us=5, scan_start_us=4))[Stream.FILLS]

    assert fills.left == 9


def test_nobody_knows_how_far_ids_go_back():
    (spot, _margin) = works("okx", scope(place="SPOT", done=300, planned=300, after_id=7))[Stream.FILLS]
    assert (spot.known, status_of([spot])) == (False, StreamStatus.IMPORTING)

    (done, _margin) = works("okx", scope(place="SPOT", done=300, planned=300, covered_to_us=7))[Stream.FILLS]
    assert (done.known, done.left) == (True, 0)


def test_windows_are_counted_from_the_first_day_that_can_be_asked():
    spec = next(each for each in catalog.hooks("binance").spec.streams if each.stream is Stream.DEPOSITS)
    whole = -(-(NOW - spec.history_starts) // spec.window)

    (fresh,) = works("binance")[Stream.DEPOSITS]
    (later,) = works("binance", scope(Stream.DEPOSITS, done=3, planned=10, covered_to_us=1))[Stream.DEPOSITS]

    assert (fresh.done, fresh.left, fresh.known) == (0, whole, True)
    assert (later.done, later.left) == (whole - 7, 7)


def test_symbols_are_counted_once_they_are_listed_and_one_with_more_than_a_page_is_unknown():
    asked = [scope(place="BTCUSDT", covered_to_us=1), scope(place="OLDBTC", gone_us=1), scope(place="_discovery", x=1)]

    ((unlisted,), (counted,), (deep,)) = (
        works("binance", *asked, *more, symbols=symbols)[Stream.FILLS]
        for more, symbols in (((), 0), ((), 100), ([scope(place="ETHUSDT", next_id=5)], 100))
    )

    assert (unlisted.known, counted.known, deep.known) == (False, True, False)
    assert (counted.done, counted.left) == (2, 98)


def test_imports_share_the_limits_of_an_address_and_not_those_of_a_key():
    def pace(exchange, stream, **terms):
        return works(exchange, terms=Terms(**terms))[stream][0].pace

    assert pace("binance", Stream.FILLS, sharers=3) == pytest.approx(3 * pace("binance", Stream.FILLS))
    assert pace("kraken", Stream.FILLS, sharers=3) == pace("kraken", Stream.FILLS) == pytest.approx(KRAKEN_SECONDS)


def test_a_local_exchange_is_as_fast_as_its_limits_and_a_real_one_takes_time_to_answer():
    local, real = (works("okx", terms=Terms(scale=1e6, is_local=each))[Stream.FILLS][0].pace for each in (True, False))

    assert local < 1e-5 < real


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "less than 2 min left"),
        (1.9, "less than 2 min left"),
        (2, "about 2 min left"),
        (89, "about 89 min left"),
        (170, "about 3 h left"),
        (35 * 60, "about 35 h left"),
        (50 * 60, "about 2 days left"),
    ],
)
def test_an_estimate_is_told_in_words_that_promise_no_more_than_it_can(minutes, words):
    assert time_left(timedelta(minutes=minutes)) == words
    assert Progress(percent=7, left=timedelta(minutes=minutes)).text == f"7%, {words}"
    assert Progress(percent=7).text == "7%"
