"""Commands on one home beside one local exchange, as a person types them; jobs run without Dagster."""

from datetime import UTC, datetime, timedelta

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.settings import Settings
from tests.scenarios.commands import CommandLine
from tests.support.founding import found


class Bench(CommandLine):
    """One home, one local exchange (Kraken unless it is said) with one account, and the commands on them."""

    def __init__(self, home, capsys, exchange="kraken"):
        super().__init__(capsys)
        self.home = found(home)
        self.exchange = exchange
        self.later = timedelta()
        """How far the clocks of this home and of its exchange are ahead."""
        dollar = "USD" if exchange == "kraken" else "USDT"
        self.account = (
            AccountBuilder(exchange)
            .with_movement(asset=dollar, amount="50000")
            .with_fill(market=f"BTC/{dollar}", amount="0.5")
        )
        self.key = self.account.key
        self.sandbox = Sandbox([self.account.account], seed=1, clock=lambda: self._now().timestamp(), scale=1000.0)
        self.daemon = False
        self.slept = []
        self.asks = True

    def doors(self):
        return Doors(
            settings=Settings,
            open_product=self._open,
            daemon_alive=lambda _settings: self.daemon,
            run_here=self._run_here,
            publish_here=self._publish_here,
            ask_hidden=self._ask_hidden,
            ask_yes=self._ask_yes,
            sleep=self._sleep,
        )

    def _now(self):
        return datetime.now(UTC) + self.later

    def _open(self, settings):
        return open_product(settings, clock=self._now)

    def _ask_hidden(self, fields):
        assert self.asks, "a key is asked for"
        return {field.name: getattr(self.key, field.name) for field in fields}

    def _run_here(self, settings, batch):
        with self._open(settings) as product:
            list(product.syncing.sync(batch.connections, batch.kind))
        return ""  # a connection in trouble never fails a run

    def _publish_here(self, settings):
        with self._open(settings) as product:
            product.publishing.publish()
        return ""

    def _sleep(self, seconds):
        """While a command waits, the daemon works."""
        self.slept.append(seconds)
        with self._open(Settings()) as product:
            for batch in product.requesting.batches():
                self._run_here(Settings(), batch)

    def secrets(self):
        return tuple(filter(None, (self.key.api_key, self.key.secret, self.key.passphrase)))

    def connect(self):
        """Connect the account to a new portfolio; returns the connection's id."""
        self("portfolio", "create", "Long term")
        where = ("--base-url", self.sandbox.base_url(self.exchange))
        return self.json("connect", self.exchange, "--portfolio", "long TERM", *where)["connection"]
