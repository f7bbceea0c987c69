"""`metrifly account`: customers and the plan of each."""

import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from metrifly_pipeline.cli.deleting import delete
from metrifly_pipeline.cli.doors import opened
from metrifly_pipeline.cli.render import Col, paste, print_json, say, table
from metrifly_pipeline.domain.plans import Account, Plan, standing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Create, list and delete accounts, change plans.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UNLIMITED = "unlimited"


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Unique, in any case of letters.")],
    plan: Annotated[
        Plan, typer.Option("--plan", help="How many exchanges may be linked.", case_sensitive=False)
    ] = Plan.STARTER,
    as_json: Json = False,
) -> None:
    """Create an account for a customer."""
    with opened(context) as product:
        made = product.accounting.create(name, plan)
    if as_json:
        print_json(_json(made))
        return
    say(f"Created account {made.name}. {standing(made)}")
    say("Commands act for it with --account, or where METRIFLY_ACCOUNT names it. Next, a portfolio:")
    paste(f'metrifly portfolio create "Long term" --account {shlex.quote(made.name)}')


@app.command("plan")
def change_plan(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The account.")],
    plan: Annotated[Plan, typer.Argument(help="Its new plan.", case_sensitive=False)],
    as_json: Json = False,
) -> None:
    """Change an account's plan."""
    with opened(context) as product:
        changed = product.accounting.change_plan(name, plan)
    if as_json:
        print_json(_json(changed))
        return
    say(f"Changed the plan of {changed.name}. {standing(changed)}")


@app.command("list")
def list_accounts(context: typer.Context, as_json: Json = False) -> None:
    """List accounts with plan and what is linked."""
    with opened(context) as product:
        found = product.accounting.every()
    if as_json:
        print_json([_json(account) for account in found])
    elif not found:
        say("There is no account yet. The first use makes the account default; more: `metrifly account create NAME`.")
    else:
        _show(found)


def _show(accounts: Sequence[Account]) -> None:
    columns = [Col("account"), Col("plan", whole=True), Col("linked", right=True), Col("portfolios", right=True)]
    columns.append(Col("created (UTC)", whole=True))
    table(columns, [(a.name, a.plan, _of_limit(a), a.portfolios, a.created_at) for a in accounts])
    for account in accounts:
        if not account.plan.holds(account.linked):
            say()
            say(f"{account.name}: {standing(account)}")


def _of_limit(account: Account) -> str:
    return str(account.linked) if account.plan.limit is None else f"{account.linked} of {account.plan.limit}"


@app.command("plans")
def list_plans(as_json: Json = False) -> None:
    """List plans and their limits."""
    if as_json:
        print_json([{"plan": plan, "linked_exchanges": plan.limit} for plan in Plan])
        return
    columns = [Col("plan", whole=True), Col("linked exchanges", right=True)]
    table(columns, [(plan.shown, UNLIMITED if plan.limit is None else plan.limit) for plan in Plan])


def _json(account: Account) -> dict[str, object]:
    return {
        "account": account.name,
        "id": account.id,
        "plan": account.plan,
        "linked": account.linked,
        "limit": account.plan.limit,
        "portfolios": account.portfolios,
        "created_at": account.created_at,
    }


app.command()(delete)
