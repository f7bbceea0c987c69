"""A list of markets that one session was told serves the others for a while."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.exchanges.session import MARKETS_KEPT, Listed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


class Exchange:
    """Lists one market, another one each time it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return [Market(market_id=f"M{self.asked}", base="BTC", quote="EUR", active=True)]


@pytest.mark.parametrize(
    ("later", "asked"),
    [(timedelta(), 1), (MARKETS_KEPT - A_SECOND, 1), (MARKETS_KEPT, 2), (-A_SECOND, 2)],
    ids=["at once", "soon", "too late", "clock set back"],
)
def test_a_list_serves_a_quarter_of_an_hour_and_not_after_the_clock_was_set_back(later, asked):
    listed, exchange = Listed(), Exchange()
    first = listed.of("kraken", NOW, exchange)
    second = listed.of("kraken", NOW + later, exchange)

    assert exchange.asked == asked
    assert (second is first) is (asked == 1)


def test_an_exchange_at_another_address_has_a_list_of_its_own():
    listed, exchange = Listed(), Exchange()

    assert listed.of("kraken", NOW, exchange) != listed.of("kraken@127.0.0.1:1", NOW, exchange)


def test_a_list_that_could_not_be_had_is_asked_for_by_the_next():
    listed, exchange = Listed(), Exchange()

    def refused():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        listed.of("kraken", NOW, refused)

    assert listed.of("kraken", NOW, exchange)[0].market_id == "M1"


def test_who_wants_the_list_while_it_is_asked_for_waits_and_does_not_ask():
    listed, exchange = Listed(), Exchange()
    is_asked, may_answer = threading.Event(), threading.Event()

    def slow():
        is_asked.set()
        may_answer.wait(10)
        return exchange()

    def want(ask):
        found.append(listed.of("kraken", NOW, ask))

    found = []
    first = threading.Thread(target=want, args=(slow,))
    first.start()
    is_asked.wait(10)
    second = threading.Thread(target=want, args=(exchange,))
    second.start()
    may_answer.set()
    first.join()
    second.join()

    assert exchange.asked == 1
    assert found[0] is found[1]
