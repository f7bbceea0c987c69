"""Making up an account's whole history: the same seed gives the same ledger of truth, to the last digit.

No balance is negative at any moment: whatever is spent was deposited, bought or earned before.
"""

import random

from metrifly_pipeline.sandbox.history import History
from metrifly_pipeline.sandbox.profiles import Profile, profile_of
from metrifly_pipeline.sandbox.revise import revise
from metrifly_pipeline.sandbox.slots import plan_slots
from metrifly_pipeline.sandbox.truth import TruthAccount

DAY_US = 86_400_000_000
QUIET_US = 2 * 3_600_000_000
"""Nothing happens in the last two hours before now."""
STEP_US = 2_000
"""Events fall on even milliseconds; what must come just before one (a deposit) takes the odd one."""


def generate(
    exchange: str, seed: int, *, trades: int, now_us: int, profile: Profile | None = None, span_days: int | None = None
) -> TruthAccount:
    """Make up an account.

    Args:
        exchange: Whose profile and dialect it gets.
        seed: The same seed, number of trades and now give the same account.
        trades: How many executions.
        now_us: The end of the history, microseconds since 1970 UTC.
        profile: Another one than the exchange's own.
        span_days: Another length than the profile's.

    Raises:
        ModuleNotFoundError: The exchange has no profile.
    """
    profile = profile or profile_of(exchange)
    rng = random.Random(f"{exchange}:{seed}")
    slots = plan_slots(rng, trades)
    start_us = now_us - (span_days or profile.span_days) * DAY_US
    moments = _moments(rng, len(slots), start_us, now_us - QUIET_US)
    history = History(profile, rng)
    for slot, moment in zip(slots, moments, strict=True):
        history.happen(slot, moment, age=(moment - start_us) / (now_us - start_us))
    key = profile.key(rng)
    account = TruthAccount(
        exchange=exchange,
        uid=profile.uid(rng),
        markets={plan.market.code: plan.market for plan in profile.plans},
        trades=history.trades,
        movements=history.movements,
        counters=history.counters,
        keys={key.api_key: key},
    )
    revise(account, rng, now_us)
    return account


def empty_account(exchange: str, seed: int, *, profile: Profile | None = None) -> TruthAccount:
    """An account in which nothing has happened yet, with a read-only key."""
    profile = profile or profile_of(exchange)
    rng = random.Random(f"{exchange}:{seed}")
    key = profile.key(rng)
    return TruthAccount(
        exchange=exchange,
        uid=profile.uid(rng),
        markets={plan.market.code: plan.market for plan in profile.plans},
        trades=[],
        movements=[],
        keys={key.api_key: key},
    )


def _moments(rng: random.Random, count: int, start_us: int, end_us: int) -> list[int]:
    """Different moments in order, on even milliseconds."""
    steps = range(-(-start_us // STEP_US), end_us // STEP_US)
    return [step * STEP_US for step in sorted(rng.sample(steps, count))]
