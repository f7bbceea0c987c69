"""`metrifly portfolio`: what trades flow into."""

from typing import Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, of_account
from metrifly_pipeline.cli.doors import opened, own_connections
from metrifly_pipeline.cli.render import Col, paste, print_json, say, table
from metrifly_pipeline.domain.status import Portfolio

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Create and list portfolios.")


@app.command()
@of_account
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of your own; unique, in any case of letters.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create a portfolio that exchange trades can flow into."""
    with opened(context) as product:
        made = product.control.create_portfolio(product.account, name, product.clock())
    if as_json:
        print_json(_json(made, 0))
        return
    say(f"Created portfolio {made.name} ({made.id}).")
    say("Next, connect an exchange to it:")
    paste(next_command(context, f'metrifly connect EXCHANGE --portfolio "{made.name}"'))


@app.command("list")
@of_account
def list_portfolios(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List portfolios."""
    with opened(context) as product:
        found = product.control.portfolios(product.account)
        live = [item.portfolio for item in own_connections(product) if item.disconnected_at is None]
    rows = [(item, live.count(item.id)) for item in found]
    if as_json:
        print_json([_json(*row) for row in rows])
    elif not rows:
        say('There is no portfolio yet. Create one: `metrifly portfolio create "Long term"`.')
    else:
        columns = [Col("portfolio"), Col("id", whole=True), Col("connections", right=True), Col("created (UTC)")]
        table(columns, [(item.name, item.id, number, item.created_at) for item, number in rows])


def _json(portfolio: Portfolio, connections: int) -> dict[str, object]:
    return {
        "id": portfolio.id,
        "name": portfolio.name,
        "connections": connections,
        "created_at": portfolio.created_at,
    }
