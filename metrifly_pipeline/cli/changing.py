"""Commands that change a connection: replace-key, reconnect, move, disconnect."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, said
from metrifly_pipeline.cli.connections import (
    AcceptUnverified,
    CredentialsFile,
    require_sense,
    say_who_syncs,
    show_unverified,
)
from metrifly_pipeline.cli.credentials import get_credential
from metrifly_pipeline.cli.doors import doors_of, opened, own_connection
from metrifly_pipeline.cli.listing import Json, show_attention, view_json
from metrifly_pipeline.cli.render import count, paste, print_json, say
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product

ConnectionArgument = Annotated[str, typer.Argument(metavar="CONNECTION")]
Yes = Annotated[
    bool, typer.Option("--yes", help="It is the same exchange account, where the exchange itself does not tell.")
]


def replace_key(
    context: typer.Context,
    connection: ConnectionArgument,
    *,
    credentials_file: CredentialsFile = None,
    yes: Yes = False,
    accept_unverified: AcceptUnverified = False,
    as_json: Json = False,
) -> None:
    """Use a new key of the same exchange account.

    Also connects a disconnected connection again.
    """
    with opened(context) as product:
        before = own_connection(product, connection)
        if before.disconnected_at is not None:
            product.accounting.require_room(before.account)
        _give_key(context, product, before, credentials_file, yes=yes, unverified=accept_unverified, as_json=as_json)


def reconnect(
    context: typer.Context,
    connection: ConnectionArgument,
    *,
    credentials_file: CredentialsFile = None,
    yes: Yes = False,
    accept_unverified: AcceptUnverified = False,
    as_json: Json = False,
) -> None:
    """Connect a disconnected connection again.

    It asks for a key of the same exchange account, and goes on where it stopped.
    """
    from metrifly_pipeline.services.connecting import require_disconnected

    with opened(context) as product:
        before = own_connection(product, connection)
        require_disconnected(before)
        product.accounting.require_room(before.account)
        _give_key(context, product, before, credentials_file, yes=yes, unverified=accept_unverified, as_json=as_json)


def _give_key(
    context: typer.Context,
    product: "Product",
    before: Connection,
    source: str | None,
    *,
    yes: bool,
    unverified: bool,
    as_json: bool,
) -> None:
    doors = doors_of(context)
    spec = product.gateway.spec(before.exchange)
    require_sense(spec, accept_unverified=unverified)
    credential = get_credential(spec, source, doors.ask_hidden)
    product.connecting.replace_key(
        before.id,
        credential,
        lambda doubt: yes or doors.ask_yes(f"{doubt} Is it the same?"),
        accept_unverified=unverified,
    )
    view = product.listing.view(before.id)
    now = product.clock()
    if as_json:
        print_json(view_json(view, now))
        return
    done = (
        f"Reconnected {before.id}; it goes on where it stopped."
        if before.disconnected_at
        else f"Replaced the key of {before.id}; the old key is erased."
    )
    say(done)
    say_who_syncs(context, product.settings, before.id, "A sync")
    show_unverified(view)
    show_attention([view], now, partial(said, context))


def move(
    context: typer.Context,
    connection: ConnectionArgument,
    *,
    portfolio: Annotated[str, typer.Option("--portfolio", metavar="NAME", help="Where its trades flow: name or id.")],
    as_json: Json = False,
) -> None:
    """Move a connection to another portfolio.

    Everything that was ever imported through it moves with it.
    """
    with opened(context) as product:
        found = own_connection(product, connection)
        before = product.listing.view(found.id)
        product.moving.move(found.id, portfolio)
        view = product.listing.view(found.id)
        now = product.clock()
    if as_json:
        print_json(view_json(view, now))
        return
    say(
        f"Moved {found.id} with {count(view.trades, 'trade')} and {count(view.movements, 'movement')} from portfolio "
        f"{before.portfolio_name} to {view.portfolio_name}. Queries show it from the next publish on, which `metrifly dev` "
        "does by itself."
    )


def disconnect(context: typer.Context, connection: ConnectionArgument, *, as_json: Json = False) -> None:
    """Stop the syncs and erase the key; every trade stays."""
    with opened(context) as product:
        before = own_connection(product, connection)
        if before.disconnected_at is not None:
            raise RefusedError(
                f"{before.id} is disconnected already, since {before.disconnected_at:%Y-%m-%d}. "
                f"To connect it again: `metrifly reconnect {before.id}`."
            )
        product.connecting.disconnect(before.id)
        view = product.listing.view(before.id)
        now = product.clock()
    if as_json:
        print_json(view_json(view, now))
        return
    kept = f"{count(view.trades, 'trade')} and {count(view.movements, 'movement')} stay"
    say(f"Disconnected {before.id}: syncs have stopped, the key is erased, {kept}.")
    say("Delete the key at the exchange too. To connect again:")
    paste(next_command(context, f"metrifly reconnect {before.id}"))
