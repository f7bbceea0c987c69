"""A worker process that asks the local exchange for one thing, over and over, within the budget that it shares with others.

Run as `python -m tests.faults.asker CONTROL_URL BASE_URL LANE TIMES`; prints one line of JSON: seconds it was told to wait.
"""

import json
import random
import sys
import time
from contextlib import closing

from metrifly_pipeline.bootstrap import real_clock
from metrifly_pipeline.control import open_store
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.exchanges.gateway import Gateway
from metrifly_pipeline.exchanges.retrying import Patience
from metrifly_pipeline.services.budgeting import SharedBudget

ASKED = "publicGetPublicInstruments"


def main(control_url: str, base_url: str, lane: str, times: str) -> None:
    """Ask `times` times."""
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
        for _ in range(int(times)):
            session.call(ASKED, {"instType": "SPOT"})
    store.close()
    sys.stdout.write(json.dumps({"waited": waited}))


if __name__ == "__main__":
    main(*sys.argv[1:])
