"""`metrifly record`: what no connection shows, entered by hand. One command for each kind of entry; the service reads the words."""

from enum import StrEnum
from typing import Annotated

import typer

from metrifly_pipeline.cli import entries
from metrifly_pipeline.cli.acting import of_account
from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.domain.entries import EntryKind
from metrifly_pipeline.services.drafting import Typed

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Record by hand what no connection shows.")

Portfolio = Annotated[
    str | None,
    typer.Option("--portfolio", metavar="NAME", help="Where it counts: name or id. A connection's own where left out."),
]
Connection = Annotated[
    str | None,
    typer.Option(
        "--connection",
        metavar="ID",
        help="The connection it happened on: it enters what its balances are compared with.",
    ),
]
Date = Annotated[
    str | None,
    typer.Option("--date", metavar="DATE", help="A day (2024-01-31, UTC) or a moment (2024-01-31T12:30:00+01:00)."),
]
Asset = Annotated[str | None, typer.Option("--asset", metavar="CODE", help="The asset, such as BTC.")]
Quantity = Annotated[
    str | None, typer.Option("--quantity", metavar="N", help="How much: digits and a point, at most 18 places.")
]
Value = Annotated[
    str | None, typer.Option("--value", metavar="N", help="What it was worth then; with --value-currency.")
]
ValueCurrency = Annotated[
    str | None, typer.Option("--value-currency", metavar="CODE", help="Currency of --value, such as EUR.")
]
Fee = Annotated[str | None, typer.Option("--fee", metavar="N", help="Fee that was paid; with --fee-asset.")]
FeeAsset = Annotated[str | None, typer.Option("--fee-asset", metavar="CODE", help="Asset of the fee.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Words of your own.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app.command("list")(of_account(entries.list_entries))
app.command("edit")(of_account(entries.edit))
app.command("delete")(of_account(entries.delete))


class Income(StrEnum):
    """What income may be."""

    REWARD = "reward"
    AIRDROP = "airdrop"


class Side(StrEnum):
    """The side of a trade."""

    BUY = "buy"
    SELL = "sell"


class Direction(StrEnum):
    """Which way a transfer went."""

    IN = "in"
    OUT = "out"


@app.command()
@of_account
def income(
    context: typer.Context,
    kind: Annotated[Income, typer.Argument(help="A staking reward or an airdrop.")],
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    asset: Asset = None,
    quantity: Quantity = None,
    date: Date = None,
    value: Value = None,
    value_currency: ValueCurrency = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record a staking reward or an airdrop."""
    typed = Typed(
        portfolio=portfolio,
        connection=connection,
        date=date,
        asset=asset,
        quantity=quantity,
        value=value,
        value_currency=value_currency,
        note=note,
    )
    _record(context, EntryKind(kind.value), typed, as_json=as_json)


@app.command()
@of_account
def swap(
    context: typer.Context,
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    disposed: Annotated[str | None, typer.Option("--disposed", metavar="CODE", help="The asset given away.")] = None,
    disposed_quantity: Annotated[
        str | None, typer.Option("--disposed-quantity", metavar="N", help="How much of it.")
    ] = None,
    received: Annotated[str | None, typer.Option("--received", metavar="CODE", help="The asset got for it.")] = None,
    received_quantity: Annotated[
        str | None, typer.Option("--received-quantity", metavar="N", help="How much of it.")
    ] = None,
    date: Date = None,
    fee: Fee = None,
    fee_asset: FeeAsset = None,
    value: Value = None,
    value_currency: ValueCurrency = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record a crypto-to-crypto trade."""
    typed = Typed(
        portfolio=portfolio,
        connection=connection,
        date=date,
        asset=disposed,
        quantity=disposed_quantity,
        counter_asset=received,
        counter_quantity=received_quantity,
        fee=fee,
        fee_asset=fee_asset,
        value=value,
        value_currency=value_currency,
        note=note,
    )
    _record(context, EntryKind.SWAP, typed, as_json=as_json)


@app.command()
@of_account
def transfer(
    context: typer.Context,
    direction: Annotated[Direction, typer.Argument(help="Which way it went, seen from the portfolio.")],
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    asset: Asset = None,
    quantity: Quantity = None,
    date: Date = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Of a transfer out: your own portfolio that it went to.")
    ] = None,
    to_connection: Annotated[
        str | None, typer.Option("--to-connection", metavar="ID", help="Of a transfer out: your own connection.")
    ] = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record what came in, went out or moved.

    A transfer between two own portfolios is a transfer out of one `--to` the other.
    """
    if direction is Direction.IN and (to is not None or to_connection is not None):
        raise typer.BadParameter("a transfer between own portfolios is recorded where it went out: transfer out --to")
    typed = Typed(
        portfolio=portfolio,
        connection=connection,
        date=date,
        asset=asset,
        quantity=quantity,
        to_portfolio=to,
        to_connection=to_connection,
        note=note,
    )
    _record(context, EntryKind.TRANSFER, typed, outgoing=direction is Direction.OUT, as_json=as_json)


@app.command()
@of_account
def trade(
    context: typer.Context,
    side: Annotated[Side, typer.Argument(help="Whether the base was bought or sold.")],
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    base: Annotated[str | None, typer.Option("--base", metavar="CODE", help="What was bought or sold.")] = None,
    quote: Annotated[str | None, typer.Option("--quote", metavar="CODE", help="What it was paid in.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", metavar="N", help="How much of the base.")] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="N", help="Of one base, in the quote.")] = None,
    cost: Annotated[str | None, typer.Option("--cost", metavar="N", help="Of all, in place of a price.")] = None,
    date: Date = None,
    fee: Fee = None,
    fee_asset: FeeAsset = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record a buy or a sell."""
    typed = Typed(
        portfolio=portfolio,
        connection=connection,
        date=date,
        asset=base,
        quantity=amount,
        counter_asset=quote,
        counter_quantity=cost,
        price=price,
        fee=fee,
        fee_asset=fee_asset,
        note=note,
    )
    _record(context, EntryKind(side.value), typed, as_json=as_json)


@app.command("opening-balance")
@of_account
def opening_balance(
    context: typer.Context,
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    asset: Asset = None,
    quantity: Quantity = None,
    date: Date = None,
    value: Value = None,
    value_currency: ValueCurrency = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record what was held before the history begins.

    For a connection whose history is limited, dated no later than it begins, it takes that notice away; 0 where nothing was held.
    """
    typed = Typed(
        portfolio=portfolio,
        connection=connection,
        date=date,
        asset=asset,
        quantity=quantity,
        value=value,
        value_currency=value_currency,
        note=note,
    )
    _record(context, EntryKind.OPENING_BALANCE, typed, as_json=as_json)


@app.command()
@of_account
def adjustment(
    context: typer.Context,
    *,
    portfolio: Portfolio = None,
    connection: Connection = None,
    asset: Asset = None,
    quantity: Annotated[
        str | None, typer.Option("--quantity", metavar="N", help="What to add, or with a minus what to take off.")
    ] = None,
    date: Date = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Record what makes the history agree with a balance."""
    typed = Typed(portfolio=portfolio, connection=connection, date=date, asset=asset, quantity=quantity, note=note)
    _record(context, EntryKind.ADJUSTMENT, typed, as_json=as_json)


def _record(context: typer.Context, kind: EntryKind, typed: Typed, *, outgoing: bool = False, as_json: bool) -> None:
    with opened(context) as product:
        made = product.recording.record(product.account, kind, typed, outgoing=outgoing)
        entries.show_one(
            product, "Recorded", made, product.recording.lookalikes(product.account, [made]), as_json=as_json
        )
        if kind is EntryKind.OPENING_BALANCE and not as_json:
            entries.say_what_stays(product, [leg.place.connection for leg in made.legs if leg.place.connection])
