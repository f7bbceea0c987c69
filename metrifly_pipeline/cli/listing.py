"""Looking at connections: what each does, how far its first import is, and what it needs."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.acting import said
from metrifly_pipeline.cli.doors import opened, own_connection
from metrifly_pipeline.cli.render import Col, heading, item, print_json, say, span, table, words
from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.estimating import Progress
from metrifly_pipeline.domain.reasons import Level
from metrifly_pipeline.domain.recalled import LandedStream
from metrifly_pipeline.domain.status import Status

if TYPE_CHECKING:
    from metrifly_pipeline.services.reports import ConnectionView, StreamView

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LOCAL = "LOCAL"


def list_connections(
    context: typer.Context,
    connection: Annotated[
        str, typer.Argument(metavar="[CONNECTION]", show_default=False, help="Show this one, stream by stream.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List connections, and what each needs."""
    if connection:
        _show_one(context, connection, as_json=as_json)
        return
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
    for view in views:
        if view.progress is not None:
            say(f"{view.connection.id}: first import: {view.progress_text}. {_landed(view)}")
    show_attention(views, now, say_it)


def _landed(view: "ConnectionView") -> str:
    """What landed, and where."""
    return f"{view.landed} landed in {view.portfolio_name}."


def _show_one(context: typer.Context, name: str, *, as_json: bool) -> None:
    with opened(context) as product:
        view = product.listing.view(own_connection(product, name).id)
        landed = {each.stream: each for each in product.lake.landed_streams(view.connection.id)}
        now = product.clock()
    if as_json:
        print_json(view_json(view, now) | {"landed": landed})
        return
    connection = view.connection
    label = f" {connection.label}" if connection.label else ""
    say(f"{connection.id}{label}{f' ({LOCAL})' if view.is_local else ''}: {status_words(view)}.")
    if view.progress is not None:
        item(f"First import: {view.progress_text}.")
    item(f"{_landed(view)} Trades: {span(view.first_trade_at, view.last_trade_at)}.")
    item(f"Last checked: {words(connection.last_checked_at)}; last success: {words(connection.last_success_at)} (UTC).")
    columns = [
        Col("stream", whole=True),
        Col("status", whole=True),
        Col("first import", whole=True),
        Col("records", right=True),
        Col("span", whole=True),
        Col("last success", whole=True),
    ]
    table(columns, [_stream_row(each, landed.get(each.stream)) for each in view.streams], indent=2, gap=1)
    show_attention([view], now, partial(said, context))


def _stream_row(view: "StreamView", landed: LandedStream | None) -> tuple[object, ...]:
    return (
        view.stream,
        words(view.status),
        view.progress.text or "-",
        f"{landed.records:,}" if landed else "0",
        span(landed.first_at, landed.last_at) if landed else "-",
        view.last_success_at,
    )


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
    if view.status is Status.IMPORTING and view.progress is not None and view.progress.percent is not None:
        text += f" {view.progress.percent}%"
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
        "progress": _progress_json(view.progress) | {"text": view.progress_text} if view.progress else None,
        "streams": {
            each.stream: {
                "status": each.status,
                "last_success_at": each.last_success_at,
                **_progress_json(each.progress),
            }
            for each in view.streams
        },
        "attention": [attention_json(row, now) for row in view.attention],
    }


def _progress_json(progress: Progress) -> dict[str, object]:
    return {
        "percent": progress.percent,
        "seconds_left": None if progress.left is None else round(progress.left.total_seconds()),
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
