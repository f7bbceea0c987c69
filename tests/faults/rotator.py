"""A process that rotates the master key of a home and dies at a labelled point, without a chance to tidy up."""

import os
import signal
import sys
from pathlib import Path

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.settings import Settings

BATCH = 5


def main(home: Path, label: str, hit: int) -> None:
    reached = 0

    def reach(here: str) -> None:
        nonlocal reached
        reached += here == label
        if reached == hit:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_product(Settings(home=home), reach=reach) as product:
        product.rekeying.rotate(BATCH)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
