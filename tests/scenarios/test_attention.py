"""What arises after connecting: named with its remedy wherever people look, it stops the syncs, and it goes when it is mended."""

import sqlite3
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome, Status
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.faults import FaultKind
from metrifly_pipeline.sandbox.live import append_trade
from metrifly_pipeline.services.connecting import KeyRefusedError
from tests.scenarios.comparing import assert_exact
from tests.scenarios.conftest import EXCHANGES
from tests.scenarios.homes import key_of, other

UNDECIDED = Reason.KEY_OR_IP_OR_PERMISSION


def revoked(it):
    del it.account.keys[it.key.api_key]


def ip_list_changed(it):
    it.home.change_key(it.account, ip_allowlist=("203.0.113.9",))


def trading_switched_on(it):
    it.home.change_key(it.account, permissions=it.key.permissions | {"trade"})


def reading_switched_off(it):
    it.home.change_key(it.account, permissions=it.key.permissions - {"read_trades"})


def secret_changed(it):
    it.home.change_key(it.account, secret=other(it.key.secret))


def passphrase_changed(it):
    it.home.change_key(it.account, passphrase="Another-1")


def history_hidden(it):
    it.home.change_key(it.account, history_from_us=it.account.trades[-1].executed_at_us)


def mended_at_the_exchange(it):
    it.home.change_key(it.account, permissions=it.key.permissions, ip_allowlist=(), history_from_us=None)
    it.home.sync(it.connection)


def replaced(it):
    it.home.product.connecting.replace_key(it.connection, it.home.credential(it.home.new_key(it.account, it.key)))
    it.home.work()


def typed_again(it):
    it.home.product.connecting.replace_key(it.connection, it.home.credential(key_of(it.account)))
    it.home.work()


TROUBLES = {
    revoked: (Reason.KEY_INVALID, replaced),
    ip_list_changed: (Reason.IP_NOT_ALLOWED, mended_at_the_exchange),
    trading_switched_on: (Reason.KEY_TOO_POWERFUL, mended_at_the_exchange),
    reading_switched_off: (Reason.PERMISSION_MISSING, mended_at_the_exchange),
    history_hidden: (Reason.KEY_HIDES_HISTORY, mended_at_the_exchange),
    secret_changed: (Reason.SECRET_WRONG, typed_again),
    passphrase_changed: (Reason.PASSPHRASE_WRONG, typed_again),
}
"""What happens, what it is called, and how it is mended."""
NOT_TOLD_BY_BINANCE = (revoked, ip_list_changed)
AT_ONE_EXCHANGE = {passphrase_changed: ("okx",), history_hidden: ("kraken",)}
CASES = [(exchange, trouble) for trouble in TROUBLES for exchange in AT_ONE_EXCHANGE.get(trouble, EXCHANGES)]
PUBLISHED = (revoked, trading_switched_on)
"""Where the analyst's file is looked at too: it shows what the listing shows."""


def needed(exchange, trouble):
    """The reason, and the dashboard's check that it breaks."""
    reason = UNDECIDED if exchange == "binance" and trouble in NOT_TOLD_BY_BINANCE else TROUBLES[trouble][0]
    return reason, "key_is_read_only" if reason is Reason.KEY_TOO_POWERFUL else "credentials_valid"


def broken_checks(home):
    return {family for family, passed in home.verdicts().items() if not passed}


@pytest.mark.parametrize(("exchange", "trouble"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_trouble_with_a_key_needs_attention_everywhere_stops_the_syncs_and_goes_when_mended(
    imported, exchange, trouble
):
    it = imported(exchange)
    reason, family = needed(exchange, trouble)
    it.home.time.turn(days=1)
    trouble(it)

    (report,) = it.home.daily()

    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, reason.value)
    view = it.home.view(it.connection)
    assert view.status is Status.NEEDS_ATTENTION
    assert "needs_attention" in {stream.status for stream in view.streams} <= {"needs_attention", "not_permitted"}
    standing = it.home.standing(it.connection)[reason.value]
    assert it.connection in standing.remedy
    assert broken_checks(it.home) == {family}
    if trouble in PUBLISHED:
        it.home.publish()
        row = it.home.published(it.connection)
        assert (row["status"], row["reason"], row["remedy"]) == ("needs_attention", reason.value, standing.remedy)
        assert row["trades"] == len(it.account.trades)
    it.home.time.turn(days=2)
    assert it.home.daily() == []

    TROUBLES[trouble][1](it)

    view = it.home.view(it.connection)
    assert {view.status, *(stream.status for stream in view.streams)} == {"up_to_date"}
    assert reason.value not in it.home.standing(it.connection)
    assert broken_checks(it.home) == set()
    if trouble in PUBLISHED:
        it.home.publish()
        row = it.home.published(it.connection)
        assert (row["status"], row["reason"] == reason.value) == ("up_to_date", False)
    it.home.time.turn(days=1)
    assert [each.run.outcome for each in it.home.daily()] == [Outcome.NOTHING_NEW]  # by itself again


def test_a_key_that_has_run_out_is_said_to_have_although_the_exchange_only_says_that_it_is_unknown(imported):
    it = imported("kraken")
    runs_out = it.home.time.now + timedelta(days=10)
    it.home.change_key(it.account, expires_at_us=it.home.time.now_us + 10 * 86_400_000_000)
    it.home.time.turn(days=1)
    it.home.daily()
    assert it.home.standing(it.connection)["key_expiring"].detail == f"on {runs_out:%Y-%m-%d}"
    assert it.home.view(it.connection).status is Status.UP_TO_DATE

    it.home.time.turn(days=10)
    (report,) = it.home.daily()

    assert (report.run.reason, report.run.detail) == ("key_expired", f"on {runs_out:%Y-%m-%d}")
    assert it.home.view(it.connection).status is Status.NEEDS_ATTENTION
    assert "replace-key" in it.home.standing(it.connection)["key_expired"].remedy
    it.home.change_key(it.account, expires_at_us=None)
    replaced(it)
    assert not {"key_expired", "key_expiring"} & it.home.standing(it.connection).keys()
    assert it.home.view(it.connection).status is Status.UP_TO_DATE


def test_a_key_is_said_to_expire_from_two_weeks_before_with_its_day_and_what_to_do(imported):
    it = imported("kraken")
    runs_out = it.home.time.now + timedelta(days=16)
    it.home.change_key(it.account, expires_at_us=it.home.time.now_us + 16 * 86_400_000_000)
    said = []

    for _ in range(3):  # 15, 14 and 13 days before
        it.home.time.turn(days=1)
        it.home.daily()
        said.append(it.home.standing(it.connection).get("key_expiring"))

    assert said[0] is None
    assert said[1].detail == said[2].detail == f"on {runs_out:%Y-%m-%d}"
    assert said[1].since == said[2].since
    assert f"`metrifly replace-key {it.connection}`" in said[1].remedy


def test_a_sync_that_somebody_asks_for_says_why_it_can_not_be_done(imported, exchange):
    it = imported(exchange)
    secret_changed(it)
    (request,) = it.home.product.requesting.file([it.connection])

    it.home.work()

    answer = it.home.product.requesting.answer(request)
    assert (answer.done, answer.ok) == (True, False)
    assert answer.text.startswith("can't: ")
    assert f"`metrifly replace-key {it.connection}`" in answer.text


def test_a_key_of_another_account_or_a_wrong_one_is_no_replacement_and_the_old_key_stays(imported, exchange):
    it = imported(exchange)
    stranger = AccountBuilder(exchange, seed=99)
    it.home.sandbox.add_account(stranger.account)
    before = it.home.control_rows()
    wrong = {
        Reason.DIFFERENT_ACCOUNT: it.home.credential(stranger.key),
        Reason.SECRET_WRONG: it.home.credential(it.key, secret=other(it.key.secret)),
    }

    for reason, credential in wrong.items():
        with pytest.raises(KeyRefusedError) as caught:
            it.home.product.connecting.replace_key(it.connection, credential)
        assert caught.value.reason is reason
        assert f"`metrifly replace-key {it.connection}`" in str(caught.value)

    after = it.home.control_rows()
    assert after["credentials"] == before["credentials"]
    assert after["connections"] == before["connections"]
    assert it.home.sync(it.connection).run.outcome is Outcome.NOTHING_NEW
    it.home.product.connecting.replace_key(it.connection, it.home.credential(it.key))  # the control: its own is one
    assert it.home.control_rows()["credentials"] != before["credentials"]


def test_disconnecting_keeps_the_trades_erases_the_key_and_a_new_key_goes_on_without_gap_or_double(imported, exchange):
    it = imported(exchange)
    it.home.product.connecting.disconnect(it.connection)
    it.home.time.turn(days=1)

    assert it.home.control_rows()["credentials"] == []
    assert it.home.daily() == []
    with pytest.raises(RefusedError, match=f"reconnect {it.connection}"):
        it.home.product.requesting.file([it.connection])
    it.home.publish()
    assert_exact(it.home, it.connection)
    row = it.home.published(it.connection)
    assert (row["status"], row["disconnected_at"]) == ("disconnected", it.home.time.now - timedelta(days=1))
    assert it.home.verdicts().keys()
    assert broken_checks(it.home) == set()

    for _ in range(2):  # while it is disconnected, trading goes on
        append_trade(it.account, now_us=it.home.time.now_us)
        it.home.time.turn(days=9)
    replaced(it)

    it.home.publish()
    assert it.home.published(it.connection)["status"] == "up_to_date"
    assert_exact(it.home, it.connection)
    assert it.home.value("SELECT count(*) FROM trades") == len(it.account.trades)
    assert it.home.differences() == {}


def test_an_exchange_that_is_down_delays_for_three_days_and_only_then_needs_attention(imported, exchange):
    it = imported(exchange)
    it.home.fault(exchange, FaultKind.STATUS_503, times=10**9)
    it.home.time.turn(days=1)
    (report,) = it.home.daily()
    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, Reason.EXCHANGE_DOWN.value)

    for _ in range(6):
        assert it.home.view(it.connection).status is Status.DELAYED
        assert broken_checks(it.home) == set()
        it.home.time.turn(hours=11)
        assert len(it.home.daily()) == 1  # it is tried again by itself
    assert it.home.view(it.connection).status is Status.DELAYED

    it.home.time.turn(hours=11)
    (report,) = it.home.daily()
    assert report.changed
    assert it.home.view(it.connection).status is Status.NEEDS_ATTENTION
    assert broken_checks(it.home) == {"fresh"}
    it.home.publish()
    row = it.home.published(it.connection)
    assert (row["status"], row["reason"]) == ("needs_attention", "exchange_down")

    it.home.mend()
    it.home.time.turn(hours=11)
    assert [each.run.outcome for each in it.home.daily()] == [Outcome.NOTHING_NEW]
    assert it.home.view(it.connection).status is Status.UP_TO_DATE
    assert "exchange_down" not in it.home.standing(it.connection)
    assert broken_checks(it.home) == set()


def test_without_its_master_key_a_connection_says_so_and_goes_on_when_the_key_is_back(imported):
    it = imported("kraken")
    file = it.home.folder / "vault" / "master.key"
    aside = file.rename(file.with_name("aside"))

    report = it.home.sync(it.connection)

    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, "master_key_missing")
    assert not file.exists()  # a new one would open nothing
    assert it.home.view(it.connection).status is Status.NEEDS_ATTENTION
    assert "master key file" in it.home.standing(it.connection)["master_key_missing"].remedy
    aside.rename(file)
    assert it.home.sync(it.connection).run.outcome is Outcome.NOTHING_NEW
    assert "master_key_missing" not in it.home.standing(it.connection)


def test_an_exchange_that_has_no_room_any_more_needs_attention_and_keeps_its_trades(imported):
    it = imported("kraken")
    with sqlite3.connect(it.home.folder / "control.sqlite") as db:
        db.execute("UPDATE connections SET exchange = 'bitforex'")
    db.close()

    report = it.home.sync(it.connection)

    assert (report.run.outcome, report.run.reason) == (Outcome.FAILED, "exchange_unsupported")
    assert it.home.view(it.connection).status is Status.NEEDS_ATTENTION
    it.home.publish()
    assert it.home.value("SELECT count(*) FROM trades") == len(it.account.trades)
