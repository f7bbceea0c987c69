"""`metrifly export`: an account's warehouse, to give away or to keep."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import count, print_json, say
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product


def export(
    context: typer.Context,
    *,
    portable: Annotated[
        Path | None,
        typer.Option(
            "--portable",
            metavar="DIR",
            file_okay=False,
            help="Folder to write to; by default one in this folder, named after account and day.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write an account's warehouse to one DuckDB file that needs nothing beside it."""
    with opened(context) as product:
        folder = (portable or _default(product)).absolute()
        _refuse_inside(folder, product.settings.home)
        made = product.exporting.export(product.account, folder)
    if as_json:
        print_json({"file": str(made.path), "rows": made.rows})
        return
    rows = made.rows
    told = f"{count(rows['trades'], 'trade')}, {count(rows['movements'], 'movement')}"
    say(
        f"Wrote {made.path}: {told} and {count(rows['entries'], 'entry leg')} of {count(rows['connections'], 'connection')}."
    )
    say(
        "It holds every row itself and opens anywhere, with DuckDB from 1.4 on. It is no backup: raw records and keys are not in it."
    )


def _default(product: "Product") -> Path:
    name = product.control.account(product.account).name
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or product.account
    return Path(f"metrifly-{plain}-{product.clock():%Y-%m-%d}")


def _refuse_inside(folder: Path, home: Path) -> None:
    """What lies in a home goes with a deleted account; an export would stay there unseen."""
    if folder.resolve().is_relative_to(home.resolve()):
        raise RefusedError(
            f"{folder} lies in the home of Metrifly, {home.resolve()}; name a folder outside it with `--portable DIR`"
        )
