"""Commands that only read: reconcile, quarantine, query."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.doors import opened, own_connections
from metrifly_pipeline.cli.render import (
    Col,
    count,
    digits,
    heading,
    item,
    paste,
    print_json,
    say,
    table,
    wide_table,
    words,
)
from metrifly_pipeline.domain.lake_rows import ReconciliationRow

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QUARANTINE_COLUMNS = "connection_id, stream, reason, symbol, amount_text, fetched_at"


def reconcile(context: typer.Context, as_json: Json = False) -> None:
    """Compare balances with what the history adds up to."""
    with opened(context) as product:
        rows = reconciliation(product)
    if as_json:
        print_json(rows)
    elif not rows:
        say("There is nothing to compare yet: no connection has reported balances.")
    else:
        show_reconciliation(rows)


def reconciliation(product: "Product") -> Sequence[ReconciliationRow]:
    """Reported minus ledger for the account's connections."""
    return product.publishing.reconcile([connection.id for connection in own_connections(product)])


def show_reconciliation(rows: Sequence[ReconciliationRow]) -> None:
    """What differs first, with the entry that would close the gap."""
    wrong = [row for row in rows if row.difference]
    columns = [
        Col("connection", whole=True),
        Col("asset", whole=True),
        Col("reported", right=True),
        Col("history adds up to", right=True),
        Col("difference", right=True),
    ]
    ordered = sorted(rows, key=lambda row: (not row.difference, row.connection, row.asset))
    table(
        columns, [(r.connection, r.asset, digits(r.reported), digits(r.ledger), digits(r.difference)) for r in ordered]
    )
    say()
    if not wrong:
        say(f"All {count(len(rows), 'balance')} agree exactly.")
        return
    heading(f"{count(len(wrong), 'balance')} of {len(rows)} differ. An entry by hand would close the gap:")
    for row in wrong:
        verb = "add" if row.difference > 0 else "take off"
        item(f"{row.connection}: {verb} {digits(row.difference.copy_abs())} {row.asset}")
        paste(
            f"metrifly record adjustment --connection {row.connection} --asset {row.asset} "
            f"--quantity {digits(row.difference)} --date {row.asked_at:%Y-%m-%d}",
            indent=4,
        )


def quarantine(context: typer.Context, as_json: Json = False) -> None:
    """List records that could not be read."""
    with opened(context) as product:
        own = {connection.id for connection in own_connections(product)}
        names, rows = product.lake.query(f"SELECT {QUARANTINE_COLUMNS} FROM quarantine ORDER BY ALL")  # noqa: S608 - a constant
    kept = [row for row in rows if row[0] in own]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in kept])
    elif not kept:
        say("Every record could be read.")
    else:
        table([Col(name.replace("_", " ")) for name in names], kept)
        say()
        say("They are kept as the exchange sent them. `metrifly rebuild CONNECTION` reads them again after an update.")


def query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One statement that reads, in DuckDB's SQL.")],
    as_json: Json = False,
) -> None:
    """Ask the published tables."""
    with opened(context) as product:
        names, rows = product.lake.query(sql)
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    numeric = (
        [all(_is_number(row[place]) for row in rows) for place in range(len(names))] if rows else [False] * len(names)
    )
    wide_table(
        [Col(name, right=right) for name, right in zip(names, numeric, strict=True)],
        [[_cell(cell) for cell in row] for row in rows],
    )
    say()
    say(count(len(rows), "row"))


def _cell(value: object) -> str:
    """Times with all that is there; an analyst's question is answered exactly."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, datetime) else words(value)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))
