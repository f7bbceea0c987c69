"""A worker process that syncs and publishes until nothing waits, and kills itself at a labelled point when told to.

The home's connections and requests are there already. Between two rounds a trade happens at the exchange, so that every round reaches
every point. The process is forked from a server that has imported this module: what takes longest, importing, is done once.
"""

import faulthandler
import json
import os
import signal
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from metrifly_pipeline.bootstrap import open_product, real_clock
from metrifly_pipeline.exchanges.client import client_class
from metrifly_pipeline.services.landing import Landing
from metrifly_pipeline.settings import Settings

GROUP_RECORDS = 120
"""A few pages: small enough for several commits, more than what a resumed scan reads again anyway."""

ROUNDS = 30
"""Syncs and publishes of one worker that nobody kills; more than any hit that is asked for."""


def killer(label: str, hit: int) -> Callable[[str], None]:
    """Count how often `label` is reached and pull the plug at the `hit`-th time."""
    left = hit

    def reach(reached: str) -> None:
        nonlocal left
        if reached == label:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def cursor_first(landing: Landing, turns: list) -> None:
    """The wrong order, as a control: the cursor moves before the files are there."""
    landing._move(turns, {turn.connection.id: turn.next_number for turn in turns})
    landing._reach("cursor.before")
    landing._land(turns)


def let_trade_happen(admin: str) -> None:
    """Ask the local exchange for one more trade."""
    body = json.dumps({"exchange": "kraken"}).encode()
    request = urllib.request.Request(f"{admin}/trade", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - loopback


def work(home: Path, reach: Callable[[str], None], ahead: timedelta, admin: str) -> None:
    """Sync whatever waits and publish, a few times over."""
    settings = Settings(home=home, limit_scale=1_000_000.0)
    with open_product(
        settings, clock=lambda: real_clock() + ahead, reach=reach, group_records=GROUP_RECORDS
    ) as product:
        for _round in range(ROUNDS):
            while batches := product.requesting.batches():
                for batch in batches:
                    list(product.syncing.sync(batch.connections, batch.kind))
            product.publishing.publish()
            let_trade_happen(admin)
            product.requesting.file([connection.id for connection in product.control.connections()])


def main(home: Path, label: str, hit: int, ahead: timedelta, admin: str, *, wrong_order: bool) -> None:
    """Work until the plug is pulled."""
    faulthandler.enable()
    if wrong_order:
        Landing._land_then_move = cursor_first
    work(home, killer(label, hit), ahead, admin)


client_class("kraken")  # imports ccxt, once for all
