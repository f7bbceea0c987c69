"""Finding an exchange and opening it."""

import logging

import ccxt
import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError, NotFoundError, RefusedError
from tests.unit.exchanges.conftest import API_KEY, BASE_URL, SECRET, FakeBudget

TIME = {"error": [], "result": {"unixtime": 1}}
ASK = "publicGetTime"


def test_nonces_only_rise_even_when_the_clock_stands_still_or_a_second_session_opens(opened):
    first, second = opened(), opened()
    nonces = [it.client.incrementing_nonce() for it in (first, second, first, second)]

    assert nonces == sorted(set(nonces))
    assert nonces[0] >= first.client.microseconds() - 10**12


@pytest.mark.parametrize("secret", ["a", "ab=", "a" * 5])
def test_a_secret_that_cannot_sign_is_told_when_opening(gateway, secret):
    with pytest.raises(ExchangeTroubleError) as caught:
        gateway.open("kraken", Credential(API_KEY, secret), base_url=BASE_URL, budget=FakeBudget())
    assert caught.value.reason is Reason.SECRET_WRONG


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (Credential("", SECRET), Reason.KEY_INVALID),
        (Credential("nul\x00byte", SECRET), Reason.KEY_INVALID),
        (Credential("käse", SECRET), Reason.KEY_INVALID),
        (Credential(API_KEY, ""), Reason.SECRET_WRONG),
        (Credential(API_KEY, "se\x00cret"), Reason.SECRET_WRONG),
    ],
)
def test_a_malformed_field_is_told_by_its_own_reason(gateway, credential, reason):
    with pytest.raises(ExchangeTroubleError) as caught:
        gateway.open("kraken", credential, base_url=BASE_URL, budget=FakeBudget())
    assert caught.value.reason is reason


def test_ccxt_logs_nothing_below_warning(opened, caplog):
    it = opened()
    caplog.set_level(logging.DEBUG)
    it.wire.put(TIME)
    it.session.call(ASK)

    assert logging.getLogger("ccxt.base.exchange").getEffectiveLevel() >= logging.WARNING
    assert API_KEY not in caplog.text


def test_every_exchange_of_ccxt_is_found_and_linked_ones_come_first(gateway):
    found = gateway.search("")
    assert {entry.name for entry in found} == set(ccxt.exchanges)
    assert all(entry.title for entry in found)
    assert {entry.title for entry in found} >= {"Kraken", "Gemini", "HollaEx", "Crypto.com"}
    linked = [entry.has_room for entry in found]
    assert linked == sorted(linked, reverse=True)
    assert [entry.name for entry in gateway.search("KRAKEN")][:1] == ["kraken"]
    assert gateway.search("no such exchange") == []


def test_an_exchange_without_a_room_is_refused_and_an_unknown_one_not_found(gateway):
    with pytest.raises(
        RefusedError, match="Direct account link isn't available: use file import or manual entry instead"
    ):
        gateway.spec("gemini")
    with pytest.raises(NotFoundError):
        gateway.spec("nowhere")
