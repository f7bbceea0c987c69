"""What `connect` refuses: each wrong key with its own reason and remedy, and nothing of it is stored."""

from dataclasses import replace
from datetime import timedelta

import pytest

from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.reasons import MEANING, Reason
from metrifly_pipeline.domain.status import Outcome, Status
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.services.connecting import KeyRefusedError
from tests.scenarios.comparing import assert_exact
from tests.scenarios.conftest import EXCHANGES
from tests.scenarios.homes import NOW, key_of, other

ELSEWHERE = ("203.0.113.9",)
UNDECIDED = Reason.KEY_OR_IP_OR_PERMISSION
"""Binance's -2015: the exchange doesn't tell key, IP and permission apart."""


def traded(exchange):
    """An account with one deposit and one trade."""
    return AccountBuilder(exchange, first_at=NOW - timedelta(days=2)).with_movement(amount="100000").with_fill()


def without(permission):
    return lambda key: replace(key, permissions=key.permissions - {permission})


def with_also(permission):
    return lambda key: replace(key, permissions=key.permissions | {permission})


AT_THE_EXCHANGE = {
    "IP": (
        lambda key: replace(key, ip_allowlist=ELSEWHERE),
        {"kraken": Reason.IP_NOT_ALLOWED, "binance": UNDECIDED, "okx": Reason.IP_NOT_ALLOWED},
    ),
    "can't read trades": (without("read_trades"), dict.fromkeys(EXCHANGES, Reason.PERMISSION_MISSING)),
    "may trade": (with_also("trade"), dict.fromkeys(EXCHANGES, Reason.KEY_TOO_POWERFUL)),
    "may withdraw": (with_also("withdraw"), dict.fromkeys(EXCHANGES, Reason.KEY_TOO_POWERFUL)),
}
"""What its owner has set at the exchange, and the reason it gets."""
AS_TYPED = {
    "api_key": {"kraken": Reason.KEY_INVALID, "binance": UNDECIDED, "okx": Reason.KEY_INVALID},
    "secret": dict.fromkeys(EXCHANGES, Reason.SECRET_WRONG),
    "passphrase": {"okx": Reason.PASSPHRASE_WRONG},
}
"""What its owner has typed wrongly, and the reason it gets."""


def everything_stored(home):
    """The control database without the counters of requests, and the names of all files beside it."""
    rows = home.control_rows()
    del rows["budgets"]
    files = {str(path.relative_to(home.folder)) for path in home.folder.rglob("*") if path.is_file()}
    return rows, {name for name in files if not name.startswith("control.sqlite")}


def refused(home, account, **typed):
    """Connect, which must be refused without a trace; the refusal."""
    before = everything_stored(home)
    with pytest.raises(KeyRefusedError) as caught:
        home.connect(account, **typed)
    assert everything_stored(home) == before
    assert home.product.control.connections() == []
    assert home.product.requesting.batches() == []
    return caught.value


def lines_of(home, account):
    """What `metrifly test` shows of the account's key, line by line."""
    return home.product.connecting.test(
        account.account.exchange,
        home.credential(key_of(account.account)),
        home.sandbox.base_url(account.account.exchange),
    )


def assert_told(refusal, account, reason):
    """It says what is the matter, what to do and with which command, and nothing of the key."""
    text = str(refusal)
    assert refusal.reason is reason
    assert text.startswith(MEANING[reason].title)
    assert f"`metrifly connect {account.account.exchange}` again" in text
    for secret in (account.key.api_key, account.key.secret, account.key.passphrase):
        assert not secret or secret not in text


@pytest.mark.parametrize(
    ("exchange", "field"), [(exchange, field) for field, reasons in AS_TYPED.items() for exchange in reasons]
)
def test_a_wrong_field_is_refused_with_its_own_reason_and_nothing_is_stored(home, exchange, field):
    account = traded(exchange)
    home.start(account)

    refusal = refused(home, account, **{field: other(getattr(account.key, field))})

    assert_told(refusal, account, AS_TYPED[field][exchange])
    assert home.connect(account).id  # the control: as it should be typed, it is taken
    assert len(home.control_rows()["credentials"]) == 1


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("setting", AT_THE_EXCHANGE)
def test_a_key_set_wrongly_at_the_exchange_is_refused_with_its_own_reason_and_nothing_is_stored(
    home, exchange, setting
):
    account = traded(exchange)
    right = account.key
    change, reasons = AT_THE_EXCHANGE[setting]
    account.account.keys[right.api_key] = change(right)
    home.start(account)

    refusal = refused(home, account)

    assert_told(refusal, account, reasons[exchange])
    account.account.keys[right.api_key] = right  # the control: set right, it is taken
    assert home.connect(account).id


def test_binances_one_refusal_names_key_address_and_permission(home):
    account = traded("binance")
    home.start(account)

    text = str(refused(home, account, api_key=other(account.key.api_key)))

    for words in ("the key exists", "IP addresses", "reading is switched on", "does not say which"):
        assert words in text


@pytest.mark.parametrize(("setting", "switch"), [("may trade", "trading"), ("may withdraw", "withdrawals")])
def test_a_key_that_may_do_more_than_read_is_told_which_switch(home, exchange, setting, switch):
    account = traded(exchange)
    account.account.keys[account.key.api_key] = AT_THE_EXCHANGE[setting][0](account.key)
    home.start(account)

    assert f"switched on: {switch}" in str(refused(home, account))


@pytest.mark.parametrize("exchange", ["kraken", "okx"])
def test_a_key_that_leaves_out_one_of_our_addresses_is_told_which(home, exchange):
    account = traded(exchange).with_key(ip_allowlist=("127.0.0.1", "203.0.113.7"))
    home.start(account, egress_ips="203.0.113.7,203.0.113.8")

    refusal = refused(home, account)

    assert_told(refusal, account, Reason.IP_NOT_ALLOWED)
    assert "(add: 203.0.113.8)" in str(refusal)


def test_a_key_that_hides_a_part_of_the_history_is_refused_until_it_shows_all(home):
    account = traded("kraken").with_fill()
    right, cut = account.key, account.trades[-1].executed_at_us
    home.start(account)
    assert "whole history" not in {line.name for line in lines_of(home, account)}  # the control

    for side, hidden in (("before", {"history_from_us": cut}), ("after", {"history_to_us": cut - 1})):
        account.account.keys[right.api_key] = replace(right, **hidden)
        refusal = refused(home, account)
        assert_told(refusal, account, Reason.KEY_HIDES_HISTORY)
        assert f"(nothing {side} {NOW:%Y-}" in str(refusal)
        (line,) = [line for line in lines_of(home, account) if line.ok is False]
        assert (line.name, f"nothing {side} {NOW:%Y-}" in line.text) == ("whole history", True)

    account.account.keys[right.api_key] = right
    connection = home.connect(account).id
    home.work()
    home.publish()
    assert_exact(home, connection)


def test_a_test_of_a_key_names_what_else_it_may_not_read(home):
    account = traded("kraken")
    home.start(account)
    assert "ledger" not in {line.name for line in lines_of(home, account)}  # the control

    account.account.keys[account.key.api_key] = without("read_ledger")(account.key)

    (line,) = [line for line in lines_of(home, account) if line.ok is False]
    assert line.name == "ledger"
    assert "switch on Data - Query ledger entries" in line.text


def test_a_new_key_that_hides_a_part_of_the_history_replaces_nothing(imported):
    it = imported("kraken")
    new = it.home.new_key(it.account, it.key)
    hiding = replace(new, history_from_us=it.account.trades[-1].executed_at_us)
    it.account.keys[new.api_key] = hiding

    with pytest.raises(KeyRefusedError) as caught:
        it.home.product.connecting.replace_key(it.connection, it.home.credential(hiding))

    assert caught.value.reason is Reason.KEY_HIDES_HISTORY
    assert f"`metrifly replace-key {it.connection}` again" in str(caught.value)
    it.account.keys[new.api_key] = new
    it.home.product.connecting.replace_key(it.connection, it.home.credential(new))  # the control


def test_an_exchange_account_is_linked_once_and_the_refusal_names_the_connection(home, exchange):
    account = traded(exchange)
    home.start(account)
    first = home.connect(account).id
    home.new_key(account)

    for state, command in (("connected", "replace-key"), ("disconnected", "reconnect")):
        before = everything_stored(home)
        with pytest.raises(RefusedError) as caught:
            home.connect(account)
        assert everything_stored(home) == before, state
        assert f"linked already, as {first}" in str(caught.value)
        assert f"`metrifly {command} {first}`" in str(caught.value)
        home.product.connecting.disconnect(first)

    another = AccountBuilder(exchange, seed=2)  # the control: another account of the exchange is welcome
    home.sandbox.add_account(another.account)
    assert home.connect(another).id != first


def test_what_another_customer_has_linked_is_refused_in_these_words_and_no_more(home, exchange):
    account = traded(exchange)
    home.start(account)
    first = home.connect(account).id
    ann = home.customer("ann", Plan.PRO)
    home.new_key(account)

    for _state in ("connected", "disconnected"):
        before = everything_stored(home)
        with pytest.raises(RefusedError) as caught:
            home.connect(account, customer=ann)
        assert str(caught.value) == "This exchange account is linked in another Metrifly account."
        assert everything_stored(home) == before
        home.product.connecting.disconnect(first)

    another = AccountBuilder(exchange, seed=2)  # the control: an exchange account of her own is welcome
    home.sandbox.add_account(another.account)
    assert home.connect(another, customer=ann).account == ann


SWITCH = {"kraken": "Funds permissions - Query", "binance": "Enable Reading", "okx": "Permissions - Read"}


def test_a_key_that_can_not_read_balances_is_connected_with_a_notice_that_names_the_switch_until_it_is_on(
    home, exchange
):
    account = traded(exchange).with_key(without="read_balances")
    home.start(account)

    connection = home.connect(account).id

    assert f"switch on {SWITCH[exchange]}" in home.standing(connection)["stream_not_permitted"].detail
    (report,) = home.work()
    assert report.run.outcome is Outcome.ADDED
    home.publish()
    assert_exact(home, connection)
    assert home.published(connection)["status"] == Status.UP_TO_DATE.value
    (row,) = home.query("SELECT detail, remedy FROM attention WHERE reason = 'stream_not_permitted'")
    assert SWITCH[exchange] in row["detail"]
    assert f"`metrifly sync {connection}`" in row["remedy"]

    home.change_key(account, permissions=account.key.permissions | {"read_balances"})
    home.time.turn(hours=1)
    home.sync(connection)

    assert "stream_not_permitted" not in home.standing(connection)
    assert len(home.product.lake.reconcile()) >= 2
    assert home.differences() == {}


@pytest.mark.parametrize("inside", ["", "\n", " \r\n ", "\u200b", "\u2028\ufeff"])
def test_a_key_pasted_with_blanks_line_ends_and_what_is_not_seen_is_taken(home, exchange, inside):
    account = traded(exchange)
    home.start(account)
    key = key_of(account.account)
    pasted = replace(
        key,
        api_key=f"  {key.api_key[:9]}{inside}{key.api_key[9:]}\r\n",
        secret=f"\ufeff\t{key.secret[:9]}{inside}{key.secret[9:]} \n",
        passphrase=f"{key.passphrase}\u200b\n\n",
    )

    connection = home.connect(account, pasted).id

    assert False not in {line.ok for line in home.product.connecting.test_connection(connection)}


def test_a_key_with_something_else_inside_is_refused_before_it_is_sent(home, exchange):
    account = traded(exchange)
    home.start(account)
    key = account.key

    refusal = refused(home, account, secret=f"{key.secret[:9]}\u00e9{key.secret[9:]}")

    assert refusal.reason is Reason.SECRET_WRONG
    assert sum(home.asked().values()) == 0
    lines = home.product.connecting.test(  # the control: without it, the key passes every check
        exchange, Credential(key.api_key, key.secret, key.passphrase), home.sandbox.base_url(exchange)
    )
    assert False not in {line.ok for line in lines}
    assert sum(home.asked().values()) > 0
