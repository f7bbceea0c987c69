"""`metrifly notify`: who is told when a connection needs attention, and when that is cured."""

from collections.abc import Sequence
from typing import Annotated

import typer

from metrifly_pipeline.cli.acting import next_command, of_account
from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import Col, item, paste, print_json, say, table
from metrifly_pipeline.domain.notifying import Receiver, shown_address
from metrifly_pipeline.domain.trouble import RefusedError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Be told what needs attention, and when it is cured."
)
adding = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Add where notifications go.")
app.add_typer(adding, name="add")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `metrifly notify list` shows it.")]


@adding.command("webhook")
@of_account
def add_webhook(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="https, or http on this machine.")],
    as_json: Json = False,
) -> None:
    """Send notifications to a URL, signed.

    The secret to check signatures with is shown once, here.
    """
    with opened(context) as product:
        made, secret = product.notifying.add_webhook(product.account, url)
    if as_json:
        print_json(_json(made) | {"secret": secret})
        return
    say(
        f"Notifications go to {shown_address(made)} from now on ({made.id}). They are signed with this secret, shown only now:"
    )
    paste(secret)
    say("To try it:")
    paste(next_command(context, f"metrifly notify test {made.id}"))


@adding.command("email")
@of_account
def add_email(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="One e-mail address.")],
    as_json: Json = False,
) -> None:
    """Send notifications to an e-mail address.

    They leave through the mail server that METRIFLY_SMTP_URL names.
    """
    with opened(context) as product:
        made = product.notifying.add_email(product.account, address)
    if as_json:
        print_json(_json(made))
        return
    say(f"Notifications go to {made.address} from now on ({made.id}). To try it:")
    paste(next_command(context, f"metrifly notify test {made.id}"))


@app.command("list")
@of_account
def list_receivers(context: typer.Context, as_json: Json = False) -> None:
    """List where notifications go, and how they fare."""
    with opened(context) as product:
        found = product.notifying.every(product.account)
    if as_json:
        print_json([_json(each) for each in found])
    elif not found:
        say("Nobody is notified yet: `metrifly notify add --help` says how.")
    else:
        _show(found)


def _show(found: Sequence[Receiver]) -> None:
    columns = [Col("id", whole=True), Col("kind", whole=True), Col("address"), Col("waiting", right=True)]
    columns.append(Col("last delivered (UTC)"))
    table(columns, [(r.id, r.kind, shown_address(r), r.waiting, r.delivered_at) for r in found])
    for each in found:
        if each.trouble:
            later = "it is tried again by itself" if each.waiting else "it was given up after a day of tries"
            item(f"{each.id}: the last notification did not arrive: {each.trouble}; {later}.")


@app.command()
@of_account
def remove(context: typer.Context, receiver: Id, as_json: Json = False) -> None:
    """Stop notifications to one of them; its secret is erased."""
    with opened(context) as product:
        gone = product.notifying.remove(product.account, receiver)
    if as_json:
        print_json(_json(gone))
        return
    waiting = f" {gone.waiting} that waited will not be sent." if gone.waiting else ""
    say(f"Removed {gone.id}: nothing is sent to {shown_address(gone)} any more.{waiting}")


@app.command("test")
@of_account
def send_test(context: typer.Context, receiver: Id, as_json: Json = False) -> None:
    """Send a test now, and say whether it arrived."""
    with opened(context) as product:
        found, trouble = product.notifying.test(product.account, receiver)
    if as_json:
        print_json({"id": found.id, "delivered": not trouble, "trouble": trouble})
        if trouble:
            raise typer.Exit(1)
    elif trouble:
        raise RefusedError(
            f"The test to {shown_address(found)} did not arrive: {trouble}. When that is mended, try again with "
            f"`metrifly notify test {found.id}`."
        )
    else:
        say(f"The test arrived at {shown_address(found)}.")


def _json(receiver: Receiver) -> dict[str, object]:
    return {
        "id": receiver.id,
        "kind": receiver.kind,
        "address": shown_address(receiver),
        "waiting": receiver.waiting,
        "delivered_at": receiver.delivered_at,
        "trouble": receiver.trouble,
        "created_at": receiver.created_at,
    }
