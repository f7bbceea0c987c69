"""`metrifly capacity`: how much of what exchanges allow is used, and whether everything comes round in time."""

from collections.abc import Sequence
from math import isinf
from typing import Annotated

import typer

from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import Col, heading, item, print_json, say, table
from metrifly_pipeline.services.capacity import ExchangeCapacity, LimitUse

_COLUMNS = [
    Col("limit", whole=True),
    Col("counted per"),
    Col("a day", right=True),
    Col("today", right=True),
    Col("yesterday", right=True),
    Col("load", right=True),
    Col("room left", right=True),
]


def show_capacity(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much of what exchanges allow is used."""
    with opened(context) as product:
        report = product.capacity.report()
    if as_json:
        print_json([_as_json(each) for each in report])
        return
    if not report:
        say("Nothing is connected yet, so no exchange is asked for anything.")
    for each in report:
        _show(each)


def _show(each: ExchangeCapacity) -> None:
    connected = "1 connection" if each.connections == 1 else f"{each.connections} connections"
    heading(f"{each.exchange}: {connected}")
    if each.limits:
        table(_COLUMNS, [_row(limit) for limit in each.limits], indent=2)
    else:
        item("Nothing was asked yet.")
    for limit in each.limits:
        if limit.paused_until is not None:
            item(
                f"{each.exchange} held us back: nothing more of the limit {limit.limit} before {limit.paused_until:%H:%M:%S} UTC."
            )
    _show_sweeps(each)
    say()


def _show_sweeps(each: ExchangeCapacity) -> None:
    if each.sweep_every is None or each.sweep_days is None:
        item("Full sweep: none is needed, since every question is answered for all symbols at once.")
        return
    item(f"Full sweep of every exchange account: {_days(each.sweep_days)}; due every {each.sweep_every.days} days.")
    if not each.keeps_up:
        item(
            "Sweeps can't keep up: let some connections sync from a process with another address (METRIFLY_EGRESS_IPS)."
        )


def _days(days: float) -> str:
    if isinf(days):
        return "never, no room is left"
    return "less than a day" if days < 1 else f"{days:.1f} days with the room that is left"


def _row(limit: LimitUse) -> Sequence[object]:
    return (
        limit.limit,
        f"IP {limit.sharer}" if limit.shared_by == "ip" else "API key",
        f"{limit.allowed:,.0f}",
        f"{limit.today:,.0f}",
        f"{limit.day_before:,.0f}",
        f"{limit.load:.1%}",
        f"{limit.room:,.0f}",
    )


def _as_json(each: ExchangeCapacity) -> dict[str, object]:
    return {
        "exchange": each.exchange,
        "connections": each.connections,
        "limits": [
            {
                "limit": limit.limit,
                "shared_by": limit.shared_by,
                "address": limit.sharer or None,
                "allowed_a_day": limit.allowed,
                "today": limit.today,
                "day_before": limit.day_before,
                "load": limit.load,
                "room_left": limit.room,
                "paused_until": limit.paused_until,
            }
            for limit in each.limits
        ],
        "sweep_every_days": each.sweep_every.days if each.sweep_every else None,
        "sweep_days": None if each.sweep_days is None or isinf(each.sweep_days) else each.sweep_days,
        "keeps_up": each.keeps_up,
    }
