"""What `python -m tests.fleet` says of a fleet: a line each, with its verdict where there is one."""

import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from statistics import median

from tests.fleet.figures import GIGABYTE
from tests.fleet.running import Outcome
from tests.fleet.week import SENSORS, Tick

DAY_SECONDS = 86_400
NOW_CPU, TARGET_CPU = 0.1, 0.03
"""CPU-seconds a connection and day, in services plus Dagster."""
NOW_GROWTH, TARGET_GROWTH = 1.3, 1.1
OBJECTIVE = 0.99
MOST_ACTIONS = 0.02
SHOWN_ROWS = 8
SHOWN_WRONG = 10
STARTS = 5


def lines(outcome: Outcome, start_seconds: float) -> list[str]:
    """Say how a fleet fared; `start_seconds` is the CPU-time that a run's process takes before it does anything."""
    plan = outcome.plan
    whole = (
        f"{plan.connections} connections over {plan.days} days, a tick every {plan.tick}; {outcome.seen.runs} runs, "
        f"{outcome.requests} requests; {outcome.wall_seconds:.0f} s, founded with {outcome.founding_cpu:.0f} CPU-seconds, "
        f"the exchanges took {outcome.exchange_cpu:.0f}"
    )
    return [whole, *_fared(outcome), *_cost(outcome, start_seconds), *_grown(outcome)]


def _fared(outcome: Outcome) -> Iterator[str]:
    verdict, seen = outcome.verdict, outcome.seen
    yield _judged(
        f"objective: at the worst hour {outcome.objective:.2%} checked within 26 h, the longest unchecked {seen.oldest_hours:.1f} h",
        outcome.objective >= OBJECTIVE,
    )
    yield _judged(f"{verdict.compared} records compared, {verdict.lost} lost", not verdict.lost)
    yield _judged(f"{verdict.doubled} doubled", not verdict.doubled)
    yield from (f"    {text}" for text in verdict.wrong[:SHOWN_WRONG])
    yield _judged(f"{len(seen.faults)} runs failed by our own fault", not seen.faults)
    yield from (f"    {text}" for text in seen.faults[:SHOWN_WRONG])
    shown = ", ".join(f"{cause} {count}" for cause, count in sorted(verdict.causes_shown.items()))
    yield _judged(
        f"causes shown as their own reason: {shown}; missed {len(verdict.causes_missed)}", not verdict.causes_missed
    )
    yield from (f"    {text}" for text in verdict.causes_missed[:SHOWN_WRONG])
    yield _judged(
        f"level action without a cause: {len(verdict.actions_without_cause)} ({outcome.actions_without_cause:.2%})",
        outcome.actions_without_cause <= MOST_ACTIONS,
    )


def _cost(outcome: Outcome, start_seconds: float) -> Iterator[str]:
    each = cpu_each(outcome)
    total = sum(each.values())
    yield f"CPU-seconds a connection and day, in services and Dagster: {total:.4f}: {_word(total, NOW_CPU, TARGET_CPU)}"
    starts = _per_day(outcome, start_seconds * outcome.seen.runs)
    yield f"    beside them: PostgreSQL {_per_day(outcome, outcome.postgres_cpu):.4f}, starts of the runs' processes {starts:.4f}"
    yield from (f"    {use}: {seconds:.4f}" for use, seconds in sorted(each.items(), key=lambda item: -item[1]))
    if outcome.one_run_each:
        seconds = median(outcome.one_run_each)
        yield (
            f"control: {len(outcome.one_run_each)} connections with a run each take {seconds + start_seconds:.3f} CPU-seconds a "
            f"connection, {start_seconds:.2f} of it the start of a process"
        )


def cpu_each(outcome: Outcome) -> Mapping[str, float]:
    """CPU-seconds a connection and day, by use: ticks at the pace of a real daemon, whatever pace they were simulated at."""
    costs, plan = outcome.costs, outcome.plan
    paces = {f"ticks of {sensor.name}": sensor.seconds for sensor in SENSORS} | {Tick.SCHEDULE: 300}
    found = {}
    for use, seconds in costs.seconds.items():
        if use in paces:
            found[use] = seconds / costs.times[use] * (DAY_SECONDS / paces[use]) / plan.connections
        else:
            found[use] = _per_day(outcome, seconds)
    return found


def _per_day(outcome: Outcome, seconds: float) -> float:
    return seconds / outcome.plan.connections / outcome.plan.days


def _grown(outcome: Outcome) -> Iterator[str]:
    before, after = outcome.before, outcome.after
    databases = (after.database_bytes - before.database_bytes) / GIGABYTE
    lake = (after.lake_bytes - before.lake_bytes) / GIGABYTE
    rows = outcome.after.grown(before)
    yield f"grown: databases {databases:+.3f} GB, lake {lake:+.3f} GB, {sum(rows.values())} rows"
    yield from (f"    {table} {count:+}" for table, count in list(rows.items())[:SHOWN_ROWS])


def growth(ratios: Mapping[str, float], long: int, short: int) -> list[str]:
    """Say what a sync with a long history costs, measured in those with a short one."""
    return [
        f"{exchange}: a sync with {long} trades takes {ratio:.2f} times the CPU of one with {short}: "
        f"{_word(ratio, NOW_GROWTH, TARGET_GROWTH)}"
        for exchange, ratio in ratios.items()
    ]


def start_of_a_run() -> float:
    """CPU-seconds of a process that loads the definitions and opens nothing: what each run of Dagster begins with."""
    code = "import metrifly_pipeline.bootstrap, metrifly_pipeline.definitions"
    used = []
    for _ in range(STARTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(used)


def _judged(text: str, good: bool) -> str:  # noqa: FBT001 - a verdict
    return f"{text}: {'ok' if good else 'FAILED'}"


def _word(value: float, now: float, target: float) -> str:
    if value > now:
        return f"FAILED, above {now}"
    return "ok, target met" if value <= target else f"ok, target {target}"
