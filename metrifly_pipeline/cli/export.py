"""`metrifly export`: an account's tables as one file that needs nothing beside itself."""

from pathlib import Path
from typing import Annotated

import typer

from metrifly_pipeline.cli.acting import next_command
from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import count, paste, print_json, say, words
from metrifly_pipeline.domain.trouble import RefusedError


def export(
    context: typer.Context,
    portable: Annotated[
        Path, typer.Option("--portable", metavar="DIR", file_okay=False, help="The folder to write it to.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the account's tables to one file that opens anywhere."""
    with opened(context) as product:
        _refuse_inside(portable, product.settings.home)
        made = product.exporting.export(product.account, portable)
    if as_json:
        print_json(
            {
                "path": str(made.path.absolute()),
                "published_at": made.published_at,
                "is_newest": made.is_newest,
                "rows": made.rows,
            }
        )
        return
    trades, movements = count(made.rows["trades"], "trade"), count(made.rows["movements"], "movement")
    say(
        f"Wrote {made.path} with {trades}, {movements} and all other tables, as published {words(made.published_at)} UTC."
    )
    say("It holds no key and needs nothing beside itself; DuckDB 1.4 and later open it.")
    if not made.is_newest:
        say("What changed since then is not in it. To have that too, sync and export again:")
        paste(next_command(context, "metrifly sync --all --here"))


def _refuse_inside(folder: Path, home: Path) -> None:
    """Nobody looks for exports in a home: there one would outlive the account that it was made of unseen."""
    if folder.resolve().is_relative_to(home.resolve()):
        raise RefusedError(
            f"{folder.absolute()} lies in Metrifly's own folder. Name a folder outside it with `--portable DIR`."
        )
