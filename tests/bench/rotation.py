"""How long a change of the master key takes: `python -m tests.bench.rotation`. Ends with 1 where it takes longer than it may."""

import sys
import tempfile
import time
from pathlib import Path

from metrifly_pipeline.bootstrap import open_product
from metrifly_pipeline.settings import Settings
from tests.support.sealing import fill

ROWS = 10_000
TARGET_SECONDS = 30.0


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, open_product(Settings(home=Path(folder) / "home")) as product:
        fill(product, ROWS)
        begun = time.perf_counter()
        done = product.rekeying.rotate()
        seconds = time.perf_counter() - begun
        whole = product.rekeying.check().readable == {done.rotation.new: ROWS}
    told = (
        f"{done.moved:,} sealed rows rotated in {seconds:.1f} s (target {TARGET_SECONDS:.0f} s), all readable: {whole}"
    )
    sys.stdout.write(f"{told}\n")
    return 0 if whole and seconds <= TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
