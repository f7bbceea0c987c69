"""Where data are limited without anybody's fault: what was forgotten, and what nobody has asked for, is said with its span."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.reasons import Level
from metrifly_pipeline.domain.status import Outcome, Status
from metrifly_pipeline.domain.status_rules import STALE_AFTER


def test_what_an_exchange_forgot_while_nobody_asked_is_a_gap_with_its_span(imported):
    it = imported("okx")
    last = it.home.time.now
    it.home.time.turn(days=60)
    it.home.sync(it.connection)
    assert "coverage_gap" not in it.home.standing(it.connection)  # it remembers three months

    it.home.time.turn(days=120)
    it.home.sync(it.connection)

    gap = it.home.standing(it.connection)["coverage_gap"]
    told = it.home.time.now - timedelta(days=89)
    assert gap.level(it.home.time.now) is Level.NOTICE
    assert (
        f"fills (SPOT): nothing from {last + timedelta(days=60, minutes=-1):%Y-%m-%d %H:%M} to {told:%Y-%m-%d %H:%M} UTC"
        in gap.detail
    )
    assert "`metrifly record " in gap.remedy
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    assert it.home.verdicts()["history_complete"]  # nobody must act
    it.home.sync(it.connection)
    assert "coverage_gap" in it.home.standing(it.connection)


@pytest.mark.parametrize(
    ("exchange", "product", "told"),
    [("binance", "USDⓈ-M Futures", "USDⓈ-M Futures: worth 0.5 BTC"), ("okx", "earn", "earn: worth 0.5 BTC")],
)
def test_a_balance_on_a_product_that_is_not_synced_is_a_notice_that_names_it(imported, exchange, product, told):
    it = imported(exchange)
    it.home.time.turn(days=1)
    it.home.daily()
    assert "surface_not_covered" not in it.home.standing(it.connection)

    it.account.elsewhere[product] = "0.5"
    it.home.time.turn(days=1)
    it.home.daily()

    notice = it.home.standing(it.connection)["surface_not_covered"]
    assert (notice.detail, notice.level(it.home.time.now)) == (told, Level.NOTICE)
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    it.account.elsewhere.clear()
    it.home.time.turn(days=1)
    it.home.daily()
    assert "surface_not_covered" not in it.home.standing(it.connection)


def test_a_connection_that_nobody_synced_for_a_day_is_shown_as_stale_until_it_is(imported):
    it = imported("kraken")
    assert not [item for item in it.home.view(it.connection).attention if item.reason == "stale"]

    it.home.time.turn(seconds=STALE_AFTER.total_seconds())
    it.home.publish()

    (stale,) = [item for item in it.home.view(it.connection).attention if item.reason == "stale"]
    assert "`metrifly dev`" in stale.remedy
    assert it.home.value("SELECT count(*) FROM attention WHERE reason = 'stale'") == 1
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    assert it.home.sync(it.connection).run.outcome is Outcome.NOTHING_NEW
    assert not [item for item in it.home.view(it.connection).attention if item.reason == "stale"]
