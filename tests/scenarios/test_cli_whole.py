"""`metrifly demo` and `metrifly dev` as a person runs them: processes of their own, Dagster and all."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path

import psutil
import pytest

from metrifly_pipeline.bootstrap import open_product, real_clock
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.local_exchange import LocalExchange, credentials_of, ports_to_keep
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.services.health_signs import ALIVE
from metrifly_pipeline.settings import Settings

METRIFLY = [sys.executable, "-m", "metrifly_pipeline.cli"]
FEW = {"kraken": 40, "binance": 40, "okx": 30}
PATIENCE_SECONDS = 240
pytestmark = pytest.mark.long


@pytest.fixture
def small_home(tmp_path):
    """A demo's home whose local exchange has few trades, so that a demo is short."""
    home = tmp_path / ".demo"
    LocalExchange(seed=5, made_at_us=time.time_ns() // 1000, scale=1000.0, trades=FEW).write(home)
    return home


def environment(home=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("METRIFLY_", "DAGSTER_"))}
    kept["PYTHONPATH"] = str(Path.cwd())
    return kept if home is None else kept | {"METRIFLY_HOME": str(home)}


def metrifly(*arguments, cwd, home=None, **variables):
    """Run a command to its end."""
    return subprocess.run(
        [*METRIFLY, *arguments],
        cwd=cwd,
        env=environment(home) | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


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


def connect_kraken(home, folder, **variables):
    """Connect the local Kraken of this home, by commands of their own: this process's nonces may run ahead of the clock after simulated time."""
    local = LocalExchange.read(home)
    file = folder / "key.json"
    file.write_text(json.dumps(credentials_of(local.ask("truth"), "kraken")))
    connect = ["connect", "kraken", "--portfolio", "main", "--base-url", local.base_url("kraken")]
    for command in (["portfolio", "create", "Main"], [*connect, "--credentials-file", str(file)]):
        done = metrifly(*command, cwd=folder, home=home, METRIFLY_LIMIT_SCALE="1000", **variables)
        assert done.returncode == 0, done.stdout + done.stderr


class Dev:
    """A `metrifly dev` in the background, where SIGINT is ignored; ended with the block whatever happens."""

    def __init__(self, home, cwd, *options):
        self.variables = {}
        port = ports_to_keep(["dev"])["dev"]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *METRIFLY, "dev", "--port", str(port), *options],
            cwd=cwd,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._net = threading.Timer(PATIENCE_SECONDS, self.process.kill)

    def __enter__(self):
        self._net.start()
        shown = ""
        for line in self.process.stdout:
            shown += line
            self.variables |= re.findall(r'export (\w+)="(.*)"', line)
            if "Ctrl-C stops everything" in line:
                return self
        raise AssertionError(shown)

    def __exit__(self, *_):
        self._net.cancel()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def servers_of(home):
    """PostgreSQL servers whose data lie in this home."""
    folder = str(home / "postgres")
    return [each for each in psutil.process_iter(["cmdline"]) if folder in (each.info["cmdline"] or [])]


def processes_of(home):
    """Processes that were started for this home."""
    everyone = psutil.process_iter(["environ"])
    return [each for each in everyone if (each.info["environ"] or {}).get("METRIFLY_HOME") == str(home)]
