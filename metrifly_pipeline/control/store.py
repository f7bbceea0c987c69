"""The control store: the families of methods in one object, and how to open it."""

import random
import time

from metrifly_pipeline.control.accounts import Accounts
from metrifly_pipeline.control.attention import Findings
from metrifly_pipeline.control.budgets import Budgets
from metrifly_pipeline.control.connections import Connections
from metrifly_pipeline.control.engine import open_engine, upgrade
from metrifly_pipeline.control.entries import Entries
from metrifly_pipeline.control.erasures import Erasures
from metrifly_pipeline.control.imports import Imports
from metrifly_pipeline.control.leases import Leases
from metrifly_pipeline.control.notifications import Notifications
from metrifly_pipeline.control.progress import Progress
from metrifly_pipeline.control.publishing import Publishing
from metrifly_pipeline.control.requests import Requests
from metrifly_pipeline.control.runs import Runs
from metrifly_pipeline.control.sealed_rows import SealedRows
from metrifly_pipeline.domain.ports import ControlStore, Sleep


class SqlControlStore(
    Accounts,
    Connections,
    Entries,
    Erasures,
    Imports,
    Leases,
    Progress,
    Requests,
    Runs,
    Findings,
    Publishing,
    Budgets,
    Notifications,
    SealedRows,
):
    """`domain.ports.ControlStore` on SQLite or PostgreSQL. Safe to share between threads."""


def open_store(
    url: str,
    rng: random.Random,
    *,
    sleep: Sleep = time.sleep,  # noqa: TID251 - the parameter's own default
) -> SqlControlStore:
    """Open the control database and bring its tables up to date.

    Args:
        url: `sqlite:///file` or `postgresql://...`.
        rng: Where new ids come from.
        sleep: Waits between attempts to reach a database that restarts.

    Returns:
        The store; `close()` lets go of its connections.

    Raises:
        RefusedError: The address is another database's, or the tables are a newer release's.
        StoreUnavailableError: The database does not answer.
    """
    engine = open_engine(url)
    try:
        upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    store = SqlControlStore(engine, rng, sleep)
    _: ControlStore = store  # the type checker holds the store to the contract here
    return store
