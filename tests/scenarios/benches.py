"""Commands on one home beside one local exchange, as a person types them; jobs run without Dagster."""

import json
import time

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.main import run
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.settings import Settings


class Bench:
    """One home, one local Kraken with one account, and the commands on them."""

    def __init__(self, home, capsys):
        self.home = home
        self._capsys = capsys
        self.account = (
            AccountBuilder("kraken")
            .with_movement(asset="USD", amount="50000")
            .with_fill(market="BTC/USD", amount="0.5")
        )
        self.key = self.account.key
        self.sandbox = Sandbox([self.account.account], seed=1, clock=time.time, scale=1000.0)
        self.daemon = False
        self.slept = []
        self.printed = ""
        self.asks = True
        self.asked = []
        self.answer = False

    def doors(self):
        return Doors(
            settings=Settings,
            open_product=open_product,
            daemon_alive=lambda _settings: self.daemon,
            run_here=self._run_here,
            publish_here=self._publish_here,
            ask_hidden=self._ask_hidden,
            ask_yes=self._ask_yes,
            sleep=self._sleep,
        )

    def _ask_hidden(self, fields):
        assert self.asks, "a key is asked for"
        return {field.name: getattr(self.key, field.name) for field in fields}

    def _ask_yes(self, question):
        self.asked.append(question)
        return self.answer

    def _run_here(self, settings, batch):
        with open_product(settings) as product:
            list(product.syncing.sync(batch.connections, batch.kind))
        return ""  # a connection in trouble never fails a run

    def _publish_here(self, settings):
        with open_product(settings) as product:
            product.publishing.publish()
        return ""

    def _sleep(self, seconds):
        """While a command waits, the daemon works."""
        self.slept.append(seconds)
        with open_product(Settings()) as product:
            for batch in product.requesting.batches():
                self._run_here(Settings(), batch)

    def __call__(self, *arguments, status=0):
        """Run a command that must end with `status`; returns what it printed."""
        ended = run(arguments, self.doors())
        out, err = self._capsys.readouterr()
        assert ended == status, out + err
        assert "Traceback" not in out + err
        for secret in (self.key.api_key, self.key.secret):
            assert secret not in out + err
        self.printed = out
        return out + err

    def told(self, *arguments, status=0):
        """The same as one line: a paragraph is wrapped where it happens to be full."""
        return " ".join(self(*arguments, status=status).split())

    def json(self, *arguments):
        self(*arguments, "--json")
        return json.loads(self.printed)

    def connect(self):
        """Connect the account to a new portfolio; returns the connection's id."""
        self("portfolio", "create", "Long term")
        made = self.json("connect", "kraken", "--portfolio", "long TERM", "--base-url", self.sandbox.base_url("kraken"))
        return made["connection"]
