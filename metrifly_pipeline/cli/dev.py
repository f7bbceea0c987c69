"""`metrifly dev`: Dagster's UI and daemon, and the local exchange beside them, until Ctrl-C or SIGTERM."""

import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from metrifly_pipeline.cli.daemon import make_storage
from metrifly_pipeline.cli.dagster_home import workspace_file
from metrifly_pipeline.cli.doors import Doors, doors_of
from metrifly_pipeline.cli.local_exchange import HOST, LocalExchange, held, ports_free, sandbox_file
from metrifly_pipeline.cli.processes import Children, Stop
from metrifly_pipeline.cli.render import Col, paste, say, table
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.settings import Settings, share_environment

PORT = 3000
LOOK_SECONDS = 0.25
PATIENCE_LOOKS = 720
"""Three minutes for Dagster to come up, on a machine that is busy."""


def dev(
    context: typer.Context,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Keep all state on a PostgreSQL that it starts.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where the Dagster UI listens.")] = PORT,
) -> None:
    """Run Dagster: its UI, the daily schedule and the sensors."""
    doors = doors_of(context)
    settings = doors.settings()
    home = settings.home.absolute()
    with held(home), Stop().listening() as stop, ExitStack() as stack:
        _need_free(port)
        environment = {"METRIFLY_HOME": str(home)}
        if postgres:
            from metrifly_pipeline.cli.postgres import running_postgres

            say("Starting PostgreSQL ...")
            environment |= stack.enter_context(running_postgres(settings))
        with Children(home / "logs") as children:
            _run(doors, children, stop, environment, port)
            say("Stopping ...")


def _run(doors: Doors, children: Children, stop: Stop, environment: dict[str, str], port: int) -> None:
    """Start everything, say where it is, and watch it."""
    share_environment(environment)
    home = doors.settings().home.absolute()
    local = start_local_exchange(children, stop, home) if _wants_local(doors, doors.settings()) else None
    settings = doors.settings()  # again: the local exchange has a scale
    say("Starting Dagster ...")
    make_storage(settings)
    workspace = str(workspace_file(settings))
    serving = ["-m", "dagster_webserver", "-h", HOST, "-p", str(port), "-w", workspace]
    children.start("dagster-webserver", serving, environment)
    children.start("dagster-daemon", ["-m", "dagster._daemon", "run", "-w", workspace], environment)
    for _ in range(PATIENCE_LOOKS):
        if _answers(port) or stop.wait(LOOK_SECONDS):
            break
        children.raise_if_ended()
    if not stop.asked:
        _show(home, port, local, environment)
    while not stop.wait(LOOK_SECONDS):
        children.raise_if_ended()


def _wants_local(doors: Doors, settings: Settings) -> bool:
    """Beside a home of the demo, or one where no real exchange is connected."""
    if sandbox_file(settings.home.absolute()).exists():
        return True
    with doors.open_product(settings) as product:
        return all(connection.base_url is not None for connection in product.control.connections())


def start_local_exchange(children: Children, stop: Stop, home: Path) -> LocalExchange | None:
    """Start this home's local exchange as a child; None where we are asked to stop first.

    Raises:
        RefusedError: It ended by itself, as when one of its ports is in use.
    """
    children.start("local-exchange", ["-m", "metrifly_pipeline.cli", "sandbox", "serve"], {"METRIFLY_HOME": str(home)})
    while not stop.wait(LOOK_SECONDS):
        local = LocalExchange.read(home)
        if local is not None and local.answers:
            return local
        children.raise_if_ended()
    return None


def _need_free(port: int) -> None:
    if not ports_free({"": port}):
        raise RefusedError(f"Port {port} is in use. Choose another: `metrifly dev --port {port + 1}`.")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/server_info", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _show(home: Path, port: int, local: LocalExchange | None, environment: dict[str, str]) -> None:
    rows = [("Dagster UI", f"http://{HOST}:{port}")]
    rows += [(f"local {name}", local.base_url(name)) for name in local.trades] if local else []
    rows.append(("home", str(home)))
    rows.append(("logs", str(home / "logs")))
    table([Col("running"), Col("where", whole=True)], rows)
    say()
    say("For commands in another terminal:")
    for name, value in environment.items():
        paste(f'export {name}="{value}"')
    say("Ctrl-C stops everything.")
