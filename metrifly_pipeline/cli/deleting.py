"""`metrifly account delete`: a customer's account, and all that ever came in through it."""

import shlex
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.doors import Doors, doors_of, opened
from metrifly_pipeline.cli.render import count, paste, print_json, say
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.trouble import RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.domain.erasing import AccountContents, Erasure
    from metrifly_pipeline.settings import Settings


def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The account.")],
    *,
    now: Annotated[
        bool,
        typer.Option("--now", help="Remove replaced files at once, not after 7 days: readers that are at work fail."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete an account with all that ever came in through it.

    Interrupted, it goes on when it is said again, and with the daily maintenance.
    """
    doors = doors_of(context)
    with opened(context) as product:
        erasure, contents = _begin(product, name, doors.ask_yes, at_once=now, yes=yes)
        product.publishing.publish()
        left = {each.id for each in product.erasing.finish(partial(_forget, doors, product.settings))}
        is_gone = erasure.id not in left
        known = next((each for each in product.control.erasures() if each.id == erasure.id), erasure)
        waits = known.erase_at > product.clock()
    if as_json:
        print_json({"account": erasure.account_name, "gone": is_gone, "files_removed_at": known.erase_at})
        return
    _tell(known, contents, is_gone=is_gone, waits=waits)


def _forget(doors: Doors, settings: "Settings", connections: Collection[ConnectionId], asked_at: datetime) -> bool:
    try:
        return doors.forget(settings, connections, asked_at)
    except Exception:  # noqa: BLE001 - whatever Dagster's storage is troubled by, the rest goes on
        return False


def _begin(
    product: "Product", name: str, ask_yes: Callable[[str], bool], *, at_once: bool, yes: bool
) -> "tuple[Erasure, AccountContents | None]":
    """Delete the account, after a yes; or go on with one of that name that was deleted and has not come to its end."""
    begun = product.erasing.begun(name)
    if product.control.find_account(name) is None and begun is not None:
        if at_once:
            product.erasing.hasten(begun)
        return begun, None
    account = product.erasing.named(name)
    contents = product.erasing.contents(account)
    shown = product.control.account(account).name
    question = f"Delete the account {shown} with {_words(contents)}? It can't be undone."
    if not yes and not ask_yes(question):
        raise RefusedError(f"Nothing was deleted: the account {shown} is as it was")
    return product.erasing.begin(account, at_once=at_once), contents


def _words(contents: "AccountContents") -> str:
    parts = [
        count(contents.connections, "connection"),
        count(contents.trades, "trade"),
        count(contents.movements, "movement"),
        count(contents.entries, "entry", "entries"),
        count(contents.portfolios, "portfolio"),
        count(contents.receivers, "receiver") + " of notifications",
    ]
    return ", ".join(parts[:-1]) + f" and {parts[-1]}"


def _tell(erasure: "Erasure", contents: "AccountContents | None", *, is_gone: bool, waits: bool) -> None:
    name = erasure.account_name
    if contents is not None:
        say(f"Deleted the account {name} with {_words(contents)}. No table and no listing shows it any more.")
        say("Delete its keys at the exchanges, too.")
    if is_gone:
        say(
            f"Nothing of the account {name} is left in this home, but for hashes of its keys by which their requests were counted: "
            "the daily maintenance of `metrifly dev` removes them when they are three days old."
        )
        return
    if waits:
        say(
            f"The files that its rows stood in stay until {erasure.erase_at:%Y-%m-%d %H:%M} UTC, for readers that still have them open. "
            "The daily maintenance of `metrifly dev` removes them then. To remove them now:"
        )
        paste(f"metrifly account delete {shlex.quote(name)} --now")
        return
    say(
        f"Something of the account {name} is still in use by a process at work, or Dagster's storage can't be reached. The daily "
        "maintenance of `metrifly dev` removes it; or, once that has ended:"
    )
    paste(f"metrifly account delete {shlex.quote(name)} --now")
