"""Connecting: test, connect."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, said
from metrifly_pipeline.cli.credentials import get_credential
from metrifly_pipeline.cli.doors import doors_of, opened, own_connection
from metrifly_pipeline.cli.listing import LOCAL, Json, show_attention, view_json
from metrifly_pipeline.cli.render import Col, item, paste, print_json, say, table
from metrifly_pipeline.domain.ids import is_connection_id
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.services.reports import ConnectionView, PermissionLine
    from metrifly_pipeline.settings import Settings

CredentialsFile = Annotated[
    str | None,
    typer.Option(
        "--credentials-file",
        metavar="FILE",
        help="JSON with api_key, secret and, where needed, passphrase; - for standard input. Without it you are asked.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="A local exchange: http://127.0.0.1:PORT or http://[::1]:PORT."),
]
AcceptUnverified = Annotated[
    bool,
    typer.Option(
        "--accept-unverified", help="The key can only read, where the exchange does not tell what a key may do."
    ),
]


def try_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="EXCHANGE|CONNECTION", help="An exchange, or a connection.")],
    credentials_file: CredentialsFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """Try what a key may do; nothing is stored.

    Give an exchange before connecting, or a connection to try the key that it has.
    """
    wanted = name.strip().lower()
    with opened(context) as product:
        if is_connection_id(wanted):
            if credentials_file or base_url:
                raise typer.BadParameter(
                    "a connection is tested with its own key: no --credentials-file, no --base-url"
                )
            lines = product.connecting.test_connection(own_connection(product, wanted).id)
        else:
            spec = product.gateway.spec(wanted)
            credential = get_credential(spec, credentials_file, doors_of(context).ask_hidden)
            lines = product.connecting.test(wanted, credential, base_url)
    _show_lines(lines, as_json=as_json)
    if any(line.ok is False for line in lines):
        raise typer.Exit(1)


def _show_lines(lines: "Sequence[PermissionLine]", *, as_json: bool) -> None:
    if as_json:
        print_json(lines)
        return
    marks = {True: "ok", False: "NOT OK", None: "not told"}
    table([Col("checked"), Col("", whole=True), Col("")], [(line.name, marks[line.ok], line.text) for line in lines])


def connect(
    context: typer.Context,
    exchange: Annotated[str, typer.Argument(help="The exchange, such as kraken.")],
    *,
    portfolio: Annotated[str, typer.Option("--portfolio", metavar="NAME", help="Where its trades flow: name or id.")],
    label: Annotated[str, typer.Option("--label", metavar="L", help="A name of your own for it.")] = "",
    credentials_file: CredentialsFile = None,
    base_url: BaseUrl = None,
    accept_unverified: AcceptUnverified = False,
    as_json: Json = False,
) -> None:
    """Connect an exchange account by a read-only API key."""
    from metrifly_pipeline.services.connecting import ConnectRequest

    wanted = exchange.strip().lower()
    with opened(context) as product:
        spec = product.gateway.spec(wanted)
        require_sense(spec, accept_unverified=accept_unverified)
        account = product.account
        product.control.find_portfolio(account, portfolio)
        product.accounting.require_room(account)
        credential = get_credential(spec, credentials_file, doors_of(context).ask_hidden)
        made = product.connecting.connect(
            ConnectRequest(
                account=account,
                exchange=wanted,
                portfolio=portfolio,
                credential=credential,
                label=label,
                accept_unverified=accept_unverified,
                base_url=base_url,
            )
        )
        view = product.listing.view(made.id)
        now, settings = product.clock(), product.settings
    if as_json:
        print_json(view_json(view, now))
        return
    say(f"Connected {made.id}{f' ({LOCAL})' if view.is_local else ''} to portfolio {view.portfolio_name}.")
    show_unverified(view)
    show_attention([view], now, partial(said, context))
    say_who_syncs(context, settings, made.id, "Its first import")


def say_who_syncs(context: typer.Context, settings: "Settings", connection: str, what: str) -> None:
    """Whether a sync that was just filed starts by itself, and the command to go on with."""
    try:
        starts = doors_of(context).daemon_alive(settings)
    except RefusedError:  # nobody can know, so nobody is promised anything
        starts = False
    if starts:
        say(f"{what} starts within seconds; how far it is:")
        paste(next_command(context, f"metrifly connections {connection}"))
    else:
        say(f"{what} waits for the daemon of `metrifly dev`; to run it here and now:")
        paste(next_command(context, f"metrifly sync {connection} --here"))


def require_sense(spec: ExchangeSpec, *, accept_unverified: bool) -> None:
    """A usage error where --accept-unverified was given for an exchange that tells what a key may do."""
    from metrifly_pipeline.services.connecting import require_untold

    if accept_unverified:
        try:
            require_untold(spec)
        except RefusedError as refused:
            raise typer.BadParameter(str(refused)) from None


def show_unverified(view: "ConnectionView") -> None:
    """Say that nobody could check what the key may do, where that is so."""
    for standing in view.attention:
        if standing.reason is Reason.PERMISSIONS_NOT_VERIFIABLE:
            item(f"notice: {standing.title}. {standing.remedy}")
