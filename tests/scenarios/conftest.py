"""Fixtures: a home that a test starts itself, and homes in which a whole history was just imported."""

import copy
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from tests.scenarios.benches import Bench
from tests.scenarios.homes import SEED, Home, Time, key_of

EXCHANGES = ("kraken", "binance", "okx")
TRADES = 80


@dataclass(frozen=True)
class Imported:
    """A home whose only connection has imported its whole history."""

    home: Home
    connection: ConnectionId
    account: TruthAccount
    key: TruthKey
    """The key that it was imported with, as it was then."""

    @property
    def builder(self) -> AccountBuilder:
        """Lets more happen in the account, as a test names it."""
        made = AccountBuilder(self.account.exchange)
        made.account = self.account
        return made


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home", Time())
    yield made
    made.close()


@pytest.fixture(params=EXCHANGES)
def exchange(request):
    return request.param


@pytest.fixture(scope="session")
def masters(tmp_path_factory):
    """Homes that were imported once in this session, to be copied: closed, with the truth that they were imported from."""
    made = {}

    def master(exchange: str) -> tuple[Path, ConnectionId, TruthAccount]:
        if exchange not in made:
            time = Time()
            account = generate(exchange, SEED, trades=TRADES, now_us=time.now_us)
            home = Home(tmp_path_factory.mktemp(f"{exchange}-master") / "home", time).start(account)
            try:
                made[exchange] = (home.folder, home.imported(account), account)
            finally:
                home.close()
        return made[exchange]

    return master


@pytest.fixture
def imported(masters, tmp_path):
    """Makes a home of its own in which a generated account was just imported."""
    opened = []

    def make(exchange: str) -> Imported:
        made = copied(*masters(exchange), tmp_path / exchange)
        opened.append(made.home)
        return made

    yield make
    for each in opened:
        each.close()


def copied(master: Path, connection: ConnectionId, account: TruthAccount, folder: Path) -> Imported:
    """A copy of an imported home, opened; its exchange listens on another port than the one that was imported from."""
    shutil.copytree(master, folder)
    account = copy.deepcopy(account)
    home = Home(folder, Time()).start(account)
    with sqlite3.connect(folder / "control.sqlite") as db:
        db.execute("UPDATE connections SET base_url = ?", [home.sandbox.base_url(account.exchange)])
    db.close()
    home.accounts[connection] = account
    return Imported(home, connection, account, key_of(account))


@pytest.fixture
def bench(request, tmp_path, monkeypatch, capsys):
    """Beside a local Kraken, or the exchange that a test names as the fixture's parameter."""
    monkeypatch.setenv("METRIFLY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METRIFLY_LIMIT_SCALE", "1000")
    for name in (
        "METRIFLY_DATABASE_URL",
        "METRIFLY_MASTER_KEY",
        "METRIFLY_EGRESS_IPS",
        "METRIFLY_ACCOUNT",
        "METRIFLY_SMTP_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    made = Bench(tmp_path / "home", capsys, getattr(request, "param", "kraken"))
    with made.sandbox:
        yield made
