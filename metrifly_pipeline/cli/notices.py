"""`metrifly acknowledge`: what a person knows and lets stand."""

from functools import partial
from typing import Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, said
from metrifly_pipeline.cli.doors import opened, own_connection
from metrifly_pipeline.cli.listing import Json, show_attention, view_json
from metrifly_pipeline.cli.render import paste, print_json, say


def acknowledge(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION")],
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Of a notice, such as history_limited.")],
    *,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why it may stand.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the acknowledgement back.")] = False,
    as_json: Json = False,
) -> None:
    """Acknowledge a notice until its facts change.

    It stays listed with your note. What needs somebody to act can't be acknowledged.
    """
    if undo == (note is not None):
        raise typer.BadParameter("say why it may stand with --note TEXT, or --undo")
    with opened(context) as product:
        found = own_connection(product, connection)
        acknowledging = product.acknowledging
        done = (
            acknowledging.take_back(found.id, reason)
            if note is None
            else acknowledging.acknowledge(found.id, reason, note)
        )
        view = product.listing.view(found.id)
        now = product.clock()
    name = done[0].reason.value
    if as_json:
        print_json(view_json(view, now))
    elif note is None:
        say(f"{name} on {found.id} stands as a notice again.")
        show_attention([view], now, partial(said, context))
    else:
        say(
            f"Acknowledged {name} on {found.id}. It stays listed, and stands as a notice again when its facts change. To undo:"
        )
        paste(next_command(context, f"metrifly acknowledge {found.id} {name} --undo"))
