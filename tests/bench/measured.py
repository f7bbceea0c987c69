"""One side's measurement, taken in its own process and printed as one line of JSON."""

import json
import resource
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run of one side took."""

    seconds: float
    """Wall clock from the first request to the readable result; starting Python and importing libraries isn't in it."""
    own_cpu: float
    server_cpu: float
    requests: int
    peak_mb: float
    sums: Sequence[str]


def measure(base_url: str, work: Callable[[], None], sums: Callable[[], Sequence[str]]) -> Measurement:
    """Run `work`, then see what it came to."""
    before, own, started = _used(base_url), time.process_time(), time.perf_counter()
    work()
    seconds, own_cpu, after = time.perf_counter() - started, time.process_time() - own, _used(base_url)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measurement(
        seconds=seconds,
        own_cpu=own_cpu,
        server_cpu=after["cpu"] - before["cpu"],
        requests=int(after["requests"] - before["requests"]),
        peak_mb=peak_mb,
        sums=sums(),
    )


def report(measurement: Measurement) -> None:
    """Print it for the bench."""
    print(json.dumps(asdict(measurement)), flush=True)  # noqa: T201 - the line the bench reads


def _used(base_url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{base_url}/_used") as answer:  # noqa: S310 - loopback, an address of our own
        return dict(json.load(answer))
