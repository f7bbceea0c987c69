"""A home with two customers, one of whom is to be deleted, and whatever tells that she was there."""
# ruff: noqa: S608 - ids that the product itself made

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet as pq
from deltalake import DeltaTable

from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import ConnectionId, ReceiverId
from metrifly_pipeline.domain.notifying import Receiver, ReceiverKind
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.services.connecting import ConnectRequest
from tests.scenarios.homes import NOW, SEED, Home, Time, key_of
from tests.scenarios.scanning import find_under

TABLES = ("raw_records", "trades", "movements", "balances", "quarantine")
UNREADABLE = "0.1234567890123456789"
PRIVATE = ("Ann Example", "Annsportfolio", "Annslabel", "Annsnote", "annsmail@example.com")


@dataclass(frozen=True)
class Two:
    """A home with two customers whose rows share files; Ann's account is the one to be deleted."""

    home: Home
    hers: ConnectionId
    ours: ConnectionId

    def words(self):
        """Whatever tells that there was an Ann: ids, her words, the keys of her trades and movements."""
        control = self.home.product.control
        account = control.find_account("ann example")
        words = {*PRIVATE, str(account), *(each.id for each in control.portfolios(account))}
        words |= {self.hers, *(each.id for each in control.entries(account))}
        for table, key in (("trades", "trade_key"), ("movements", "movement_key"), ("trades", "order_id")):
            found = self.home.query(f"SELECT {key} FROM {table}_history WHERE connection_id = '{self.hers}'")
            words |= {row[key].partition(":")[2] or row[key] for row in found if row[key]}
        return {word: word.encode() for word in words}

    def left(self, words):
        """Files that hold any of the words."""
        return set(find_under(self.home.folder, words))

    def neighbour(self):
        """All that lies in the lake and in the catalogue for the other customer."""
        lake = {}
        for table in TABLES:
            files = DeltaTable(self.home.folder / "lake" / "delta" / table).file_uris()
            rows = [row for file in files for row in pq.read_table(file).to_pylist()]
            lake[table] = sorted(repr(row) for row in rows if row["connection_id"] == self.ours)
        for view in ("trades", "movements", "legs", "balances", "reconciliation", "quarantine", "coverage"):
            lake[f"published {view}"] = sorted(
                map(repr, self.home.query(f"SELECT * FROM {view} WHERE connection_id = '{self.ours}'"))
            )
        lake["sums"] = self.home.query(
            f"SELECT count(*), sum(amount), sum(cost), sum(fee_amount) FROM trades WHERE connection_id = '{self.ours}'"
        )
        return lake

    def delete(self, *, at_once):
        erasure = self.home.product.erasing.begin(
            self.home.product.control.find_account("Ann Example"), at_once=at_once
        )
        self.home.publish()
        return erasure

    def finish(self):
        return self.home.product.erasing.finish(nothing_at_dagster)


def nothing_at_dagster(_connections, _asked_at):
    """Dagster, where it never ran."""
    return True


def two_customers(folder):
    """Make the home as it is before, closed; returns it with the ids of both connections."""
    time = Time()
    ours = generate("kraken", SEED, trades=30, now_us=time.now_us)
    hers = AccountBuilder("kraken", seed=7, first_at=NOW - timedelta(days=30)).with_movement(
        asset="USD", amount="77000"
    )
    for number in range(5):
        hers.with_fill(amount=f"0.0{number + 1}")
    for kind in ("deposit", "withdrawal"):  # which leave a balance that can be read
        hers.with_movement(kind=kind, asset="DOT", amount=UNREADABLE)
    home = Home(folder, time).start(ours, hers)
    try:
        customer = home.customer("Ann Example", Plan.PRO)
        control = home.product.control
        portfolio = control.create_portfolio(customer, "Annsportfolio", time.now)
        request = ConnectRequest(
            account=customer,
            exchange="kraken",
            portfolio="Annsportfolio",
            credential=home.credential(key_of(hers.account)),
            label="Annslabel",
            base_url=home.sandbox.base_url("kraken"),
        )
        connection = home.product.connecting.connect(request).id
        mine = home.connect(ours).id
        home.work()
        place = Place(portfolio.id, connection)
        main = Amount(asset="ETH", quantity=Decimal("0.5"))
        entry = Draft(kind=EntryKind.REWARD, place=place, occurred_at=NOW, main=main, note="Annsnote")
        control.add_entry(customer, entry, time.now)
        kind = ReceiverKind.EMAIL
        mail = Receiver(
            id=ReceiverId("nt-annsmail"), account=customer, kind=kind, address="annsmail@example.com", created_at=NOW
        )
        control.add_receiver(mail, None)
        home.publish()
        list(home.product.syncing.normalize_only([connection, mine], rebuild=True))  # whose commits name connections
        home.publish()
    finally:
        home.close()
    return home.folder, connection, mine
