"""When a request is asked again: backing off with jitter, bounded in tries and in time, never for a reason that waiting can't mend."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

Sleep = Callable[[float], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one request is pursued."""

    tries: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    limit_wait_seconds: float = 5.0
    """First wait after a rate limit that names no time of its own."""
    total_wait_seconds: float = 300.0
    lockout_seconds: float = 900.0
    """How long all wait after a rate limit that says not to try again: Kraken locks an address out for 15 minutes."""

    def wait(self, trouble: ExchangeTroubleError, attempt: int, rng: random.Random) -> float:
        """Seconds before try number `attempt + 1`: at least what the exchange asked for, else doubling, with jitter on top."""
        if not trouble.retry:
            return max(self.lockout_seconds, trouble.retry_after_seconds or 0.0)
        base = self.limit_wait_seconds if trouble.reason is Reason.RATE_LIMITED else self.first_wait_seconds
        backoff = min(base * 2.0 ** (attempt - 1), self.longest_wait_seconds) * (1 + rng.random() / 2)
        return max(backoff, trouble.retry_after_seconds or 0.0)


def pursue(
    ask: Callable[[], T],
    *,
    patience: Patience,
    sleep: Sleep,
    rng: random.Random,
    limited: Callable[[ExchangeTroubleError, float], None],
) -> T:
    """Ask until it works, the patience ends or the reason is one that waiting can't mend.

    Args:
        ask: One try; raises ExchangeTroubleError.
        patience: Bounds.
        sleep: Waits for seconds.
        rng: Source of the jitter.
        limited: Told of a rate limit and how long everybody who shares it must wait, before we wait ourselves.

    Raises:
        ExchangeTroubleError: The last trouble. Of a rate limit it says how long to wait yet.
    """
    waited = 0.0
    attempt = 1
    while True:
        try:
            return ask()
        except ExchangeTroubleError as trouble:
            if not trouble.retry and trouble.reason is not Reason.RATE_LIMITED:
                raise
            wait = patience.wait(trouble, attempt, rng)
            if trouble.reason is Reason.RATE_LIMITED:
                limited(trouble, wait)
            waited += wait
            attempt += 1
            if not trouble.retry or attempt > patience.tries or waited > patience.total_wait_seconds:
                trouble.retry_after_seconds = wait if trouble.reason is Reason.RATE_LIMITED else None
                raise
        sleep(wait)
