"""`metrifly` as processes of its own, as a person starts them; `metrifly dev` in the background."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from metrifly_pipeline.cli.local_exchange import LocalExchange, credentials_of, ports_to_keep

METRIFLY = [sys.executable, "-m", "metrifly_pipeline.cli"]
PATIENCE_SECONDS = 240


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

    def __init__(self, home, cwd, *options, patience=PATIENCE_SECONDS):
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
        self._net = threading.Timer(patience, self.process.kill)

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
