"""What comes back is exact or an error; what goes wrong has a reason, and is asked again only where that can help."""

from datetime import UTC, datetime

import ccxt
import pytest
import urllib3

from metrifly_pipeline.domain.reasons import MEANING, Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import catalog, errors
from metrifly_pipeline.exchanges.client import exact_json
from metrifly_pipeline.exchanges.paging.rows import canonical

TIME = {"error": [], "result": {"unixtime": 1}}
ASK = "publicGetTime"


def kraken_error(text):
    return {"error": [text], "result": {}}


def all_subclasses(error):
    for child in error.__subclasses__():
        yield child
        yield from all_subclasses(child)


def test_every_error_class_of_ccxt_means_something():
    classes = [ccxt.BaseError, *all_subclasses(ccxt.BaseError)]
    assert len(classes) > 35
    for error in classes:
        reason, retry = errors.of_class(error)
        assert not retry or MEANING[reason].transient, error  # nothing that waiting can't mend is asked again
    assert set(errors.BY_CLASS) <= {error.__name__ for error in classes}


def test_only_network_errors_of_ccxt_are_asked_again():
    for error in all_subclasses(ccxt.BaseError):
        _, retry = errors.of_class(error)
        assert not retry or issubclass(error, ccxt.OperationFailed), error


@pytest.mark.parametrize(
    "text", ["0.1", "1e-18", "123456789012345678901234567890.000000000000000001", "1E+20", "-0.0", "5.0"]
)
def test_numbers_keep_the_text_of_their_own_digits(text):
    body = exact_json(f'{{"a": {text}, "b": 7, "c": [NaN, Infinity, -Infinity]}}')

    assert body == {"a": text, "b": 7, "c": ["NaN", "Infinity", "-Infinity"]}
    assert canonical(body) == f'{{"a":"{text}","b":7,"c":["NaN","Infinity","-Infinity"]}}'


@pytest.mark.parametrize(
    "body", [b"<html>sorry</html>", b"", b"{}", b'{"error":[],"resu', b"null", b"7", b'"text"', b"[" * 100_000]
)
def test_a_broken_body_at_status_200_is_an_error_never_nothing(opened, body):
    it = opened()
    it.wire.put(body)

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call(ASK)
    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE


def test_a_good_body_is_no_error(opened):
    it = opened()
    it.wire.put(TIME)
    assert it.session.call(ASK) == TIME


@pytest.mark.parametrize(
    "body",
    [
        {"status": "failure"},
        {"error": []},
        {"error": [], "result": []},
        {"result": {}},
        {"error": "x", "result": {}},
        [1],
    ],
)
def test_an_envelope_that_is_not_known_is_an_error(opened, body):
    it = opened()
    it.wire.put(body)

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call("privatePostTradesHistory")
    assert caught.value.reason is Reason.UNEXPECTED_RESPONSE


def test_rows_that_are_not_where_they_should_be_are_an_error(opened):
    it = opened()
    it.wire.put({"error": [], "result": {"count": 0}})
    with pytest.raises(ExchangeTroubleError):
        it.session.call("privatePostTradesHistory")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EAPI:Invalid key", Reason.KEY_INVALID),
        ("EAPI:Invalid signature", Reason.SECRET_WRONG),
        ("EGeneral:Permission denied", Reason.PERMISSION_MISSING),
        ("EAPI:Invalid IP address", Reason.IP_NOT_ALLOWED),
        ("ETrade:User Locked", Reason.ACCOUNT_RESTRICTED),
        ("EGeneral:Temporary lockout", Reason.RATE_LIMITED),
        ("EService:Market in cancel_only mode", Reason.MAINTENANCE),
        ("EFunding:Unknown asset", Reason.UNEXPECTED_RESPONSE),  # only ccxt knows it, as a bad symbol
        ("EWeird:Never seen", Reason.UNEXPECTED_RESPONSE),
    ],
)
def test_a_permanent_reason_is_told_at_once(opened, text, reason):
    it = opened()
    it.wire.put(kraken_error(text))

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call(ASK)
    assert caught.value.reason is reason
    assert len(it.wire.sent) == 1
    assert it.time.slept == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EService:Unavailable", Reason.EXCHANGE_DOWN),
        ("EGeneral:Internal error", Reason.EXCHANGE_DOWN),
        ("EAPI:Rate limit exceeded", Reason.RATE_LIMITED),
        ("EAPI:Invalid nonce", Reason.NONCE_CONFLICT),
    ],
)
def test_a_passing_reason_is_asked_again_five_times_at_most(opened, text, reason):
    it = opened()
    for _ in range(9):
        it.wire.put(kraken_error(text))

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call(ASK)
    assert caught.value.reason is reason
    assert len(it.wire.sent) == 5
    assert it.time.slept == sorted(it.time.slept)
    assert sum(it.time.slept) < 300


@pytest.mark.parametrize(
    "failure",
    [
        urllib3.exceptions.ReadTimeoutError(None, "/", "x"),
        urllib3.exceptions.ProtocolError("reset"),
        urllib3.exceptions.IncompleteRead(5, 9),
        ConnectionResetError(),
    ],
)
def test_a_broken_connection_is_tried_again(opened, failure):
    it = opened()
    it.wire.answers.append(failure)
    it.wire.put(TIME)

    assert it.session.call(ASK) == TIME
    assert len(it.time.slept) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_server_error_is_tried_again_whatever_its_body(opened, status):
    it = opened()
    it.wire.put(b"<html>", status)
    it.wire.put(TIME)

    assert it.session.call(ASK) == TIME


@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize("asked", ["7", "Sun, 01 Jun 2025 12:00:07 GMT"])
def test_a_rate_limit_is_waited_out_by_all_who_share_it(opened, status, asked):
    it = opened()
    it.wire.put(b"{}", status, retry_after=asked)
    it.wire.put(TIME)

    assert it.session.call(ASK) == TIME
    assert it.time.slept[0] >= 7
    assert it.budget.paused[0][1] >= 7


def test_a_limit_of_one_key_pauses_that_key_alone_and_one_of_the_address_all_who_ask_from_it(opened):
    used_up = {"error": ["EAPI:Rate limit exceeded"]}
    it = opened()
    it.wire.put(used_up)
    it.wire.put({"error": [], "result": {"trades": {}, "count": 0}})
    it.session.call("privatePostTradesHistory")
    it.wire.put(used_up)
    it.wire.put(TIME)
    it.session.call(ASK)
    it.wire.put(b"{}", 429)
    it.wire.put({"error": [], "result": {"trades": {}, "count": 0}})
    it.session.call("privatePostTradesHistory")

    key, public, status = (name for name, _ in it.budget.paused)
    assert key.startswith("kraken@127.0.0.1:8101:key:key:")
    assert {public, status} == it.budget.gates == {"kraken@127.0.0.1:8101:address:local"}


def test_a_lockout_is_not_tried_again_and_holds_all_back_that_ask_from_this_address(opened):
    it = opened()
    it.wire.put({"error": ["EGeneral:Temporary lockout"]})

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call("privatePostTradesHistory")
    assert caught.value.retry_after_seconds == 900
    assert it.budget.paused == [("kraken@127.0.0.1:8101:address:local", 900)]
    assert len(it.wire.sent) == 1


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("3600", 3600), ("inf", 604_800), ("1e300", 604_800), ("Fri, 31 Dec 9999 23:59:59 GMT", 604_800)],
)
def test_a_wait_that_is_too_long_is_told_instead_and_never_more_than_a_week(opened, asked, seconds):
    it = opened()
    it.wire.put(b"{}", 429, retry_after=asked)

    with pytest.raises(ExchangeTroubleError) as caught:
        it.session.call(ASK)
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after_seconds == seconds
    assert it.time.slept == []
    assert it.budget.paused[0][1] == seconds


@pytest.mark.parametrize("asked", ["nan", "soon", "-"])
def test_a_wait_that_can_not_be_read_is_as_none(asked):
    assert errors.retry_after({"retry-after": asked}, datetime(2026, 3, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(opened, status):
    it = opened()
    it.wire.put({"error": [], "result": {"x": 1}}, status, location="https://api.kraken.com/0/public/Time")

    with pytest.raises(ExchangeTroubleError):
        it.session.call(ASK)
    assert len(it.wire.sent) == 1


def test_every_request_takes_its_weight_from_the_scaled_limit(opened):
    it = opened()
    it.wire.put({"error": [], "result": {"trades": {}, "count": 0}})
    it.wire.put(TIME)
    it.session.call("privatePostTradesHistory")
    it.session.call(ASK)

    (key, key_limit, key_weight), (ip, ip_limit, ip_weight) = it.budget.taken
    assert (key_weight, ip_weight) == (2, 1)
    assert key_limit.capacity == 150
    assert ip_limit.per_second == 10.0
    assert key.startswith("kraken@127.0.0.1:8101:key:key:")
    assert ip == "kraken@127.0.0.1:8101:ip:ip:local"
    assert it.session.requests == {"privatePostTradesHistory": 1, "publicGetTime": 1}


def test_the_scale_never_touches_a_real_exchange(opened):
    it = opened(base_url=None)
    it.wire.put(TIME)
    it.session.call(ASK)

    assert it.budget.taken[0][1] == catalog.hooks("kraken").spec.limits["ip"]


def test_a_closed_session_asks_nothing(opened):
    it = opened()
    it.session.close()
    with pytest.raises(ValueError, match="closed"):
        it.session.call(ASK)
    assert it.wire.sent == []


def test_can_read_tells_a_missing_permission_from_other_trouble(opened):
    it = opened()
    fills = catalog.hooks("kraken").spec.streams[0]
    it.wire.put({"error": [], "result": {"trades": {}, "count": 0}})
    it.wire.put(kraken_error("EGeneral:Permission denied"))
    it.wire.put(kraken_error("EAPI:Invalid key"))

    assert it.session.can_read(fills) is True
    assert it.session.can_read(fills) is False
    with pytest.raises(ExchangeTroubleError):
        it.session.can_read(fills)


def test_waits_grow_and_carry_jitter(gateway):
    patience = gateway._patience
    trouble = ExchangeTroubleError(Reason.NETWORK, retry=True)
    waits = [patience.wait(trouble, attempt, gateway._rng) for attempt in (1, 2, 3, 4)]

    assert all(0.5 * 2**n <= wait <= 0.75 * 2**n for n, wait in enumerate(waits))
    assert len({round(wait / 2**n, 6) for n, wait in enumerate(waits)}) == 4
