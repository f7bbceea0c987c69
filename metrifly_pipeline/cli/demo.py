"""`metrifly demo`: the whole way on a local exchange, and every row held against the truth."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metrifly_pipeline.cli.demo_home import demo_home
from metrifly_pipeline.cli.demo_report import Figures, check, show
from metrifly_pipeline.cli.dev import start_local_exchange
from metrifly_pipeline.cli.doors import Doors, doors_of, own_connections
from metrifly_pipeline.cli.local_exchange import DEMO_SCALE, LocalExchange, credentials_of
from metrifly_pipeline.cli.processes import Children, Stop
from metrifly_pipeline.cli.progress import progress_of
from metrifly_pipeline.cli.render import say
from metrifly_pipeline.cli.syncing import requests_for, show_answers, sync_here
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError
from metrifly_pipeline.settings import own_environment

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product

PLAN = {"kraken": "Long term", "binance": "Long term", "okx": "Trading"}
"""Which exchange flows into which portfolio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo happens."""

    home: Path
    local: LocalExchange
    truth: Mapping[str, Any]


def demo(context: typer.Context) -> None:
    """Import three made-up accounts and compare with the truth."""
    doors = doors_of(context)
    with ExitStack() as stack:
        home = stack.enter_context(demo_home(doors.settings()))
        stack.enter_context(_stopped_by_sigterm())
        own_environment({"METRIFLY_HOME": str(home), "METRIFLY_LIMIT_SCALE": str(DEMO_SCALE)})
        children = stack.enter_context(Children(home / "logs"))
        say(f"Home of this demo: {home}")
        local = start_local_exchange(children, Stop(), home)
        if local is None:
            raise RefusedError("The local exchange did not start.")
        stage = Stage(home=home, local=local, truth=local.ask("truth"))
        with doors.open_product(doors.settings()) as product:
            figures = _play(doors, product, stage)
    if not figures.exact:
        raise typer.Exit(1)


def _play(doors: Doors, product: "Product", stage: Stage) -> Figures:
    """Connect what isn't connected yet, import, compare, print."""
    connections = [_connected(product, stage, exchange) for exchange in stage.local.trades]
    requests = requests_for(product, connections)
    with progress_of(product, connections, stage.home / "logs" / "jobs.log"):
        done = sync_here(doors, product, requests)
    if done.fault:
        show_answers(done.asked)
        raise RefusedError(done.fault)
    figures = check(product, stage.local.ask("truth"))
    show(product, stage.home, done.asked, figures)
    return figures


def _connected(product: "Product", stage: Stage, exchange: str) -> ConnectionId:
    """The connection to this home's local exchange, made where there is none."""
    from metrifly_pipeline.services.connecting import ConnectRequest

    base_url = stage.local.base_url(exchange)
    for known in own_connections(product):
        if known.exchange == exchange and known.base_url == base_url and known.disconnected_at is None:
            return known.id
    portfolio = _portfolio(product, PLAN[exchange])
    made = product.connecting.connect(
        ConnectRequest(
            account=product.account,
            exchange=exchange,
            portfolio=portfolio,
            credential=Credential(**credentials_of(stage.truth, exchange)),
            label="demo",
            base_url=base_url,
        )
    )
    say(f"Connected {made.id} to portfolio {PLAN[exchange]}.")
    return made.id


def _portfolio(product: "Product", name: str) -> str:
    try:
        return product.control.find_portfolio(product.account, name).id
    except NotFoundError:
        return product.control.create_portfolio(product.account, name, product.clock()).id


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, its local exchange too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
