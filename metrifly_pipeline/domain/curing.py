"""Which reasons a good sync cures, and how that is said. Pure."""

from collections.abc import Collection

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.reasons import MEANING, Family, Level, Reason

CURED_BY_A_SYNC = frozenset(
    reason
    for reason, meaning in MEANING.items()
    if meaning.level is not Level.INFO
    and meaning.family not in (Family.BALANCES_RECONCILE, Family.NO_QUARANTINE)
    and reason not in (Reason.HISTORY_LIMITED, Reason.COVERAGE_GAP, Reason.STALE)
)
"""Reasons that a good sync proves to be gone: those of the key, its permissions and the way to the exchange.

The others are judged by what lies in the lake and in entries, whenever a publish looks.
"""


def cured_by(ailing: Collection[Reason], standing: Collection[Attention]) -> list[Reason]:
    """What of `ailing` no longer stands, in the order of the table of reasons."""
    left = {item.reason for item in standing}
    return [reason for reason in Reason if reason in ailing and reason not in left]


def in_words(reasons: str) -> str:
    """Stored reasons as a person reads them."""
    return "; ".join(MEANING[Reason(each)].title for each in reasons.split())
