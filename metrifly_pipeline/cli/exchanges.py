"""`metrifly exchanges` and `metrifly exchange`: what can be linked, and how to create a key for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.columns import Columns

from metrifly_pipeline.cli.acting import next_command, said
from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import Col, console, heading, item, numbered, paste, print_json, say, table
from metrifly_pipeline.domain.linking import BY_HAND, INSTEAD, NOT_LINKED
from metrifly_pipeline.domain.ports import CatalogEntry
from metrifly_pipeline.domain.spec import ExchangeSpec

if TYPE_CHECKING:
    from metrifly_pipeline.services.reports import ConnectionView

SMALL_LIST = 12


def list_exchanges(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of a name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search exchanges; see which can be linked directly."""
    with opened(context) as product:
        found = product.gateway.search(search)
        specs = {entry.name: product.gateway.spec(entry.name) for entry in found if entry.has_room}
    if as_json:
        print_json([_entry_json(entry, specs.get(entry.name)) for entry in found])
        return
    if not found:
        instead = NOT_LINKED.split(": ")[1].capitalize()
        say(said(context, f"No exchange's name contains {search}. {instead}. {INSTEAD}"))
        return
    linked = [entry for entry in found if entry.has_room]
    if linked:
        heading("Direct account link")
        columns = [Col("exchange", whole=True), Col("name"), Col("verified live"), Col("next")]
        rows = [
            (e.name, e.title, specs[e.name].verified_live or "never", f"metrifly exchange {e.name}") for e in linked
        ]
        table(columns, rows, indent=2)
    others = [entry for entry in found if not entry.has_room]
    _show_others(others, after=bool(linked))
    if others:
        item(said(context, INSTEAD))


def _show_others(others: Sequence[CatalogEntry], *, after: bool) -> None:
    if not others:
        return
    if after:
        say()
    heading(NOT_LINKED)
    if len(others) <= SMALL_LIST:
        table([Col("exchange", whole=True), Col("name")], [(entry.name, entry.title) for entry in others], indent=2)
    else:
        console().print(Columns([entry.name for entry in others], padding=(0, 2), column_first=True, expand=False))


def _entry_json(entry: CatalogEntry, spec: ExchangeSpec | None) -> dict[str, object]:
    return {
        "exchange": entry.name,
        "title": entry.title,
        "direct_account_link": entry.has_room,
        "verified_live": spec.verified_live if spec else None,
        "note": "" if entry.has_room else NOT_LINKED,
    }


def show_exchange(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The exchange, such as kraken.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how to create a key, what is synced, and limits."""
    with opened(context) as product:
        spec = product.gateway.spec(name.strip().lower())
        views = [view for view in product.listing.views(product.account) if view.connection.exchange == spec.name]
        ips = product.settings.allowed_ips
    if as_json:
        print_json(_spec_json(spec, ips, views))
        return
    say(f"{spec.title} ({spec.name}), verified live: {spec.verified_live or 'never'}")
    _show_guide(spec, ips)
    _show_surfaces(spec)
    item(said(context, BY_HAND))
    _show_limits(spec)
    _show_connections(context, spec, views)


def _show_guide(spec: ExchangeSpec, ips: Sequence[str]) -> None:
    say()
    heading("Create a read-only API key")
    numbered(spec.guide.steps)
    say()
    rows = [(switch, "on") for switch in spec.guide.switch_on] + [(switch, "OFF") for switch in spec.guide.switch_off]
    table([Col("permission"), Col("set to")], rows, indent=2)
    say()
    if ips:
        item(f"Allowed IPs: {', '.join(ips)}")
    else:
        item("Allowed IPs: none is known (METRIFLY_EGRESS_IPS is not set), so don't restrict the key to addresses yet.")
    labels = ", ".join(field.label for field in spec.credentials)
    item(f"You will be asked for: {labels}.")
    if spec.guide.secret_shown_once:
        item(f"{spec.title} shows the secret only once: keep it at hand while you connect.")


def _show_surfaces(spec: ExchangeSpec) -> None:
    say()
    heading("What is synced")
    columns = [Col("product"), Col("coverage", whole=True), Col("note")]
    table(columns, [(surface.name, surface.coverage, surface.note) for surface in spec.surfaces], indent=2)
    forgetful = {stream.stream: stream.retention for stream in spec.streams if stream.retention is not None}
    for stream, retention in forgetful.items():
        item(f"{spec.title} shows {stream.value} of the last {retention.days} days only.")


def _show_limits(spec: ExchangeSpec) -> None:
    say()
    heading("Requests")
    rows = [
        (
            name,
            limit.capacity,
            f"{limit.per_second * 60:g}",
            f"per {'API key' if limit.shared_by == 'key' else 'IP address'}",
        )
        for name, limit in spec.limits.items()
    ]
    table([Col("limit"), Col("at once", right=True), Col("a minute", right=True), Col("counted")], rows, indent=2)


def _show_connections(context: typer.Context, spec: ExchangeSpec, views: "Sequence[ConnectionView]") -> None:
    say()
    if not views:
        heading("No connection here yet")
        paste(next_command(context, f"metrifly test {spec.name}"))
        paste(next_command(context, f"metrifly connect {spec.name} --portfolio NAME"))
        return
    heading("Your connections")
    columns = [Col("connection", whole=True), Col("portfolio"), Col("status"), Col("next", whole=True)]
    table(
        columns,
        [(v.connection.id, v.portfolio_name, v.status, next_command(context, _next(v))) for v in views],
        indent=2,
    )


def _next(view: "ConnectionView") -> str:
    verb = "sync" if view.connection.disconnected_at is None else "reconnect"
    return f"metrifly {verb} {view.connection.id}"


def _spec_json(spec: ExchangeSpec, ips: Sequence[str], views: "Sequence[ConnectionView]") -> dict[str, object]:
    return {
        "exchange": spec.name,
        "title": spec.title,
        "verified_live": spec.verified_live or "never",
        "steps": spec.guide.steps,
        "switch_on": spec.guide.switch_on,
        "switch_off": spec.guide.switch_off,
        "allowed_ips": ips,
        "fields": spec.credentials,
        "secret_shown_once": spec.guide.secret_shown_once,
        "surfaces": spec.surfaces,
        "limits": spec.limits,
        "connections": [
            {"connection": v.connection.id, "portfolio": v.portfolio_name, "status": v.status, "next": _next(v)}
            for v in views
        ],
    }
