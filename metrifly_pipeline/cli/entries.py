"""`metrifly record list`, `edit` and `delete`: what was entered by hand, and every version of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.doors import opened, own_connection
from metrifly_pipeline.cli.render import Col, digits, heading, print_json, say, table, words
from metrifly_pipeline.domain.entries import Amount, Entry, EntryLeg
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lookalikes import Lookalike
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.services.drafting import Typed
from metrifly_pipeline.services.recording import NONE

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product

EntryArgument = Annotated[str, typer.Argument(metavar="ENTRY", help="The id that `metrifly record list` shows.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_entries(
    context: typer.Context,
    portfolio: Annotated[
        str | None, typer.Option("--portfolio", metavar="NAME", help="Only what counts in this portfolio: name or id.")
    ] = None,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="ID", help="Only what enters this connection.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every version ever, with who recorded it when; deleted ones too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what was recorded by hand or imported from a file."""
    with opened(context) as product:
        found = list(product.control.entries(product.account, history=history))
        if portfolio is not None:
            wanted = product.control.find_portfolio(product.account, portfolio).id
            found = [entry for entry in found if any(leg.place.portfolio == wanted for leg in entry.legs)]
        if connection is not None:
            own = own_connection(product, connection).id
            found = [entry for entry in found if any(leg.place.connection == own for leg in entry.legs)]
        names = names_of(product)
        same: dict[str, list[Lookalike]] = defaultdict(list)
        for each in [] if history else product.recording.lookalikes(product.account, found):
            same[found[each.number].id].append(each)
    if as_json:
        print_json(
            [entry_json(entry, names) | {"lookalikes": list(map(lookalike_json, same[entry.id]))} for entry in found]
        )
    elif not found:
        say("Nothing was recorded by hand yet, or imported. `metrifly record --help` lists what can be.")
    elif history:
        _show_history(found)
    else:
        _show(found, names)
        if same:
            _show_lookalikes(same)


def edit(
    context: typer.Context,
    entry: EntryArgument,
    *,
    date: Annotated[str | None, typer.Option("--date", metavar="DATE", help="A day or a moment with its zone.")] = None,
    asset: Annotated[str | None, typer.Option("--asset", metavar="CODE", help="The asset; a trade's base.")] = None,
    quantity: Annotated[
        str | None, typer.Option("--quantity", metavar="N", help="How much; a trade's amount of the base.")
    ] = None,
    quote: Annotated[str | None, typer.Option("--quote", metavar="CODE", help="A trade's quote.")] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="N", help="A trade's price.")] = None,
    cost: Annotated[str | None, typer.Option("--cost", metavar="N", help="A trade's cost.")] = None,
    fee: Annotated[str | None, typer.Option("--fee", metavar="N", help=f"A trade's fee; {NONE} takes it away.")] = None,
    fee_asset: Annotated[str | None, typer.Option("--fee-asset", metavar="CODE", help="Asset of the fee.")] = None,
    value: Annotated[
        str | None, typer.Option("--value", metavar="N", help=f"Market value; {NONE} takes it away.")
    ] = None,
    value_currency: Annotated[
        str | None, typer.Option("--value-currency", metavar="CODE", help="Currency of the value.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Words of your own.")] = None,
    as_json: Json = False,
) -> None:
    """Change an entry; what it said before is kept.

    A swap, and where an entry counts, are not edited: delete it and record it again.
    """
    typed = Typed(
        date=date,
        asset=asset,
        quantity=quantity,
        counter_asset=quote,
        counter_quantity=cost,
        price=price,
        fee=fee,
        fee_asset=fee_asset,
        value=value,
        value_currency=value_currency,
        note=note,
    )
    with opened(context) as product:
        changed = product.recording.edit(product.account, entry, typed)
        show_one(product, "Changed", changed, product.recording.lookalikes(product.account, [changed]), as_json=as_json)


def delete(context: typer.Context, entry: EntryArgument, as_json: Json = False) -> None:
    """Take an entry out of every sum; its versions are kept."""
    with opened(context) as product:
        gone = product.recording.delete(product.account, entry)
        show_one(product, "Deleted", gone, as_json=as_json)


def show_one(
    product: "Product", verb: str, entry: Entry, lookalikes: Sequence[Lookalike] = (), *, as_json: bool
) -> None:
    """What became of one entry, when readers see it, and what was imported that says the same."""
    names = names_of(product)
    if as_json:
        print_json(entry_json(entry, names) | {"lookalikes": [lookalike_json(each) for each in lookalikes]})
        return
    say(
        f"{verb} {entry.id}: {words(entry.kind)} of {entry.occurred_at:%Y-%m-%d}, {legs_words(entry.legs)}, {_where(entry, names)}."
    )
    compared = any(leg.place.connection for leg in entry.legs)
    say(
        f"{'`metrifly reconcile` counts it now; the' if compared else 'The'} published tables show it with the next publish."
    )
    if lookalikes:
        same = ", ".join(f"{_record_words(each)} at {each.connection}" for each in lookalikes)
        say(
            f"Careful: what was imported says the same ({same}), and both count. If they are one, take this entry back: "
            f"`metrifly record delete {entry.id}`."
        )


def lookalike_json(lookalike: Lookalike) -> dict[str, object]:
    """An imported record that says what an entry says, for programs."""
    return {
        "connection": lookalike.connection,
        "kind": lookalike.kind,
        "record": lookalike.record,
        "occurred_at": lookalike.occurred_at,
    }


def _record_words(each: Lookalike) -> str:
    return f"{words(each.kind)} {each.record} of {each.occurred_at:%Y-%m-%d %H:%M} UTC"


def say_what_stays(product: "Product", connections: Iterable[str]) -> None:
    """An opening balance that is dated too late answers nothing; whoever recorded it would wonder why."""
    for connection in connections:
        for item in product.control.attention(ConnectionId(connection)):
            if item.reason is Reason.HISTORY_LIMITED:
                say(f"The notice stays ({item.detail}): an opening balance of that day or earlier takes it away.")


def entry_json(entry: Entry, names: dict[str, str]) -> dict[str, object]:
    """One version of an entry for programs."""
    return {
        "id": entry.id,
        "version": entry.version,
        "kind": entry.kind,
        "date": entry.occurred_at,
        "legs": legs_json(entry.legs, names),
        "price": entry.price,
        "value": None if entry.value is None else entry.value.quantity,
        "value_currency": None if entry.value is None else entry.value.asset,
        "note": entry.note,
        "deleted": entry.deleted,
        "recorded_at": entry.recorded_at,
        "recorded_by": entry.recorded_by,
        "superseded_at": entry.superseded_at,
    }


def legs_json(legs: Sequence[EntryLeg], names: dict[str, str]) -> list[dict[str, object]]:
    """Legs for programs."""
    return [
        {
            "portfolio": names.get(leg.place.portfolio, ""),
            "portfolio_id": leg.place.portfolio,
            "connection": leg.place.connection,
            "role": leg.role,
            "asset": leg.asset,
            "amount": leg.amount,
        }
        for leg in legs
    ]


def legs_words(legs: Sequence[EntryLeg]) -> str:
    """Signed amounts, such as `+0.5 BTC, -15000 EUR, fee -5 EUR`."""
    return ", ".join(_leg_words(leg) for leg in legs)


def _leg_words(leg: EntryLeg) -> str:
    sign = "+" if leg.amount > 0 else ""
    return f"{'fee ' if leg.role == 'fee' else ''}{sign}{digits(leg.amount)} {leg.asset}"


def _where(entry: Entry, names: dict[str, str]) -> str:
    places = dict.fromkeys(leg.place for leg in entry.legs)
    return " to ".join(
        names.get(place.portfolio, place.portfolio) + (f" ({place.connection})" if place.connection else "")
        for place in places
    )


def names_of(product: "Product") -> dict[str, str]:
    """Names of the account's portfolios, by id."""
    return {portfolio.id: portfolio.name for portfolio in product.control.portfolios(product.account)}


def _show(found: list[Entry], names: dict[str, str]) -> None:
    columns = [
        Col("entry", whole=True),
        Col("date", whole=True),
        Col("kind", whole=True),
        Col("what"),
        Col("where"),
        Col("note"),
    ]
    rows = [
        (e.id, f"{e.occurred_at:%Y-%m-%d}", e.kind, legs_words(e.legs) + _worth(e.value), _where(e, names), e.note)
        for e in found
    ]
    table(columns, rows)


def _show_lookalikes(same: Mapping[str, Sequence[Lookalike]]) -> None:
    say()
    heading("Perhaps imported too")
    say(
        "A connection imported what these entries say, and both count. `metrifly record delete ENTRY` takes back what is one and the "
        "same."
    )
    columns = [Col("entry", whole=True), Col("connection", whole=True), Col("record")]
    table(columns, [(entry, each.connection, _record_words(each)) for entry, found in same.items() for each in found])


def _worth(value: Amount | None) -> str:
    return "" if value is None else f" (worth {digits(value.quantity)} {value.asset})"


def _show_history(found: list[Entry]) -> None:
    columns = [
        Col("entry", whole=True),
        Col("version", right=True),
        Col("recorded (UTC)", whole=True),
        Col("by"),
        Col("state", whole=True),
        Col("date", whole=True),
        Col("kind", whole=True),
        Col("what"),
    ]
    rows = [
        (
            e.id,
            e.version,
            e.recorded_at,
            e.recorded_by,
            _state(e),
            f"{e.occurred_at:%Y-%m-%d}",
            e.kind,
            legs_words(e.legs),
        )
        for e in found
    ]
    table(columns, rows)


def _state(entry: Entry) -> str:
    if entry.deleted:
        return "deleted"
    return "stands" if entry.superseded_at is None else "superseded"
