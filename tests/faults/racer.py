"""A process that wants to sync a connection whenever it is told to, and tells what became of it.

Whoever got the connection stands still with its first records in hand until all others have given up: nobody can come second by being slow.
The process is forked from a server that has imported this module, as the workers are.
"""

from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from metrifly_pipeline.bootstrap import open_product, real_clock
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import SyncKind
from metrifly_pipeline.exchanges.client import client_class
from metrifly_pipeline.settings import Settings
from tests.faults.worker import GROUP_RECORDS

GO, GOT_IT, LEFT_OUT, SYNCED = "go", "got it", "left out", "synced"


def main(home: Path, connection: ConnectionId, ahead: timedelta, parent: Connection) -> None:
    """Sync at each `GO`, until the process is ended."""
    holding = False

    def reach(label: str) -> None:
        nonlocal holding
        if label == "land.before_commit" and not holding:
            holding = True
            parent.send(GOT_IT)
            parent.recv()

    settings = Settings(home=home, limit_scale=1_000_000.0)
    with open_product(
        settings, clock=lambda: real_clock() + ahead, reach=reach, group_records=GROUP_RECORDS
    ) as product:
        while parent.recv():
            holding = False
            reports = list(product.syncing.sync([connection], SyncKind.SYNC_NOW))
            if reports and not holding:
                run = reports[0].run
                parent.send(f"{SYNCED} and landed nothing: {run.outcome.value} {run.reason} {run.detail}")
            else:
                parent.send(SYNCED if reports else LEFT_OUT)


client_class("kraken")  # imports ccxt, once for all
