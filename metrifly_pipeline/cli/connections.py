"""Connecting and looking: test, connect, connections."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, said
from metrifly_pipeline.cli.credentials import get_credential
from metrifly_pipeline.cli.doors import doors_of, opened, own_connection
from metrifly_pipeline.cli.render import Col, heading, item, paste, print_json, say, span, table, words
from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.ids import is_connection_id
from metrifly_pipeline.domain.reasons import Level, Reason
from metrifly_pipeline.domain.spec import ExchangeSpec
from metrifly_pipeline.domain.status import Status
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.services.reports import ConnectionView, PermissionLine

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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LOCAL = "LOCAL"


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
        now = product.clock()
    if as_json:
        print_json(view_json(view, now))
        return
    say(f"Connected {made.id}{f' ({LOCAL})' if view.is_local else ''} to portfolio {view.portfolio_name}.")
    show_unverified(view)
    show_attention([view], now, partial(said, context))
    say("Its first import waits for the daemon of `metrifly dev`; to run it here and now:")
    paste(next_command(context, f"metrifly sync {made.id} --here"))


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


def list_connections(context: typer.Context, as_json: Json = False) -> None:
    """List connections, and what each needs."""
    with opened(context) as product:
        views = product.listing.views(product.account)
        now = product.clock()
    if as_json:
        print_json([view_json(view, now) for view in views])
    elif not views:
        say("There is no connection yet. Find your exchange: `metrifly exchanges`.")
    else:
        show_connections(views, now, partial(said, context))


def show_connections(views: "Sequence[ConnectionView]", now: datetime, say_it: Callable[[str], str] = str) -> None:
    """The table of connections, and below it what needs someone."""
    columns = [
        Col("connection", whole=True),
        Col("portfolio"),
        Col("status", whole=True),
        Col("trades", right=True),
        Col("movements", right=True),
        Col("span", whole=True),
        Col("checked", whole=True),
    ]
    rows = [_row(view, now) for view in views]
    if any(view.is_local for view in views):
        columns.insert(1, Col("", whole=True))
        rows = [(row[0], LOCAL if view.is_local else "", *row[1:]) for row, view in zip(rows, views, strict=True)]
    table(columns, rows, gap=1)  # the one table that is as wide as most terminals
    show_attention(views, now, say_it)


def _row(view: "ConnectionView", now: datetime) -> tuple[object, ...]:
    return (
        view.connection.id,
        view.portfolio_name,
        status_words(view),
        f"{view.trades:,}",
        f"{view.movements:,}",
        span(view.first_trade_at, view.last_trade_at),
        _moment(view.connection.last_checked_at, now),
    )


def _moment(moment: datetime | None, now: datetime) -> str:
    """The time where it was today (UTC), else the day."""
    if moment is None:
        return "never"
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d}"


def status_words(view: "ConnectionView") -> str:
    """Status, and how far an import is."""
    text = words(view.status)
    connection = view.connection
    if view.status is Status.IMPORTING and connection.importing_planned:
        text += f" {min(99, 100 * connection.importing_done // connection.importing_planned)}%"
    if view.status is Status.DELAYED and connection.retry_at:
        text += f" until {connection.retry_at:%H:%M}"
    return text


def show_attention(views: "Sequence[ConnectionView]", now: datetime, say_it: Callable[[str], str] = str) -> None:
    """What stands at level action or notice: why, and what to do, with its commands as `say_it` has them."""
    shown = [(view, rows) for view in views if (rows := _worth_showing(view, now))]
    for view, rows in shown:
        say()
        label = f" {view.connection.label}" if view.connection.label else ""
        heading(f"{view.connection.id}{label}")
        for attention in rows:
            if attention.acknowledged is not None:
                item(_acknowledged(attention, attention.acknowledged))
                continue
            sign = "needs attention" if attention.level(now) is Level.ACTION else "notice"
            detail = f" ({attention.detail})" if attention.detail else ""
            item(f"{sign}: {attention.title}{detail}, since {attention.since:%Y-%m-%d}.")
            item(say_it(attention.remedy), indent=4)


def _acknowledged(attention: Attention, given: Acknowledgement) -> str:
    detail = f" ({attention.detail})" if attention.detail else ""
    return f"acknowledged on {given.at:%Y-%m-%d}: {attention.title}{detail}. Note: {given.note}"


def _worth_showing(view: "ConnectionView", now: datetime) -> list[Attention]:
    """Actions, then notices, then notices that were acknowledged."""
    if view.status is Status.DISCONNECTED:
        return []
    order = {Level.ACTION: 0, Level.NOTICE: 1}
    rows = [row for row in view.attention if row.level(now) in order]
    return sorted(rows, key=lambda row: (row.acknowledged is not None, order[row.level(now)]))


def view_json(view: "ConnectionView", now: datetime) -> dict[str, object]:
    """One connection for programs."""
    connection = view.connection
    return {
        "connection": connection.id,
        "exchange": connection.exchange,
        "label": connection.label,
        "portfolio": view.portfolio_name,
        "portfolio_id": connection.portfolio,
        "local": view.is_local,
        "status": view.status,
        "trades": view.trades,
        "movements": view.movements,
        "first_trade_at": view.first_trade_at,
        "last_trade_at": view.last_trade_at,
        "last_checked_at": connection.last_checked_at,
        "last_success_at": connection.last_success_at,
        "importing_done": connection.importing_done,
        "importing_planned": connection.importing_planned,
        "streams": dict(view.streams),
        "attention": [attention_json(row, now) for row in view.attention],
    }


def attention_json(row: Attention, now: datetime) -> dict[str, object]:
    """One reason for programs."""
    return {
        "reason": row.reason,
        "level": row.level(now),
        "title": row.title,
        "detail": row.detail,
        "stream": row.stream,
        "since": row.since,
        "remedy": row.remedy,
        "acknowledged": row.acknowledged,
    }
