"""The command `metrifly`: its families of commands, and how every way to fail ends: a sentence and a status, no traceback."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
from pydantic import ValidationError

from metrifly_pipeline.cli import (
    accounts,
    capacity,
    changing,
    connections,
    demo,
    dev,
    exchanges,
    export,
    health,
    importing,
    listing,
    local,
    master_key,
    notices,
    notify,
    portfolios,
    reading,
    recording,
    syncing,
)
from metrifly_pipeline.cli.acting import of_account
from metrifly_pipeline.cli.apology import apologise
from metrifly_pipeline.cli.doors import Doors
from metrifly_pipeline.cli.render import complain
from metrifly_pipeline.domain.trouble import MetriflyError

FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="metrifly",
    help="Everything traded in an exchange account flows into a portfolio: complete, exact and never twice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# In the order in which a newcomer meets them.
app.command("demo")(demo.demo)
app.command("dev")(dev.dev)
app.command("exchanges")(exchanges.list_exchanges)
app.command("exchange")(of_account(exchanges.show_exchange))
app.add_typer(accounts.app, name="account")
app.add_typer(portfolios.app, name="portfolio")
app.command("test")(of_account(connections.try_key))
app.command("connect")(of_account(connections.connect))
app.command("connections")(of_account(listing.list_connections))
app.command("sync")(of_account(syncing.sync))
app.command("replace-key")(of_account(changing.replace_key))
app.command("disconnect")(of_account(changing.disconnect))
app.command("reconnect")(of_account(changing.reconnect))
app.command("move")(of_account(changing.move))
app.command("acknowledge")(of_account(notices.acknowledge))
app.command("rebuild")(of_account(syncing.rebuild))
app.command("reconcile")(of_account(reading.reconcile))
app.command("quarantine")(of_account(reading.quarantine))
app.command("query")(reading.query)
app.command("export")(of_account(export.export))
app.command("capacity")(capacity.show_capacity)
app.command("health")(health.show_health)
app.add_typer(recording.app, name="record")
app.add_typer(notify.app, name="notify")
app.add_typer(importing.app, name="import", short_help="Import entries from a CSV or XLSX file.")
app.add_typer(master_key.app, name="master-key")
app.add_typer(local.app, name="sandbox")


def run(arguments: Sequence[str], doors: Doors | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 done, 1 failed and said why, 2 used wrongly, 130 interrupted.
    """
    try:
        _command()(list(arguments), prog_name="metrifly", obj=doors or Doors())
    except SystemExit as ended:
        return _status(ended.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except MetriflyError as trouble:
        complain(str(trouble))
    except ValidationError as error:
        complain(_wrong_settings(error))
    except BrokenPipeError:
        pass  # whoever read our output has seen enough
    except OSError as error:
        complain(_of_the_system(error))
    except Exception as error:  # noqa: BLE001 - the last wall before a person
        complain(apologise(error))
    return FAILED


@cache
def _command() -> Any:
    """The commands as Click runs them; Typer would make them anew, from every signature, at each call."""
    return typer.main.get_command(app)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def _status(code: str | int | None) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else FAILED


def _of_the_system(error: OSError) -> str:
    """A file that can't be had is named; every other trouble with the system is ours to mend."""
    if error.filename is None or error.strerror is None:
        return apologise(error)
    return f"{error.filename}: {error.strerror.lower()}."


def _wrong_settings(error: ValidationError) -> str:
    if error.title != "Settings":
        return apologise(error)
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "\n".join(
        f"METRIFLY_{str(item['loc'][0]).upper()} is not usable: {item['msg'][:1].lower()}{item['msg'][1:]}."
        for item in problems
    )
