"""A process of its own that takes what it gets of a budget; prints how much that was."""

import random
import sys

from metrifly_pipeline.control import open_store
from tests.contract.control.builders import NOW, TEN_AT_ONCE

if __name__ == "__main__":
    store = open_store(sys.argv[1], random.Random(1))
    sys.stdout.write(str(sum(store.take_budget("ip", TEN_AT_ONCE, 1, NOW) == 0.0 for _ in range(20))))
    store.close()
