"""`metrifly sync` and `metrifly rebuild`: ask for syncs, wait for their answers, or run them in this process."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from metrifly_pipeline.cli.acting import said
from metrifly_pipeline.cli.doors import Doors, doors_of, opened, own_connection, own_connections
from metrifly_pipeline.cli.render import Col, complain, count, print_json, say, table
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import SyncKind, SyncRequest
from metrifly_pipeline.domain.trouble import MetriflyError, RefusedError

if TYPE_CHECKING:
    from metrifly_pipeline.bootstrap import Product
    from metrifly_pipeline.services.requesting import Answer

POLL_SECONDS = 1.0
POLLS_BETWEEN_LIFE_SIGNS = 30
_SYNC_FAILED = (
    "Metrifly itself failed while syncing. Nothing is lost: what had landed stays, and the next sync goes on from there. "
    "Try again; if it fails again, report it with {}."
)
_PUBLISH_FAILED = (
    "What was synced is stored, but Metrifly itself failed to publish it: queries still show what was published before. "
    "Try again; if it fails again, report it with {}."
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request and what became of it."""

    request: SyncRequest
    answer: "Answer"


@dataclass(slots=True)
class Here:
    """What syncing in this process came to."""

    asked: list[Asked] = field(default_factory=list)
    fault: str = ""
    """What to tell where Metrifly itself failed; empty where it did not."""


def sync(
    context: typer.Context,
    connection: Annotated[str | None, typer.Argument(metavar="CONNECTION", help="Which one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every connection.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Run it in this process, without the daemon.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait, and say what became of it.")] = False,
    as_json: Json = False,
) -> None:
    """Sync now."""
    if (connection is None) == (not every):
        raise typer.BadParameter("name a connection, or say --all")
    doors = doors_of(context)
    with opened(context) as product:
        wanted = _wanted(product, connection)
        requests = requests_for(product, wanted)
        if here:
            done = sync_here(doors, product, requests)
        else:
            _need_daemon(doors, product, connection)
            done = Here(_wait(doors, product, requests, connection) if wait else _answers(product, requests))
        show_answers(done.asked, partial(said, context), as_json=as_json)
        if here:
            with suppress(MetriflyError):  # they wait for the next time; the sync is done and answered
                product.notifying.deliver()
    if done.fault:
        raise RefusedError(done.fault)
    if any(not one.answer.ok for one in done.asked):
        raise typer.Exit(1)


def _wanted(product: "Product", connection: str | None) -> list[ConnectionId]:
    if connection is not None:
        found = own_connection(product, connection)
        if found.disconnected_at is not None:
            message = f"{found.id} is disconnected. To connect it again: `metrifly reconnect {found.id}`."
            raise RefusedError(message)
        return [found.id]
    live = [item.id for item in own_connections(product) if item.disconnected_at is None]
    if not live:
        raise RefusedError("There is no connection to sync. Find your exchange: `metrifly exchanges`.")
    return live


def requests_for(product: "Product", connections: Sequence[ConnectionId]) -> list[SyncRequest]:
    """A request of each: the first import where that waits anyway, else a new one."""
    waiting = product.control.requests(waiting=True, kinds=[SyncKind.FIRST_IMPORT])
    first = {request.connection: request for request in waiting}
    return [first[each] if each in first else product.requesting.file([each])[0] for each in connections]


def sync_here(doors: Doors, product: "Product", requests: Sequence[SyncRequest]) -> Here:
    """Run what waits for these connections, and what continues it, in this process; then publish.

    Where another process is syncing one of them, wait until that has finished, or until its lease has run out because it died.
    """
    newest = {request.connection: request for request in requests}
    here = Here()
    while not here.fault:
        batches = product.requesting.batches(only=set(newest))
        if not batches and not _behind_another(product, newest.values()):
            break
        logs = [doors.run_here(product.settings, batch) for batch in batches]
        here.fault = "".join(_SYNC_FAILED.format(log) for log in logs if log)
        if not batches:
            doors.sleep(POLL_SECONDS)
        continued = [item for item in product.control.requests(waiting=True) if item.connection in newest]
        newest |= {item.connection: item for item in continued}
    log = doors.publish_here(product.settings)
    here.fault = here.fault or (_PUBLISH_FAILED.format(log) if log else "")
    here.asked = _answers(product, list(newest.values()))
    return here


def _behind_another(product: "Product", requests: Iterable[SyncRequest]) -> bool:
    """Whether a sync of another process stands before one of these."""
    running = product.control.leased(product.clock())
    behind = [request for request in requests if request.connection in running]
    return any(not product.requesting.answer(request).done for request in behind)


def _need_daemon(doors: Doors, product: "Product", connection: str | None) -> None:
    if doors.daemon_alive(product.settings):
        return
    raise RefusedError(
        "The request waits, but no daemon is running to start it. Start the daemon with `metrifly dev`, or sync in this "
        f"process: `metrifly sync {connection or '--all'} --here`."
    )


def _wait(doors: Doors, product: "Product", requests: Sequence[SyncRequest], connection: str | None) -> list[Asked]:
    told: dict[int, str] = {}
    polls = 0
    while True:
        asked = _answers(product, requests)
        if all(one.answer.done for one in asked):
            return asked
        for one in asked:
            if told.get(one.request.id) != one.answer.text and not one.answer.done:
                complain(f"{one.request.connection}: {one.answer.text}")
                told[one.request.id] = one.answer.text
        polls += 1
        if polls % POLLS_BETWEEN_LIFE_SIGNS == 0:
            _need_daemon(doors, product, connection)
        doors.sleep(POLL_SECONDS)


def _answers(product: "Product", requests: Sequence[SyncRequest]) -> list[Asked]:
    return [Asked(request=request, answer=product.requesting.answer(request)) for request in requests]


def show_answers(asked: Sequence[Asked], say_it: Callable[[str], str] = str, *, as_json: bool = False) -> None:
    """Print what became of each, with the commands of a remedy as `say_it` has them."""
    if as_json:
        print_json([_json(one) for one in asked])
    else:
        table(
            [Col("connection", whole=True), Col("")],
            [(one.request.connection, say_it(one.answer.text)) for one in asked],
        )


def _json(one: Asked) -> dict[str, object]:
    return {
        "connection": one.request.connection,
        "request": one.request.id,
        "done": one.answer.done,
        "ok": one.answer.ok,
        "text": one.answer.text,
        "cured": one.answer.cured,
    }


def rebuild(
    context: typer.Context, connection: Annotated[str, typer.Argument(metavar="CONNECTION")], as_json: Json = False
) -> None:
    """Make a connection's tables again from its raw records."""
    with opened(context) as product:
        found = own_connection(product, connection)
        reports = list(product.syncing.normalize_only([found.id], rebuild=True))
        if not reports:
            raise RefusedError(f"A sync of {found.id} is running. Wait until it has finished, then try again.")
        product.publishing.publish()
        view = product.listing.view(found.id)
    if not all(report.succeeded for report in reports):
        raise RefusedError(f"{found.id} was taken over by another process; nothing was changed. Try again.")
    if as_json:
        print_json({"connection": found.id, "trades": view.trades, "movements": view.movements})
        return
    say(f"Rebuilt {found.id}: {count(view.trades, 'trade')}, {count(view.movements, 'movement')}.")
