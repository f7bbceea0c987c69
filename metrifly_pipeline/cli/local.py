"""`metrifly sandbox`: a local exchange to try things on; its money and its keys are made up."""

import time
from dataclasses import replace
from typing import Annotated

import typer

from metrifly_pipeline.cli.doors import doors_of
from metrifly_pipeline.cli.local_exchange import ADMIN, LocalExchange, credentials_of, held, ports_to_keep
from metrifly_pipeline.cli.processes import Stop
from metrifly_pipeline.cli.render import Col, paste, print_json, say, table
from metrifly_pipeline.domain.trouble import RefusedError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="A local exchange to try things on.")


@app.callback()
def sandbox() -> None:
    """A local exchange to try things on."""


@app.command()
def serve(
    context: typer.Context,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed makes the same history.")] = None,
    real_limits: Annotated[
        bool, typer.Option("--real-limits", help="Allow as few requests as the exchanges do.")
    ] = False,
) -> None:
    """Serve this home's local exchange until Ctrl-C; the first time, make it up."""
    from metrifly_pipeline.sandbox.generate import generate
    from metrifly_pipeline.sandbox.server import Sandbox

    home = doors_of(context).settings().home.absolute()
    with held(home, "sandbox"), Stop().listening() as stop:
        known = LocalExchange.read(home)
        if known is not None and seed not in {None, known.seed}:
            raise RefusedError(
                f"{home} has a local exchange with seed {known.seed} already; use another METRIFLY_HOME."
            )
        scale = {"scale": 1.0} if real_limits else {}
        made = known or LocalExchange.new(seed, time.time_ns() // 1000, **scale)
        accounts = [
            generate(exchange, made.seed, trades=trades, now_us=made.made_at_us)
            for exchange, trades in made.trades.items()
        ]
        made = made if made.ports else replace(made, ports=ports_to_keep([*made.trades, ADMIN]))
        serving = Sandbox(accounts, seed=made.seed, clock=_unix_seconds, scale=made.scale, ports=made.ports)
        try:
            serving.start()
        except OSError:
            ports = ", ".join(str(port) for port in made.ports.values())
            raise RefusedError(
                f"One of the ports {ports} is in use by another program. End that program, or use another METRIFLY_HOME."
            ) from None
        try:
            made.write(home)
            _show(made)
            while not stop.wait(1.0):
                pass
        finally:
            serving.stop()


def _unix_seconds() -> float:
    return time.time_ns() / 1_000_000_000


def _show(made: LocalExchange) -> None:
    table(
        [Col("local exchange"), Col("base URL", whole=True), Col("trades", right=True)],
        [(name, made.base_url(name), f"{made.trades[name]:,}") for name in made.trades],
    )
    say()
    say(f"Truth, counters and faults: {made.base_url(ADMIN)} (truth, requests, faults). To connect to it, elsewhere:")
    name = next(iter(made.trades))
    paste(
        f"metrifly sandbox key {name} | metrifly connect {name} --portfolio NAME "
        f"--base-url {made.base_url(name)} --credentials-file -"
    )
    say("Ctrl-C stops it.")


@app.command()
def key(
    context: typer.Context, exchange: Annotated[str, typer.Argument(help="One of the local exchanges, such as kraken.")]
) -> None:
    """Print a made-up key of this home's local exchange, as JSON for --credentials-file."""
    home = doors_of(context).settings().home.absolute()
    made = LocalExchange.read(home)
    if made is None or not made.answers:
        raise RefusedError("The local exchange of this home is not running: `metrifly sandbox serve`.")
    print_json(credentials_of(made.ask("truth"), exchange.strip().lower()))
