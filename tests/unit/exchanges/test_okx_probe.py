"""What OKX's other answers say: refusals, what a key may do, markets and the clock; and what retention cuts off."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.okx.probe import check, error_of, markets, probe, server_time
from metrifly_pipeline.exchanges.okx.spec import SPEC


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "50105", Reason.PASSPHRASE_WRONG),
        (401, "50111", Reason.KEY_INVALID),
        (401, "50119", Reason.KEY_INVALID),
        (401, "50113", Reason.SECRET_WRONG),
        (401, "50110", Reason.IP_NOT_ALLOWED),
        (401, "50120", Reason.PERMISSION_MISSING),
        (200, "50120", Reason.PERMISSION_MISSING),
        (401, "50102", Reason.CLOCK_SKEW),
        (429, "50011", Reason.RATE_LIMITED),
        (200, "50061", Reason.RATE_LIMITED),
        (503, "50001", Reason.MAINTENANCE),
        (200, "50026", Reason.EXCHANGE_DOWN),
        (401, "50100", Reason.ACCOUNT_RESTRICTED),
    ],
)
def test_each_refusal_has_its_reason(status, code, reason):
    assert errors.of_rules(SPEC.errors, *error_of(status, {"code": code, "msg": "words", "data": []}))[0] is reason


def test_a_good_answer_is_no_error_and_has_data():
    assert error_of(200, {"code": "0", "msg": "", "data": []}) is None
    assert check({"code": "0", "msg": "", "data": []}, "privateGetAccountBalance")
    assert not check({"code": "0", "msg": ""}, "privateGetAccountBalance")
    assert not check({"status": "ok", "data": []}, "privateGetAccountBalance")


def asked(balance=None, valued=None, **config):
    """Answers of account/config, account/balance and asset-valuation; an exception is raised."""
    answers = {
        "privateGetAccountConfig": {"data": [{"uid": "44705892343619584", "perm": "read_only", "ip": ""} | config]},
        "privateGetAssetAssetValuation": valued
        or {
            "data": [
                {"details": {"classic": "0", "earn": "0.2", "funding": "0.1", "trading": "1.5"}, "totalBal": "1.8"}
            ]
        },
        "privateGetAccountBalance": balance or {"data": [{"details": []}]},
    }

    def call(method, params=None):
        if isinstance(answers[method], Exception):
            raise answers[method]
        return answers[method]

    return call


def test_a_reading_key_may_only_read():
    facts = probe(asked())

    assert facts.identity == "44705892343619584"
    assert (facts.can_read_trades, facts.can_read_balances) == (True, True)
    assert (facts.can_trade, facts.can_withdraw) == (False, False)
    assert facts.ip_allowlist == ()
    assert facts.elsewhere == ("earn: worth 0.2 BTC",)


def test_every_word_beyond_reading_is_a_power():
    facts = probe(asked(perm="read_only,withdraw,trade", ip="203.0.113.7,203.0.113.8"))

    assert (facts.can_trade, facts.can_withdraw) == (True, True)
    assert facts.ip_allowlist == ("203.0.113.7", "203.0.113.8")
    assert probe(asked(perm="")).can_read_trades is False


def test_balances_that_may_not_be_read_are_named():
    facts = probe(asked(balance=ExchangeTroubleError(Reason.PERMISSION_MISSING)))

    assert (facts.can_read_balances, facts.unreadable) == (False, ("balances",))
    with pytest.raises(ExchangeTroubleError):
        probe(asked(balance=ExchangeTroubleError(Reason.EXCHANGE_DOWN)))


def test_markets_and_clock_are_read():
    instrument = {"instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live"}
    answers = {
        "publicGetPublicInstruments": {"data": [instrument]},
        "publicGetPublicTime": {"data": [{"ts": "1597026383085"}]},
    }

    (market,) = markets(lambda method, _params=None: answers[method])

    assert (market.market_id, market.base, market.quote, market.active) == ("BTC-USDT", "BTC", "USDT", True)
    assert server_time(lambda method, _params=None: answers[method]) == 1597026383.085


def test_only_fills_and_bills_are_cut_off_after_three_months():
    limited = {stream.stream for stream in SPEC.streams if stream.retention is not None}

    assert limited == {Stream.FILLS, Stream.LEDGER}
    assert {stream.retention for stream in SPEC.streams if stream.retention} == {timedelta(days=89)}


@pytest.mark.parametrize(
    "answer", [ExchangeTroubleError(Reason.PERMISSION_MISSING), {"data": []}, {"data": [{"details": None}]}], ids=repr
)
def test_what_lies_elsewhere_stops_nobody_where_it_is_not_told(answer):
    facts = probe(asked(valued=answer))

    assert (facts.can_read_trades, facts.elsewhere) == (True, ())
