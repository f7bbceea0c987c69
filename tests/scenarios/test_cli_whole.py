"""`metrifly demo` and `metrifly dev` as a person runs them: processes of their own, Dagster and all."""

import json
import random
import re
import signal
import time
import urllib.request
from functools import partial

import psutil
import pytest

from metrifly_pipeline.bootstrap import open_product, real_clock
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.local_exchange import LocalExchange
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.services.health_signs import ALIVE
from metrifly_pipeline.settings import Settings
from tests.support.dev import PATIENCE_SECONDS, Dev, connect_kraken, metrifly

FEW = {"kraken": 40, "binance": 40, "okx": 30}
pytestmark = pytest.mark.long


@pytest.fixture
def small_home(tmp_path):
    """A demo's home whose local exchange has few trades, so that a demo is short."""
    home = tmp_path / ".demo"
    LocalExchange(seed=5, made_at_us=time.time_ns() // 1000, scale=1000.0, trades=FEW).write(home)
    return home


def test_a_demo_is_exact_and_a_second_one_adds_nothing(small_home, tmp_path):
    first = metrifly("demo", cwd=tmp_path)
    second = metrifly("demo", cwd=tmp_path)

    for shown in (first, second):
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert re.search(r"110 of 110 trades, exact", shown.stdout)
        movements = re.search(r"(\d+) of (\d+) movements, exact", shown.stdout)
        assert movements[1] == movements[2]
        assert "agree exactly" in shown.stdout
        assert "Long term" in shown.stdout
        assert "Trading" in shown.stdout
        assert max(len(line) for line in shown.stdout.split("Where to go on")[0].splitlines()) <= 100
    assert "added 40 trades" in first.stdout
    assert "added" not in second.stdout
    assert second.stdout.count("already up to date") == 3
    assert not processes_of(small_home)


def test_dev_serves_dagster_starts_what_is_asked_for_and_stops_with_all_it_started(
    small_home, tmp_path, figure, monkeypatch, capsys
):
    monkeypatch.setenv("DAGSTER_HOME", "set by adopt_home, and put back after the test")
    with Dev(small_home, tmp_path) as dev:
        with urllib.request.urlopen(f"{dev.url}/server_info", timeout=30) as answer:  # noqa: S310 - loopback
            assert "dagster_version" in json.load(answer)
        connect_kraken(small_home, tmp_path)
        assert "in use" in metrifly("dev", cwd=tmp_path, home=small_home).stderr

        synced = metrifly("sync", "--all", "--wait", cwd=tmp_path, home=small_home)

        assert synced.returncode == 0, synced.stdout + synced.stderr
        figure(f"dev on SQLite: {waits(f'sqlite:///{small_home}/control.sqlite', trades=40)}")
        well = metrifly("health", cwd=tmp_path, home=small_home)
        assert well.returncode == 0, well.stdout + well.stderr
        assert "ok  daemon: last sign of life" in well.stdout
        assert len(processes_of(small_home)) >= 5
        dev.process.send_signal(signal.SIGTERM)

        assert dev.process.wait(PATIENCE_SECONDS) == 0
        assert not processes_of(small_home)
    settings = Settings(home=small_home)
    later = partial(open_product, clock=lambda: real_clock() + ALIVE)
    capsys.readouterr()
    assert run(["health"], Doors(settings=lambda: settings, open_product=later)) == 1
    assert "RED daemon: Dagster's daemon is down" in capsys.readouterr().out


def test_dev_on_postgresql_starts_what_is_asked_for_and_stops_with_all_it_started(small_home, tmp_path, figure):
    with Dev(small_home, tmp_path, "--postgres") as dev:
        assert set(dev.variables) == {"METRIFLY_HOME", "METRIFLY_DATABASE_URL", "METRIFLY_DAGSTER_URL"}
        connect_kraken(small_home, tmp_path, **dev.variables)

        synced = metrifly("sync", "--all", "--wait", cwd=tmp_path, home=small_home, **dev.variables)

        assert synced.returncode == 0, synced.stdout + synced.stderr
        figure(f"dev on PostgreSQL: {waits(dev.variables['METRIFLY_DATABASE_URL'], trades=40)}")
        assert not (small_home / "control.sqlite").exists()
        assert servers_of(small_home)
        dev.process.send_signal(signal.SIGTERM)

        assert dev.process.wait(PATIENCE_SECONDS) == 0
        assert not processes_of(small_home)
        assert not servers_of(small_home)


def waits(address, trades):
    """How long each sync request waited until the sync that answered it began; together they brought so many trades."""
    control = open_store(address, random.Random(0))
    try:
        asked = [request for request in control.requests(waiting=False) if request.answered_by is not None]
        waited = [control.run(each.answered_by).started_at - each.filed_at for each in asked]
        # The first import may have brought all of them before somebody asked for a sync.
        assert sum(run.trades_added for run in control.runs()) == trades
    finally:
        control.close()
    assert waited
    return f"sync requests began after {', '.join(f'{each.total_seconds():.1f}' for each in waited)} s"


def servers_of(home):
    """PostgreSQL servers whose data lie in this home."""
    folder = str(home / "postgres")
    return [each for each in psutil.process_iter(["cmdline"]) if folder in (each.info["cmdline"] or [])]


def processes_of(home):
    """Processes that were started for this home."""
    everyone = psutil.process_iter(["environ"])
    return [each for each in everyone if (each.info["environ"] or {}).get("METRIFLY_HOME") == str(home)]
