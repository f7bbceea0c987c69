"""What Binance's other answers say: refusals, what a key may do, markets, the clock; and how much may be asked at once."""

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.binance.probe import check, error_of, markets, probe, server_time
from metrifly_pipeline.exchanges.binance.spec import SPEC
from tests.unit.exchanges.binance_payloads import FILL


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (
            401,
            {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
            Reason.KEY_OR_IP_OR_PERMISSION,
        ),
        (401, {"code": -2014, "msg": "API-key format invalid."}, Reason.KEY_INVALID),
        (400, {"code": -1022, "msg": "Signature for this request is not valid."}, Reason.SECRET_WRONG),
        (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, Reason.CLOCK_SKEW),
        (429, {"code": -1003, "msg": "Too much request weight used"}, Reason.RATE_LIMITED),
        (
            418,
            {"code": -1003, "msg": "Way too much request weight used; IP banned until 1659146400000."},
            Reason.RATE_LIMITED,
        ),
        (451, {"code": 0, "msg": "Service unavailable from a restricted location"}, Reason.ACCOUNT_RESTRICTED),
        (400, {"code": 0, "msg": "Service unavailable from a restricted location"}, None),
        (503, {"code": -1008, "msg": "Server is currently overloaded with other requests."}, Reason.EXCHANGE_DOWN),
        (
            200,
            {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
            Reason.KEY_OR_IP_OR_PERMISSION,
        ),
        (200, {"success": False, "msg": "System is under maintenance"}, Reason.MAINTENANCE),
    ],
)
def test_each_refusal_has_its_reason(status, body, reason):
    code, message = error_of(status, body)
    known = errors.of_rules(SPEC.errors, code, message)

    assert (known and known[0]) is (reason or Reason.ACCOUNT_RESTRICTED)


@pytest.mark.parametrize(
    "body",
    [[], [FILL], {"rows": [], "total": 0}, {"code": "000000", "message": "success", "data": [], "success": True}],
)
def test_a_good_answer_is_no_error(body):
    assert error_of(200, body) is None


def test_an_answer_of_another_shape_is_noticed():
    assert check({"balances": []}, "privateGetAccount")
    assert not check({"assets": []}, "privateGetAccount")
    assert not check([], "sapiGetAccountApiRestrictions")
    assert check([], "sapiPostAssetGetFundingAsset")
    assert not check({"status": "fine"}, "sapiPostAssetGetFundingAsset")
    assert check({"list": [], "moreData": False}, "sapiGetConvertTradeFlow")
    assert not check([], "sapiGetConvertTradeFlow")


SWITCHES = {
    "ipRestrict": False,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False,
    "enablePortfolioMarginTrading": False,
}


class Asked:
    """Answers what a test gives it, by method; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers

    def __call__(self, method, params=None):
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(account=None, **switches):
    return Asked(
        sapiGetAccountApiRestrictions=SWITCHES | switches,
        privateGetAccount=account or {"uid": 354937868, "balances": []},
        sapiGetAssetWalletBalance=[
            {"activate": True, "balance": worth, "walletName": name}
            for name, worth in {"Spot": "1.5", "Earn": "0.2", "Cross Margin": "0", "Options": "0.00000001"}.items()
        ],
    )


def test_a_reading_key_may_only_read():
    facts = probe(asked())

    assert facts.identity == "354937868"
    assert (facts.can_trade, facts.can_withdraw, facts.can_transfer) == (False, False, False)
    assert facts.can_read_trades is None  # one switch for all reading: trades are tried besides
    assert facts.can_read_balances
    assert facts.ip_allowlist == ()
    assert facts.elsewhere == ("Options: worth 0.00000001 BTC",)


@pytest.mark.parametrize(
    ("switch", "power"),
    [
        ("enableSpotAndMarginTrading", "can_trade"),
        ("enableFutures", "can_trade"),
        ("enableMargin", "can_trade"),
        ("enableVanillaOptions", "can_trade"),
        ("enablePortfolioMarginTrading", "can_trade"),
        ("enableFixApiTrade", "can_trade"),
        ("enableWithdrawals", "can_withdraw"),
        ("enableInternalTransfer", "can_transfer"),
        ("permitsUniversalTransfer", "can_transfer"),
    ],
)
def test_every_switch_beyond_reading_is_a_power(switch, power):
    assert getattr(probe(asked(**{switch: True})), power) is True


def test_a_key_that_may_not_read_is_known_without_the_account():
    facts = probe(Asked(sapiGetAccountApiRestrictions=SWITCHES | {"enableReading": False}))

    assert (facts.can_read_trades, facts.can_read_balances, facts.identity) == (False, False, None)


def test_a_restricted_key_does_not_tell_its_addresses():
    assert probe(asked(ipRestrict=True)).ip_allowlist is None


def test_an_account_refused_to_a_good_key_means_unreadable_balances():
    facts = probe(asked(account=ExchangeTroubleError(Reason.KEY_OR_IP_OR_PERMISSION)))

    assert (facts.can_read_balances, facts.unreadable) == (False, ("balances",))
    with pytest.raises(ExchangeTroubleError):
        probe(asked(account=ExchangeTroubleError(Reason.EXCHANGE_DOWN)))


def test_delisted_symbols_are_markets_too():
    rows = [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"},
        {"symbol": "BCCBTC", "status": "BREAK", "baseAsset": "BCC", "quoteAsset": "BTC"},
    ]
    found = markets(Asked(publicGetExchangeInfo={"symbols": rows}))

    assert [(m.market_id, m.base, m.quote, m.active) for m in found] == [
        ("BTCUSDT", "BTC", "USDT", True),
        ("BCCBTC", "BCC", "BTC", False),
    ]


def test_the_clock_is_told_in_seconds():
    assert server_time(Asked(publicGetTime={"serverTime": 1499827319559})) == 1499827319.559


def test_the_limits_hold_in_any_fixed_minute():
    allowed = {"ip": 6_000, "sapi_ip": 12_000, "withdrawals": 180_000, "converts": 180_000}

    assert {
        name: limit.capacity + 60 * limit.per_second <= allowed[name] for name, limit in SPEC.limits.items()
    } == dict.fromkeys(allowed, True)


def test_every_window_is_narrower_than_what_binance_takes():
    longest = {"deposits": 90, "withdrawals": 90, "converts": 30, "rewards": 180}

    for stream in SPEC.streams:
        if stream.stream.value in longest and stream.scopes == ("all",):
            assert stream.window.days < longest[stream.stream.value]


NOT_TOLD = [
    ExchangeTroubleError(Reason.KEY_OR_IP_OR_PERMISSION),
    ExchangeTroubleError(Reason.EXCHANGE_UNSUPPORTED),
    ExchangeTroubleError(Reason.UNEXPECTED_RESPONSE),
    [{"wallet": "Options"}],
    [{"walletName": "Options", "balance": "much"}],
    [{"walletName": "Options", "balance": None}],
]


@pytest.mark.parametrize("answer", NOT_TOLD, ids=repr)
def test_what_lies_elsewhere_stops_nobody_where_it_is_not_told(answer):
    call = asked()
    call.answers["sapiGetAssetWalletBalance"] = answer

    facts = probe(call)

    assert (facts.identity, facts.can_read_balances, facts.elsewhere) == ("354937868", True, ())


def test_what_would_stop_any_other_request_stops_this_one_too():
    call = asked()
    call.answers["sapiGetAssetWalletBalance"] = ExchangeTroubleError(Reason.RATE_LIMITED)

    with pytest.raises(ExchangeTroubleError):
        probe(call)
