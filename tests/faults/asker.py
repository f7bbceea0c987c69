"""A worker process that asks the local exchange for one thing, over and over, within the budget that it shares with others.

The process is forked from a server that has imported this module, as the workers are.
"""

import random
import time
from contextlib import closing
from multiprocessing.connection import Connection

from metrifly_pipeline.bootstrap import real_clock
from metrifly_pipeline.control import open_store
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.exchanges.client import client_class
from metrifly_pipeline.exchanges.gateway import Gateway
from metrifly_pipeline.exchanges.retrying import Patience
from metrifly_pipeline.services.budgeting import SharedBudget

ASKED = "publicGetPublicInstruments"


def main(control_url: str, base_url: str, lane: str, times: int, told: Connection) -> None:
    """Ask `times` times, then tell how many seconds it was told to wait."""
    waited = 0.0

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        time.sleep(seconds)

    store = open_store(control_url, random.Random(1))
    budget = SharedBudget(store, real_clock, sleep).lane(Lane[lane])
    gateway = Gateway(clock=real_clock, sleep=sleep, patience=Patience(limit_wait_seconds=0.5))
    with closing(
        gateway.open("okx", Credential("key", "secret", "phrase"), base_url=base_url, budget=budget)
    ) as session:
        for _ in range(times):
            session.call(ASKED, {"instType": "SPOT"})
    store.close()
    told.send(waited)


client_class("okx")  # imports ccxt, once for all
