"""What people meet afterwards under `metrifly dev --postgres`, on the real clock: how long a sync now waits, how long Dagster's pages take."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from metrifly_pipeline.cli.postgres import running_postgres
from metrifly_pipeline.control import tables
from metrifly_pipeline.control.engine import open_engine
from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.settings import Settings
from tests.fleet.browser import Browser
from tests.support.dev import Dev, connect_kraken, metrifly

MOST_WAIT_SECONDS = 20.0
MOST_PAGE_SECONDS = 3.0
ROUNDS = 3
PATIENCE_SECONDS = 1_800
LATER = timedelta(days=30)
PAGES = {
    "the list of assets": ("/assets", "connection_status"),
    "trades": ("/assets/trades", "Executions"),
    "partitions of trades": ("/assets/trades?view=partitions", "binance-"),
    "checks of trades": ("/assets/trades?view=checks", "needs_attention"),
    "checks of connection_status": ("/assets/connection_status?view=checks", "Execution history"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """What was measured."""

    waits: Sequence[timedelta]
    """From a request until the sync that answers it begins."""
    pages: Mapping[str, Sequence[float]]
    """Seconds of each page, in each round."""
    missing: str = ""
    """Why there are no pages."""


def live(home: Path) -> Living:
    """Start everything on a fleet's home, ask for syncs, open pages, stop everything."""
    _let_nobody_be_due(home)
    with Dev(home, home, "--postgres", patience=PATIENCE_SECONDS) as dev:
        connect_kraken(home, home, **dev.variables)
        waits = [_waited(home, dev.variables) for _ in range(ROUNDS)]
        try:
            pages, missing = asyncio.run(_look(dev.url)), ""
        except OSError as why:  # no browser, one that went away, a page that does not come
            pages, missing = {}, str(why)
    return Living(waits=waits, pages=pages, missing=missing)


def lines(living: Living) -> Iterator[str]:
    """A line for each figure, with its verdict."""
    waited = ", ".join(f"{each.total_seconds():.1f}" for each in living.waits)
    yield _judged(f"sync now waits {waited} s", max(living.waits).total_seconds(), MOST_WAIT_SECONDS)
    for page, seconds in living.pages.items():
        taken = ", ".join(f"{each:.1f}" for each in seconds)
        yield _judged(f"Dagster's page of {page} takes {taken} s", max(seconds), MOST_PAGE_SECONDS)
    if living.missing:
        yield f"Dagster's pages: FAILED, {living.missing}"


def _judged(text: str, worst: float, most: float) -> str:
    return f"{text}: {'ok' if worst <= most else f'FAILED, above {most:.0f}'}"


def _let_nobody_be_due(home: Path) -> None:
    """The fleet's days lie in the past and its exchanges are gone: nobody is synced but who asks for it."""
    now = datetime.now(UTC)
    with running_postgres(Settings(home=home)) as variables:
        engine = open_engine(variables["METRIFLY_DATABASE_URL"])
        with engine.begin() as db:
            checked = dict.fromkeys(("last_checked_at", "last_success_at", "probed_at"), now)
            db.execute(update(tables.connections).values(next_due_at=now + LATER, retry_at=None, **checked))
        engine.dispose()


def _waited(home: Path, variables: Mapping[str, str]) -> timedelta:
    """Ask for a sync of the one connection whose exchange is there; how long until it began."""
    with closing(open_store(variables["METRIFLY_DATABASE_URL"], random.Random(0))) as control:
        newest = max(control.connections(), key=lambda each: each.created_at)
        done = metrifly("sync", newest.id, "--wait", cwd=home, **variables)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        asked = [each for each in control.requests(waiting=False) if each.connection == newest.id]
        request = max(asked, key=lambda each: each.filed_at)
        if request.answered_by is None:
            raise SystemExit(f"nobody answered: {done.stdout}")
        return control.run(request.answered_by).started_at - request.filed_at


async def _look(url: str) -> dict[str, list[float]]:
    """Each page several times; Dagster's scripts lie in the browser's cache, as with anybody who was there before."""
    taken: dict[str, list[float]] = {page: [] for page in PAGES}
    async with Browser.opened() as browser:
        await browser.seconds_until(f"{url}/assets", "connection_status")
        for _ in range(ROUNDS):
            for page, (path, shown) in PAGES.items():
                taken[page].append(await browser.seconds_until(url + path, shown))
    return taken
