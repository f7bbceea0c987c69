"""A process that deletes an account as the command does, and kills itself at a labelled point.

It is forked from a server that has imported this module: what takes longest, importing, is done once.
"""

import os
import signal
from collections import Counter
from datetime import datetime
from pathlib import Path

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.settings import Settings
from tests.scenarios.erasing import nothing_at_dagster


def main(folder: Path, label: str, hit: int, now: datetime) -> None:
    """Delete Ann's account, with `--now`, until the plug is pulled: when the label is reached for the `hit`-th time."""
    reached_so_often: Counter[str] = Counter()

    def reach(reached: str) -> None:
        reached_so_often[reached] += 1
        if reached_so_often[label] == hit:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_product(Settings(home=folder), clock=lambda: now, reach=reach) as product:
        account = product.control.find_account("Ann Example")
        assert account is not None
        product.erasing.begin(account, at_once=True)
        product.publishing.publish()
        product.erasing.finish(nothing_at_dagster)
