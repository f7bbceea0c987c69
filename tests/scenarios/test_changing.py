"""What becomes of a connection later: moved, disconnected, connected again, given a key that nobody can verify."""

from datetime import timedelta

import pytest

from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.live import append_trade
from metrifly_pipeline.services.connecting import IdentityUnverifiedError, KeyRefusedError
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW, PORTFOLIO

POSITIONS = "SELECT name, asset, amount FROM positions JOIN portfolios USING (portfolio_id) ORDER BY ALL"
TRANSACTIONS = "SELECT name, count(*) AS rows FROM portfolio_transactions JOIN portfolios USING (portfolio_id) GROUP BY ALL ORDER BY ALL"
OF_THE_LEDGER = ("trades", "movements", "legs", "balances", "reconciliation", "coverage")


def yes(_question):
    return True


@pytest.fixture
def two(home):
    """A home with two imported connections in one portfolio, beside it an empty one; gives the home and both ids."""
    first_at = NOW - timedelta(days=9)
    accounts = [
        AccountBuilder("kraken", seed=21, first_at=first_at).with_movement(amount="5000").with_fill(amount="0.5"),
        AccountBuilder("kraken", seed=22, first_at=first_at).with_movement(amount="7000").with_fill(amount="0.25"),
    ]
    home.start(*accounts)
    made = [home.imported(each) for each in accounts]
    home.product.control.create_portfolio(home.product.account, "Second", NOW)
    home.publish()
    return home, *made


def held(home):
    """Positions as {portfolio: {asset: amount}}."""
    found = {}
    for row in home.query(POSITIONS):
        found.setdefault(row["name"], {})[row["asset"]] = row["amount"]
    return found


def ledger(home):
    """Every row of the tables of what happened, without the portfolio that a leg counts in."""
    rows = "SELECT * FROM {} ORDER BY ALL".format  # our own names
    found = {name: home.query(rows(name)) for name in OF_THE_LEDGER}
    for leg in found["legs"]:
        del leg["portfolio_id"]
    return found


def sums(home, connection):
    """What a connection's own legs add up to, by asset."""
    found = {}
    for row in home.query("SELECT connection_id, asset, amount FROM legs"):
        if row["connection_id"] == connection:
            found[row["asset"]] = found.get(row["asset"], 0) + row["amount"]
    return {asset: amount for asset, amount in found.items() if amount}


@pytest.mark.parametrize("state", ["connected", "disconnected"])
def test_moving_takes_all_that_was_imported_along_and_changes_nothing_else(two, state):
    home, moved, stays = two
    if state == "disconnected":
        home.product.connecting.disconnect(moved)
        home.publish()
    before, rows, transactions = held(home), ledger(home), home.query(TRANSACTIONS)
    assert list(before) == [PORTFOLIO]
    assert home.differences() == {}

    home.product.moving.move(moved, "second")
    home.publish()

    after = held(home)
    own = {"Second": sums(home, moved), PORTFOLIO: sums(home, stays)}
    assert after == own
    assert set(after) == {PORTFOLIO, "Second"}
    for asset, amount in before[PORTFOLIO].items():
        assert sum(each.get(asset, 0) for each in after.values()) == amount
    assert ledger(home) == rows
    assert home.differences() == {}
    assert sum(row["rows"] for row in home.query(TRANSACTIONS)) == sum(row["rows"] for row in transactions)
    assert home.published(moved)["portfolio"] == "Second"
    assert home.published(stays)["portfolio"] == PORTFOLIO

    home.product.moving.move(moved, PORTFOLIO)  # and back: as if nothing had been
    home.publish()
    assert held(home) == before
    assert home.query(TRANSACTIONS) == transactions


def test_after_a_move_new_trades_flow_into_the_new_portfolio(two):
    home, moved, _stays = two
    home.product.moving.move(moved, "Second")
    append_trade(home.accounts[moved], now_us=home.time.now_us)
    home.time.turn(hours=1)

    assert home.sync(moved).run.outcome is Outcome.ADDED

    home.publish()
    rows = home.query("SELECT connection_id, portfolio_id FROM portfolio_transactions")
    second = home.product.control.find_portfolio("default", "Second").id
    assert {row["portfolio_id"] for row in rows if row["connection_id"] == moved} == {second}
    assert home.value("SELECT count(*) FROM trades") == 3
    assert home.differences() == {}


def test_a_move_that_moves_nothing_or_leads_to_another_customer_is_refused(two):
    home, moved, _stays = two
    ann = home.customer("ann", Plan.PRO)
    hers = home.product.control.create_portfolio(ann, "Hers", NOW)
    before = home.control_rows()

    with pytest.raises(RefusedError, match="already; nothing was changed"):
        home.product.moving.move(moved, PORTFOLIO.upper())
    for name in ("Hers", hers.id, "Nowhere"):
        with pytest.raises(NotFoundError, match=r"no portfolio.*there are '(Main', 'Second|Second', 'Main)'"):
            home.product.moving.move(moved, name)

    assert home.control_rows() == before


def test_no_stream_of_a_disconnected_connection_is_up_to_date(two):
    home, first, second = two
    home.product.connecting.disconnect(first)

    shown = {view.connection.id: {stream.status for stream in view.streams} for view in home.product.listing.views()}

    assert shown == {first: {"disconnected"}, second: {"up_to_date"}}


def test_disconnecting_leaves_the_trades_in_their_portfolio(two):
    home, gone, stays = two
    before, rows = held(home), ledger(home)

    home.product.connecting.disconnect(gone)
    home.time.turn(days=2)
    append_trade(home.accounts[gone], now_us=home.time.now_us)
    append_trade(home.accounts[stays], now_us=home.time.now_us)
    home.time.turn(hours=1)
    assert [report.connection for report in home.daily()] == [stays]  # the control: the other one goes on
    home.publish()

    assert home.published(gone)["portfolio"] == PORTFOLIO
    now = home.query("SELECT * FROM trades ORDER BY ALL")
    (kept,) = [row for row in now if row["connection_id"] == gone]
    assert kept in rows["trades"]
    assert len(now) == 3
    assert held(home).keys() == before.keys()


def test_reconnecting_goes_on_where_it_stopped(imported, exchange):
    it = imported(exchange)
    home, connecting = it.home, it.home.product.connecting
    connecting.disconnect(it.connection)
    append_trade(it.account, now_us=home.time.now_us)
    home.time.turn(days=5)
    key = home.new_key(it.account)
    stranger = AccountBuilder(exchange, seed=99)
    home.sandbox.add_account(stranger.account)

    with pytest.raises(KeyRefusedError) as caught:
        connecting.reconnect(it.connection, home.credential(stranger.key), yes)
    assert caught.value.reason is Reason.DIFFERENT_ACCOUNT
    assert home.product.control.connection(it.connection).disconnected_at is not None

    connecting.reconnect(it.connection, home.credential(key))
    home.work()

    home.publish()
    assert_exact(home, it.connection)
    assert home.value("SELECT count(*) FROM trades") == len(it.account.trades)
    assert home.published(it.connection)["status"] == "up_to_date"
    assert home.differences() == {}


def test_what_is_connected_is_not_reconnected_but_told_how_to_get_another_key(imported):
    it = imported("kraken")
    before = it.home.control_rows()
    it.home.asked()

    with pytest.raises(RefusedError, match=f"is connected.*`metrifly replace-key {it.connection}`"):
        it.home.product.connecting.reconnect(it.connection, it.home.credential(it.key), yes)

    assert it.home.control_rows() == before
    assert sum(it.home.asked().values()) == 0


@pytest.mark.parametrize("known", ["before", "now", "never"])
def test_a_key_that_could_not_be_verified_is_taken_only_after_a_yes(home, known):
    account = AccountBuilder("kraken")  # without a record nothing can be compared
    identity = account.account.uid
    account.account.uid = identity if known == "before" else ""
    home.start(account)
    connection = home.imported(account)
    account.account.uid = identity if known == "now" else ""
    credential = home.credential(home.new_key(account))
    before = home.control_rows()["credentials"]
    asked = []

    def no(question):
        asked.append(question)
        return False

    for answer in ((), (no,)):
        with pytest.raises(IdentityUnverifiedError, match=r"could not be verified.*Kraken does not tell.*Nothing was"):
            home.product.connecting.replace_key(connection, credential, *answer)
    assert len(asked) == 1
    assert home.control_rows()["credentials"] == before

    home.product.connecting.replace_key(connection, credential, yes)

    assert home.control_rows()["credentials"] != before
    expected = None if known == "never" else identity
    assert home.product.control.connection(connection).identity == expected
    (report,) = home.work()
    assert report.succeeded


def test_where_the_exchange_tells_nobody_is_asked(imported, exchange):
    it = imported(exchange)
    asked = []

    it.home.product.connecting.replace_key(it.connection, it.home.credential(it.home.new_key(it.account)), asked.append)

    assert asked == []
    assert it.home.product.control.connection(it.connection).credential_version == 2
