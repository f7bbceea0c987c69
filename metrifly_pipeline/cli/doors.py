"""What commands reach for outside themselves, so that tests can hand in something else; the real ones are imported late."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

import typer

from metrifly_pipeline.cli.acting import settings_for
from metrifly_pipeline.domain.health import DagsterSigns
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Sleep
from metrifly_pipeline.domain.spec import CredentialField
from metrifly_pipeline.domain.status import Connection
from metrifly_pipeline.domain.trouble import NotFoundError
from metrifly_pipeline.settings import Settings

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.services.requesting import Batch


def _settings() -> Settings:
    from metrifly_pipeline.cli.local_exchange import settings_of_home

    return settings_of_home()


def _open_product(settings: Settings) -> "AbstractContextManager[Product]":
    from metrifly_pipeline.bootstrap import open_product

    return open_product(settings)


def _daemon_alive(settings: Settings) -> bool:
    from metrifly_pipeline.cli.daemon import daemon_alive

    return daemon_alive(settings)


def _dagster_signs(settings: Settings) -> DagsterSigns:
    from metrifly_pipeline.cli.daemon import dagster_signs

    return dagster_signs(settings)


def _run_here(settings: Settings, batch: "Batch") -> str:
    from metrifly_pipeline.cli.daemon import run_jobs_here

    return run_jobs_here(settings, batch)


def _publish_here(settings: Settings) -> str:
    from metrifly_pipeline.cli.daemon import run_publish_here

    return run_publish_here(settings)


def _forget(settings: Settings, connections: Collection[ConnectionId], asked_at: datetime) -> bool:
    from metrifly_pipeline.cli.daemon import forget_history

    return forget_history(settings, connections, asked_at)


def _sleep(seconds: float) -> None:
    from threading import Event

    Event().wait(seconds)


def _ask_hidden(fields: Sequence[CredentialField]) -> Mapping[str, str]:
    from metrifly_pipeline.cli.hidden import ask_hidden

    return ask_hidden(fields)


def _ask_yes(question: str) -> bool:
    from metrifly_pipeline.cli.hidden import ask_yes

    return ask_yes(question)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Everything around the commands."""

    settings: Callable[[], Settings] = _settings
    open_product: "Callable[[Settings], AbstractContextManager[Product]]" = _open_product
    daemon_alive: Callable[[Settings], bool] = _daemon_alive
    dagster_signs: Callable[[Settings], DagsterSigns] = _dagster_signs
    run_here: "Callable[[Settings, Batch], str]" = _run_here
    """Returns where to read how Metrifly itself failed; empty where it did not. The next one too."""
    publish_here: Callable[[Settings], str] = _publish_here
    forget: Callable[[Settings, Collection[ConnectionId], datetime], bool] = _forget
    """Deletes what Dagster keeps of connections that were deleted at that time; whether nothing is left."""
    ask_hidden: Callable[[Sequence[CredentialField]], Mapping[str, str]] = _ask_hidden
    ask_yes: Callable[[str], bool] = _ask_yes
    sleep: Sleep = _sleep


def doors_of(context: typer.Context) -> Doors:
    """The doors this invocation was given."""
    return cast("Doors", context.obj)


@contextmanager
def opened(context: typer.Context) -> "Iterator[Product]":
    """The product of this invocation's settings, open for the block."""
    doors = doors_of(context)
    with doors.open_product(settings_for(context, doors.settings())) as product:
        yield product


def own_connections(product: "Product") -> Sequence[Connection]:
    """The connections of the account that commands act for, disconnected ones included."""
    return product.control.connections(product.account)


def own_connection(product: "Product", connection: str) -> Connection:
    """One of them.

    Raises:
        NotFoundError: It does not exist, or belongs to another account (which is not told apart).
    """
    own = {item.id: item for item in own_connections(product)}
    found = own.get(ConnectionId(connection.strip().lower()))
    if found is None:
        known = f"There are: {', '.join(own)}." if own else "There is none yet: see `metrifly connect --help`."
        account = product.control.account(product.account).name
        others = " For another account, say --account NAME." if len(product.accounting.every()) > 1 else ""
        raise NotFoundError(f"No connection is called {connection} in the account {account}. {known}{others}")
    return found
