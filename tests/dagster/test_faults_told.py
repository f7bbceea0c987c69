"""What a person reads when Metrifly itself fails under Dagster: plainly what happened, status 1, and where it is written down."""

import re
import time
from pathlib import Path

import pytest

from metrifly_pipeline.cli.local_exchange import LocalExchange
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.exchanges.session import Session
from metrifly_pipeline.lake.store import DeltaLake
from metrifly_pipeline.sandbox.builder import AccountBuilder
from tests.dagster.real import SCALE, a_small_account, connect, served

SECRET_TEXT = "what-a-library-might-have-printed"


@pytest.fixture(autouse=True)
def home(real_product, monkeypatch):
    """The product's home is the command line's too."""
    for name in ("METRIFLY_DATABASE_URL", "METRIFLY_MASTER_KEY", "METRIFLY_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "set by adopt_home, and put back after the test")
    monkeypatch.setenv("METRIFLY_HOME", str(real_product.settings.home))
    monkeypatch.setenv("METRIFLY_LIMIT_SCALE", str(SCALE))


@pytest.fixture
def two_connections(real_product):
    accounts = [a_small_account(), AccountBuilder("binance").with_movement(asset="USDT", amount="100000").with_fill()]
    with served(accounts) as sandbox:
        yield tuple(connect(real_product, sandbox, account) for account in accounts)


@pytest.fixture
def metrifly(capsys):
    """Run a command in this process; returns its status and what it said, with every space the same."""

    def command(*arguments: str) -> tuple[int, str]:
        status = run(arguments)
        return status, " ".join("".join(capsys.readouterr()).split())

    return command


def break_down(*_args, **_options):
    raise KeyError(SECRET_TEXT)


def log_named_in(said: str) -> str:
    found = re.search(r"reportitwith(/.*?\.txt)\.", said.replace(" ", ""))  # a long path is broken into lines
    assert found, said
    return Path(found[1]).read_text()


def test_a_sync_here_whose_run_fails_says_so_and_the_next_one_goes_on(two_connections, metrifly, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(DeltaLake, "normalize", break_down)
        status, said = metrifly("sync", "--all", "--here")
    again, recovered = metrifly("sync", "--all", "--here")

    assert status == 1
    assert "Nothing is lost" in said
    assert "waiting" not in said
    assert SECRET_TEXT not in said
    log = log_named_in(said)
    assert "in break_down" in log
    assert SECRET_TEXT not in log
    assert again == 0
    assert recovered.count("added 1 trade") == 2


def test_one_connection_that_metrifly_fails_on_leaves_the_other_well(two_connections, metrifly, monkeypatch):
    broken, well = two_connections
    pull = Session.pull

    def pull_or_break(self, *asked):
        return break_down() if "kraken" in repr(self) else pull(self, *asked)

    monkeypatch.setattr(Session, "pull", pull_or_break)
    status, said = metrifly("sync", "--all", "--here")

    assert status == 1
    assert f"{broken} can't: Metrifly itself failed on this connection" in said
    assert f"{well} added 1 trade" in said
    assert broken in log_named_in(said)


def test_a_publish_that_fails_says_that_the_sync_is_stored(two_connections, metrifly, monkeypatch):
    monkeypatch.setattr(DeltaLake, "publish", break_down)

    status, said = metrifly("sync", "--all", "--here")

    assert status == 1
    assert said.count("added 1 trade") == 2
    assert "failed to publish" in said
    assert "in break_down" in log_named_in(said)


def test_a_demo_whose_run_fails_says_so_instead_of_comparing(tmp_path, metrifly, monkeypatch):
    demo_home = tmp_path / ".demo"
    few = {"kraken": 5, "binance": 5, "okx": 5}
    LocalExchange(seed=5, made_at_us=time.time_ns() // 1000, scale=1000.0, trades=few).write(demo_home)
    monkeypatch.setenv("METRIFLY_HOME", str(demo_home))
    monkeypatch.setattr(DeltaLake, "normalize", break_down)

    status, said = metrifly("demo")

    assert status == 1
    assert "Metrifly itself failed" in said
    assert "in break_down" in log_named_in(said)
    assert "exact" not in said
