"""What is recorded by hand closes what an exchange leaves open, exactly, and only as long as it stands."""

import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.attention import MISMATCH_GRACE
from metrifly_pipeline.domain.entries import EntryKind
from metrifly_pipeline.domain.reasons import Level
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.truth import EXACT
from metrifly_pipeline.services.drafting import Typed
from tests.scenarios.commands import Commands
from tests.scenarios.comparing import assert_exact
from tests.scenarios.conftest import copied
from tests.scenarios.homes import NOW, PORTFOLIO


@pytest.fixture
def command(home, capsys):
    return Commands(home, capsys)


@pytest.fixture
def older(home):
    """An OKX account that bought more than three months ago: the exchange no longer shows that, and still holds it."""
    account = AccountBuilder("okx", first_at=NOW - timedelta(days=200)).with_movement(asset="USDT", amount="1000")
    account.with_fill(market="BTC/USDT", price="100", amount="3", fee=None)
    account.with_movement(asset="BTC", amount="0.25", at=NOW - timedelta(days=5))
    home.start(account)
    return account


def edge(home, connection):
    """Where the limited history begins, as the notice says."""
    return re.search(r"nothing before (\S+)", home.standing(connection)["history_limited"].detail).group(1)


def positions(home):
    home.publish()
    return {row["asset"]: row["amount"] for row in home.query("SELECT asset, amount FROM positions")}


def test_an_opening_balance_closes_a_limited_history_and_the_gap_that_it_left(home, older, command):
    connection = home.imported(older)
    before = positions(home)
    lacking = home.differences()
    assert set(lacking) == {"BTC", "USDT"}
    assert "`metrifly record opening-balance --connection" in home.standing(connection)["history_limited"].remedy
    since = home.standing(connection)["history_limited"].since
    day = edge(home, connection)

    made = [
        re.search(r"en-\w{8}", command(opening(connection, asset, lacking[asset], day))).group() for asset in lacking
    ]

    assert "history_limited" not in home.standing(connection)
    assert positions(home) == {asset: amount for asset, amount in older.account.balances().items() if amount}
    assert positions(home) != before
    assert "balance_mismatch" not in home.standing(connection)
    assert home.value("SELECT count(*) FROM attention WHERE reason = 'history_limited'") == 0
    assert "All 2 balances agree exactly" in command("metrifly reconcile")
    home.time.turn(hours=1)
    home.sync(connection)  # finds again what it found before: it stays answered
    assert "history_limited" not in home.standing(connection)

    for entry in made:
        command(f"metrifly record delete {entry}")
    assert home.standing(connection)["history_limited"].since == since
    assert positions(home) == before
    assert "balance_mismatch" in home.standing(connection)
    assert home.value("SELECT count(*) FROM attention WHERE reason = 'history_limited'") == 1


def opening(connection, asset, quantity, day):
    return f"metrifly record opening-balance --connection {connection} --asset {asset} --quantity {quantity:f} --date {day}"


def test_an_opening_balance_within_the_shown_history_leaves_the_notice(home, older, command):
    connection = home.imported(older)
    later = (NOW - timedelta(days=30)).date()

    told = command(opening(connection, "BTC", Decimal(3), later))

    assert "history_limited" in home.standing(connection)
    assert f"nothing before {edge(home, connection)}" in " ".join(told.split())
    told = command(opening(connection, "ADA", Decimal(0), edge(home, connection)))  # the control: nothing was held
    assert "notice stays" not in told
    assert "history_limited" not in home.standing(connection)


def test_a_hidden_movement_is_closed_by_exactly_the_adjustment_that_is_suggested(home, command):
    account = AccountBuilder("kraken", first_at=NOW - timedelta(days=9)).with_movement(asset="BTC", amount="2")
    account.with_movement(asset="BTC", amount="0.1234567891", at=NOW - timedelta(days=1))
    hidden = account.movements[-1]
    home.start(account)
    account.account.hidden.add(hidden.movement_key)
    connection = home.imported(account)
    home.publish()
    home.time.turn(seconds=MISMATCH_GRACE.total_seconds())
    found = home.standing(connection)["balance_mismatch"]
    assert (found.detail, found.level(home.time.now)) == ("BTC +0.1234567891", Level.NOTICE)
    (suggested,) = command.suggested()
    assert "--asset BTC --quantity 0.1234567891 " in suggested

    entry = re.search(r"en-\w{8}", command(suggested)).group()

    assert positions(home) == {"BTC": Decimal("2.1234567891")}
    assert command.suggested() == []
    assert home.value("SELECT max(abs(difference)) FROM reconciliation") == 0
    assert "balance_mismatch" not in home.standing(connection)
    assert_exact(home, connection)  # what the exchange sent is what it was

    command(f"metrifly record delete {entry}")
    assert positions(home) == {"BTC": Decimal(2)}
    assert home.standing(connection)["balance_mismatch"].detail == "BTC +0.1234567891"
    assert command.suggested() == [suggested]


def test_what_is_too_much_is_taken_off_by_a_negative_adjustment(home, command):
    account = AccountBuilder("kraken", first_at=NOW - timedelta(days=9)).with_movement(asset="BTC", amount="2")
    account.with_movement(kind="withdrawal", asset="BTC", amount="0.5", at=NOW - timedelta(days=1))
    home.start(account)
    account.account.hidden |= {each.movement_key for each in account.movements[1:]}
    connection = home.imported(account)
    (suggested,) = command.suggested()
    assert " --quantity -" in suggested

    command(suggested)

    assert command.suggested() == []
    home.publish()
    assert "balance_mismatch" not in home.standing(connection)


def test_recording_changing_and_deleting_are_published_at_once(home):
    home.start()
    recording, account = home.product.recording, home.product.account
    portfolio = Typed(portfolio=PORTFOLIO, asset="SOL", quantity="1.5", date="2026-02-01")
    home.publish()

    def due():
        home.time.turn(seconds=10)
        found = home.product.control.publish_due(home.time.now) is not None
        home.publish()
        return found

    assert not due()  # the control
    entry = recording.record(account, EntryKind.REWARD, portfolio)
    assert due()
    assert home.query("SELECT asset, amount FROM positions") == [{"asset": "SOL", "amount": Decimal("1.5")}]
    recording.edit(account, entry.id, Typed(quantity="2"))
    assert due()
    assert home.query("SELECT asset, amount FROM positions") == [{"asset": "SOL", "amount": Decimal(2)}]
    recording.delete(account, entry.id)
    assert due()
    assert home.query("SELECT * FROM positions") == home.query("SELECT * FROM entries") == []
    assert not due()


ASSETS = ("BTC", "EUR", "NEW")
quantities = st.decimals(min_value="0.000000000000000001", max_value="99999999", places=18)
steps = st.lists(
    st.tuples(
        st.sampled_from(["reward", "sell", "transfer", "pair", "adjustment", "edit", "delete"]),
        st.integers(min_value=0, max_value=99),
        st.sampled_from(ASSETS),
        quantities,
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


class Ledger:
    """Records, edits and deletes as it is told, and adds up by itself what must come of it."""

    def __init__(self, home, connection):
        self.home = home
        self.connection = connection
        self.standing = {}

    def step(self, verb, number, asset, quantity, with_connection):
        recording, account = self.home.product.recording, self.home.product.account
        picked = sorted(self.standing)[number % len(self.standing)] if self.standing else None
        if verb == "delete" and picked:
            recording.delete(account, picked)
            del self.standing[picked]
        elif verb == "edit" and picked:
            self._edit(picked, quantity)
        elif verb not in {"edit", "delete"}:
            self._record(verb, asset, quantity, with_connection)

    def _record(self, verb, asset, quantity, with_connection):
        place = {"connection": self.connection} if with_connection else {"portfolio": PORTFOLIO}
        kind = EntryKind("transfer" if verb == "pair" else verb)
        sign = -1 if verb in {"sell", "transfer", "pair"} else 1
        typed = {"asset": asset, "quantity": f"{quantity:f}", "date": "2026-02-01", **place}
        legs = [(asset, sign, with_connection, 1)]
        if verb == "sell":
            typed |= {"counter_asset": "USD", "price": "3"}
            legs.append(("USD", 1, with_connection, 3))
        if verb == "pair":
            typed |= {"to_portfolio": "Other"}
            legs.append((asset, 1, None, 1))
        made = self.home.product.recording.record(self.home.product.account, kind, Typed(**typed), outgoing=sign < 0)
        self.standing[made.id] = (quantity, legs)

    def _edit(self, picked, quantity):
        before, legs = self.standing[picked]
        if quantity != before:
            self.home.product.recording.edit(self.home.product.account, picked, Typed(quantity=f"{quantity:f}"))
            self.standing[picked] = (quantity, legs)

    def expected(self):
        """What entries add to each portfolio and to the connection's ledger, by asset."""
        sums = Counter()
        for quantity, legs in self.standing.values():
            for asset, sign, with_connection, times in legs:
                amount = EXACT.multiply(quantity, sign * times)
                portfolio = "Other" if with_connection is None else PORTFOLIO
                for place in (portfolio, "ledger") if with_connection else (portfolio,):
                    sums[place, asset] = EXACT.add(sums.get((place, asset), Decimal(0)), amount)
        return sums


def shown(home):
    sql = "SELECT name, asset, amount FROM positions JOIN portfolios USING (portfolio_id)"
    return {(row["name"], row["asset"]): row["amount"] for row in home.query(sql)}


@pytest.fixture(scope="module")
def traded(masters, tmp_path_factory):
    made = copied(*masters("kraken"), tmp_path_factory.mktemp("recorded") / "home")
    made.home.product.control.create_portfolio(made.home.product.account, "Other", made.home.time.now)
    yield made
    made.home.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_positions_are_trades_movements_and_entries_in_whatever_order_they_were_entered(traded, written):
    home, truth = traded.home, traded.account.balances()
    ledger = Ledger(home, traded.connection)

    for step in written:
        ledger.step(*step)
    home.publish()

    added = ledger.expected()
    total = {(PORTFOLIO, asset): amount for asset, amount in truth.items()}
    for place, asset in added:
        if place != "ledger":
            total[place, asset] = EXACT.add(total.get((place, asset), Decimal(0)), added[place, asset])
    assert shown(home) == {key: amount for key, amount in total.items() if amount}
    rows = home.product.publishing.reconcile([traded.connection])
    wrong = {row.asset: row.difference.copy_negate() for row in rows if row.difference}
    assert wrong == {asset: amount for (place, asset), amount in added.items() if place == "ledger" and amount}
    for entry in ledger.standing:  # the next example would find what is left
        home.product.recording.delete(home.product.account, entry)
