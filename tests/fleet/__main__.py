"""Run a fleet on a PostgreSQL of its own and judge it: `python -m tests.fleet [--connections N] [--days D] [--home FOLDER] ...`.

Each line ends with its verdict; the status is 1 where one says FAILED. With `--home` the folder stays, and `METRIFLY_HOME=FOLDER metrifly dev
--postgres` opens the fleet with its whole history.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from metrifly_pipeline.cli.postgres import running_postgres
from metrifly_pipeline.settings import Settings
from tests.fleet import grown, living, report
from tests.fleet.plan import Plan
from tests.fleet.running import dagster_on, run

SINGLE = 50
"""Connections that are synced by a run each, for comparison."""


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--patterns", type=int, default=10, help="different histories per exchange")
    parser.add_argument("--tick-minutes", type=int, default=5, help="how often schedule and sensors are looked after")
    parser.add_argument("--home", type=Path, help="keep everything in this new folder")
    parser.add_argument("--history", type=int, default=1_000_000, help="trades of the long history; 0 leaves that out")
    return parser.parse_args()


@contextmanager
def _home(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="metrifly-fleet-") as folder:
        yield Path(folder)


@contextmanager
def _databases(home: Path) -> Iterator[Mapping[str, str]]:
    """The PostgreSQL that `metrifly dev --postgres` would start on this home."""
    with running_postgres(Settings(home=home)) as variables:
        os.environ.update(variables)
        try:
            yield {"control": variables["METRIFLY_DATABASE_URL"], "dagster": variables["METRIFLY_DAGSTER_URL"]}
        finally:
            for name in variables:
                os.environ.pop(name, None)


def main() -> int:
    """Run what the command line asks for."""
    asked = _asked()
    plan = Plan(
        connections=asked.connections,
        days=asked.days,
        patterns=asked.patterns,
        tick=timedelta(minutes=asked.tick_minutes),
    )
    lines: list[str] = []
    with _home(asked.home) as home:
        with _databases(home) as urls, dagster_on(home / "dagster-postgres") as instance:
            outcome = run(plan, Settings(home=home), urls, instance, single=SINGLE)
        lines += _told(report.lines(outcome, report.start_of_a_run()))
        lines += _told(living.lines(living.live(home)))
    if asked.history:
        lines += _told(report.growth(grown.measure(asked.history), asked.history, grown.SHORT))
    return int(any("FAILED" in line for line in lines))


def _told(lines: Iterable[str]) -> list[str]:
    """Each part is told as soon as it is known: it took hours."""
    told = list(lines)
    sys.stdout.write("\n".join(told) + "\n")
    sys.stdout.flush()
    return told


if __name__ == "__main__":
    sys.exit(main())
