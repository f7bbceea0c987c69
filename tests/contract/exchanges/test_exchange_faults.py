"""Whatever an exchange does wrong is an error with its reason, or is waited out; it is never 'nothing new'."""

import traceback
from dataclasses import replace

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import catalog
from metrifly_pipeline.exchanges.guard import ReadOnlyViolation
from metrifly_pipeline.sandbox.faults import Fault, FaultKind
from tests.contract.exchanges import reading
from tests.contract.exchanges.reading import Raw

BROKEN = [
    FaultKind.HTML_200,
    FaultKind.TRUNCATED_JSON,
    FaultKind.EMPTY_BODY,
    FaultKind.EMPTY_OBJECT,
    FaultKind.UNKNOWN_ENVELOPE,
]


def fault(it, kind, *, path="", times=1, value="", after=0):
    with it.sandbox.lock:
        it.sandbox.faults.add(Fault(exchange=it.exchange, path=path, kind=kind, times=times, value=value, after=after))


def pull_fills(it, session, raw, pages=None):
    stream, scope = it.fills()
    return reading.pull(session, stream, scope, raw, it.time.now, it.spec.settle, pages)


def trouble_of(action, *arguments):
    with pytest.raises(ExchangeTroubleError) as caught:
        action(*arguments)
    return caught.value


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.value)
def test_a_broken_answer_at_status_200_is_an_error_on_every_stream(venue, kind):
    it = venue(trades=40)
    session = it.open()
    for stream in it.spec.streams:
        scope = it.scopes(stream)[0]
        raw = Raw()
        fault(it, kind, times=100)

        trouble = trouble_of(reading.pull, session, stream, scope, raw, it.time.now, it.spec.settle)

        assert trouble.reason is Reason.UNEXPECTED_RESPONSE
        assert raw.pages == 0
        assert raw.cursors == {}
        it.sandbox.faults.clear()
        assert reading.pull(
            session, stream, scope, raw, it.time.now, it.spec.settle
        )  # the control: nothing else is wrong
        assert raw.pages > 0


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.value)
def test_a_broken_answer_to_the_probe_or_the_markets_is_an_error(venue, kind):
    it = venue(trades=20)
    session = it.open()
    fault(it, kind, times=100)

    assert trouble_of(session.probe).reason is Reason.UNEXPECTED_RESPONSE
    assert trouble_of(session.markets).reason is Reason.UNEXPECTED_RESPONSE


@pytest.mark.parametrize(
    "kind", [FaultKind.STATUS_500, FaultKind.STATUS_503, FaultKind.RESET], ids=lambda kind: kind.value
)
def test_a_passing_failure_is_tried_again_and_everything_is_read(venue, kind):
    it = venue(trades=120)
    session = it.open()
    fault(it, kind, times=2, after=1)

    raw = it.read(session)

    assert it.time.slept
    assert reading.trades(catalog.room(it.exchange), raw, session.markets(), it.time.now).keys() == {
        trade.trade_key for trade in it.account.shown_trades(int(it.time.unix() * 1e6))
    }


def test_a_slow_answer_is_given_up_and_asked_for_again(venue):
    it = venue(trades=20, timeout_seconds=0.3)
    session = it.open()
    fault(it, FaultKind.TIMEOUT, value="2")

    assert pull_fills(it, session, Raw())
    assert len(it.time.slept) == 1


@pytest.mark.parametrize("kind", [FaultKind.STATUS_429, FaultKind.STATUS_418], ids=lambda kind: kind.value)
def test_a_rate_limit_is_waited_for_as_long_as_it_says(venue, kind):
    it = venue(trades=20)
    session = it.open()
    fault(it, kind, value="17")

    assert pull_fills(it, session, Raw())

    assert it.time.slept[0] >= 17
    assert it.budget.paused[0] >= 17


def test_a_rate_limit_without_end_is_told_and_leaves_what_was_read(venue):
    it = venue(trades=300)
    session, raw = it.open(), Raw()
    fault(it, FaultKind.STATUS_429, times=1000, value="90", after=1)

    if not it.fills()[0].scopes:
        fault(it, FaultKind.STATUS_429, times=1000, value="90")  # a symbol's trades are one page here
    trouble = trouble_of(pull_fills, it, session, raw)

    assert trouble.reason is Reason.RATE_LIMITED
    assert trouble.retry_after_seconds >= 90
    assert sum(it.time.slept) <= 300


def changed(text):
    """The same form, other content."""
    swap = dict(zip("ABCDEFabcdef0123", "BCDEFAbcdefa1230", strict=True))
    return "".join(swap.get(letter, letter) for letter in text[:20]) + text[20:]


UNDECIDED = Reason.KEY_OR_IP_OR_PERMISSION  # Binance names key, IP and permission in one


@pytest.mark.parametrize(
    ("part", "reasons"),
    [
        ("api_key", {Reason.KEY_INVALID, UNDECIDED}),
        ("secret", {Reason.SECRET_WRONG}),
        ("passphrase", {Reason.PASSPHRASE_WRONG}),
    ],
)
def test_a_wrong_credential_has_its_own_reason_and_is_asked_once(venue, part, reasons):
    it = venue(trades=20)
    if not getattr(it.key, part):
        assert part == "passphrase"
        return
    session = it.open(**{part: changed(getattr(it.key, part))})

    trouble = trouble_of(session.probe)

    assert trouble.reason in reasons
    assert it.asked() == 1
    assert it.time.slept == []


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"ip_allowlist": ("203.0.113.7",)}, {Reason.IP_NOT_ALLOWED, UNDECIDED}),
        ({"permissions": frozenset()}, {Reason.PERMISSION_MISSING, UNDECIDED}),
        ({"permissions": frozenset({"read_balances"})}, {Reason.PERMISSION_MISSING, UNDECIDED}),
    ],
    ids=["ip", "no permission", "no trades"],
)
def test_a_key_that_is_refused_says_why_at_the_trades(venue, change, reasons):
    it = venue(trades=20)
    if it.exchange != "kraken" and change.get("permissions"):
        return  # there one switch reads everything
    it.change_key(**change)

    assert trouble_of(pull_fills, it, it.open(), Raw()).reason in reasons
    assert it.asked() == 1


def test_a_key_revoked_in_mid_import_keeps_what_was_read(venue):
    it = venue(trades=300)
    session, raw = it.open(), Raw()
    stream, scope = it.fills()
    pages = session.pull(stream, reading.task(stream, scope, None, it.time.now, it.spec.settle))
    if stream.scopes:  # several pages
        next(pages)
    before = it.asked()
    del it.account.keys[it.key.api_key]

    trouble = trouble_of(lambda: list(pages))

    assert trouble.reason in {Reason.KEY_INVALID, UNDECIDED}
    assert it.asked() == before + 1
    assert raw.cursors == {}


def test_a_clock_that_is_off_is_set_right_once(venue):
    it = venue(trades=20)
    session = it.open()
    fault(it, FaultKind.CLOCK_SKEW, value="120", times=10_000)

    assert pull_fills(it, session, Raw())
    asked = it.asked()
    assert pull_fills(it, session, Raw())
    assert it.asked() - asked <= asked


def test_no_secret_is_in_any_error(venue):
    it = venue(trades=20)
    parts = [part for part in (it.key.api_key, it.key.secret, it.key.passphrase) if part]
    texts = []
    for kind in (*BROKEN, FaultKind.STATUS_500, FaultKind.RESET, FaultKind.STATUS_418):
        session = it.open()
        fault(it, kind, times=1000)
        for action in (session.probe, lambda opened=session: pull_fills(it, opened, Raw())):
            trouble = trouble_of(action)
            texts.append("".join(traceback.format_exception(trouble)) + repr(trouble) + trouble.code + trouble.detail)
        it.sandbox.faults.clear()

    for part in parts:
        assert part not in "".join(texts)
    assert "127.0.0.1" not in "".join(texts)


def test_a_row_that_cannot_be_read_is_passed_on_as_it_was_sent(venue):
    it = venue(trades=40)
    session = it.open()
    for kind in (FaultKind.BAD_ROW_NAN, FaultKind.BAD_ROW_DECIMALS, FaultKind.BAD_ROW_TIME, FaultKind.BAD_ROW_NULL):
        raw = Raw()
        fault(it, kind, path="", times=1)
        assert pull_fills(it, session, raw)
        texts = "".join(payload for _, _, payload in raw.records)
        assert {
            FaultKind.BAD_ROW_NAN: '"NaN"',
            FaultKind.BAD_ROW_DECIMALS: "0.1234567890123456789",
            FaultKind.BAD_ROW_TIME: "the day before yesterday",
            FaultKind.BAD_ROW_NULL: "null",
        }[kind] in texts


def test_a_page_sent_twice_loses_nothing(venue):
    it = venue(trades=300)
    session, raw = it.open(), Raw()
    fault(it, FaultKind.DUPLICATE_PAGE, after=2)

    try:
        it.read(session, raw)
    except ExchangeTroubleError as trouble:  # a page of another symbol, for instance
        assert trouble.reason is Reason.UNEXPECTED_RESPONSE  # noqa: PT017 - one of two good ends
        it.read(session, raw)

    assert reading.trades(catalog.room(it.exchange), raw, session.markets(), it.time.now).keys() == {
        trade.trade_key for trade in it.account.shown_trades(int(it.time.unix() * 1e6))
    }


def test_pages_that_loop_for_ever_are_stopped_with_an_error(venue):
    it = venue(trades=300)
    session = it.open()
    stream, _ = it.fills()
    fault(it, FaultKind.LOOPING_PAGE, times=10_000)
    if not stream.scopes:
        return  # one page a symbol, nothing loops

    trouble = trouble_of(pull_fills, it, session, Raw())

    assert trouble.reason is Reason.UNEXPECTED_RESPONSE
    assert it.asked() < 60


def test_a_session_that_is_led_elsewhere_sends_nothing(venue):
    it, other = venue(trades=20), venue(trades=20)
    session = it.open()
    elsewhere = other.sandbox.base_url(it.exchange)
    urls = session._client.urls
    urls["api"] = dict.fromkeys(urls["api"], elsewhere + "/api")

    with pytest.raises(ReadOnlyViolation):
        session.probe()
    assert other.asked() == 0


def test_a_new_session_goes_on_where_the_nonces_of_the_last_one_stopped(venue):
    it = venue(trades=20)
    first, second = it.open(), it.open()
    for session in (first, second, first, second):
        assert session.probe().identity == it.account.uid


def test_a_key_replaced_by_another_of_the_same_account_has_the_same_identity(venue):
    it = venue(trades=20)
    other = replace(it.key, api_key=changed(it.key.api_key))
    it.account.keys[other.api_key] = other

    assert it.open().probe().identity == it.open(other).probe().identity
