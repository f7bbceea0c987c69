"""Run the bench: each side in a fresh process, in turn, and judge the medians."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.measured import Measurement

EXCHANGES = ("kraken", "binance", "okx")
NOW_RATIO, NOW_MB = 0.7, 600.0
TARGET_RATIO, TARGET_MB = 1.0, 500.0
_ROW = "{:<9}{:>7}{:>11}{:>11}{:>11}{:>11}{:>10}{:>10}  {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Both sides of one exchange."""

    exchange: str
    floor: Sequence[Measurement]
    ours: Sequence[Measurement]
    exact: bool

    @property
    def ratio(self) -> float:
        """Floor's seconds over ours: 1 is as fast as the floor, above is faster."""
        return _seconds(self.floor) / _seconds(self.ours)

    @property
    def peak_mb(self) -> float:
        """The highest of all rounds."""
        return max(each.peak_mb for each in self.ours)

    @property
    def good(self) -> bool:
        """Whether what must hold now holds."""
        return self.exact and self.ratio >= NOW_RATIO and self.peak_mb <= NOW_MB

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.exact:
            return "WRONG SUMS"
        wrong = [
            text
            for text, missed in (
                (f"slower than {NOW_RATIO}", self.ratio < NOW_RATIO),
                (f"above {NOW_MB:.0f} MB", self.peak_mb > NOW_MB),
            )
            if missed
        ]
        if wrong:
            return f"FAILED: {', '.join(wrong)}"
        return "target met" if self.ratio >= TARGET_RATIO and self.peak_mb <= TARGET_MB else "good; target not met"


def _seconds(runs: Sequence[Measurement]) -> float:
    return statistics.median(each.seconds for each in runs)


@contextmanager
def _serving(exchange: str, trades: int) -> Iterator[tuple[str, list[str]]]:
    """The page server: its address, and the sums of what it serves."""
    now_us = time.time_ns() // 1_000
    command = [sys.executable, "-m", "tests.bench.server", exchange, str(trades), str(now_us)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = json.loads(server.stdout.readline())
            yield f"http://127.0.0.1:{said['port']}", said["sums"]
        finally:
            server.terminate()


def _run(side: str, exchange: str, base_url: str) -> Measurement:
    with tempfile.TemporaryDirectory(prefix=f"bench-{side}-") as folder:
        command = [sys.executable, "-m", f"tests.bench.{side}", exchange, base_url, folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def compare(exchange: str, trades: int, rounds: int) -> Result:
    """Run both sides in turn, beside one page server."""
    floor, ours = [], []
    with _serving(exchange, trades) as (base_url, sums):
        for _ in range(rounds):
            ours.append(_run("product", exchange, base_url))
            floor.append(_run("floor", exchange, base_url))
    exact = all(list(each.sums) == sums for each in ours)
    if not exact:
        print(f"{exchange}: expected {sums}\n  got {[each.sums for each in ours]}", file=sys.stderr)
    return Result(exchange=exchange, floor=floor, ours=ours, exact=exact)


def _show(result: Result) -> None:
    ours = sorted(result.ours, key=lambda each: each.seconds)[len(result.ours) // 2]
    cells = (
        f"{result.ratio:.2f}",
        f"{_seconds(result.floor):.2f} s",
        f"{ours.seconds:.2f} s",
        f"{ours.own_cpu:.2f} s",
        f"{ours.server_cpu / ours.seconds:.0%}",
        ours.requests,
        f"{result.peak_mb:.0f} MB",
    )
    print(_ROW.format(result.exchange, *cells, result.verdict), flush=True)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--trades", type=int, default=200_000)
    parser.add_argument("--exchange", choices=EXCHANGES, action="append", help="one or more; all by default")
    parser.add_argument("--rounds", type=int, choices=(1, 2, 3), default=3)
    asked = parser.parse_args()
    print(
        f"First import of {asked.trades:,} trades from pre-rendered pages, raw, normalised and published, beside a floor that fetches,\n"
        f"writes and types the same pages and nothing else. Medians of {asked.rounds}, each in a fresh process, in turn.\n"
        f"Now: ratio (floor's seconds over ours) at least {NOW_RATIO}, at most {NOW_MB:.0f} MB; target {TARGET_RATIO} and {TARGET_MB:.0f} MB.\n"
    )
    print(_ROW.format("exchange", "ratio", "floor", "ours", "our CPU", "server", "requests", "peak", "verdict"))
    results = []
    for exchange in asked.exchange or EXCHANGES:
        results.append(compare(exchange, asked.trades, asked.rounds))
        _show(results[-1])
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
