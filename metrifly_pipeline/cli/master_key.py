"""`metrifly master-key`: change the key that seals credentials, and see that all of them can be opened."""

from typing import Annotated

import typer

from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import count, item, print_json, say
from metrifly_pipeline.domain.sealed_rows import SealedRow

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Change the master key, check what it opens. Keys are never shown.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FAILED = 1


@app.command()
def rotate(context: typer.Context, as_json: Json = False) -> None:
    """Move all sealed credentials and secrets to a new master key.

    Syncs may go on meanwhile. Interrupted, say it again: it goes on where it stopped.
    """
    with opened(context) as product:
        done = product.rekeying.rotate()
        of_environment = product.settings.master_key is not None
    if as_json:
        print_json({"moved": done.moved, "old": done.rotation.old, "new": done.rotation.new})
        return
    say(f"Moved {count(done.moved, 'sealed row')} from master key {done.rotation.old} to {done.rotation.new}.")
    if of_environment:
        say(
            "The old key opens nothing any more. Put the value of METRIFLY_NEW_MASTER_KEY into METRIFLY_MASTER_KEY for every "
            "process, remove METRIFLY_NEW_MASTER_KEY, and start them again."
        )
        return
    say(
        "The old key is removed. Back up the new key file now, apart from the database; older backups need the old one."
    )


@app.command()
def check(context: typer.Context, as_json: Json = False) -> None:
    """Open everything that is sealed, and name what can't be opened.

    Ends with status 1 where anything can't.
    """
    with opened(context) as product:
        found = product.rekeying.check()
    if as_json:
        unreadable = [_json(row, why) for row, why in found.unreadable]
        print_json({"readable": found.readable, "unreadable": unreadable})
    else:
        for key_id, rows in sorted(found.readable.items()):
            say(f"{count(rows, 'sealed row')} can be opened, under master key {key_id}.")
        for row, why in found.unreadable:
            say(f"{row.sealed.connection} can't be opened, sealed under master key {row.sealed.key_id}:")
            item(f"{why}.")
        if not found.readable and not found.unreadable:
            say("Nothing is sealed yet.")
    if found.unreadable:
        raise typer.Exit(FAILED)


@app.command()
def fingerprint(context: typer.Context, as_json: Json = False) -> None:
    """Show which master key is in use, by a fingerprint that is not secret."""
    with opened(context) as product:
        keys = product.rekeying.in_use()
    if as_json:
        print_json({"current": keys.current, "pending": keys.pending})
        return
    say(f"Master key in use: {keys.current}")
    if keys.pending is not None:
        say(f"A rotation to {keys.pending} has not ended; `metrifly master-key rotate` finishes it.")


def _json(row: SealedRow, why: str) -> dict[str, object]:
    return {
        "kind": "connection" if row.shelf == "credentials" else "receiver",
        "id": row.sealed.connection,
        "key": row.sealed.key_id,
        "why": why,
        "cure": row.cure,
    }
