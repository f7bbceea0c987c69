"""Why a connection needs someone, and since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.reasons import MEANING, Level, Reason, remedy_for

GRACE = timedelta(days=3)
"""How long a transient reason may last before someone must act."""

MISMATCH_GRACE = timedelta(days=2)
"""How long balances may differ before it is a notice: trades executed during a sync mend themselves in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody knows of a notice and why it may stand: from when on, for which account, and in whose words."""

    at: datetime
    by: AccountId
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One reason that stands on one connection, since when, with what the exchange's facts add to it."""

    connection: ConnectionId
    reason: Reason
    since: datetime
    detail: str = ""
    """Our words: never a secret, a URL or a raw payload."""
    stream: str = ""
    acknowledged: Acknowledgement | None = None
    """Of a notice: given for exactly this detail. It goes when the detail changes or the notice is cleared."""

    @property
    def title(self) -> str:
        """What is the matter, in one line."""
        return MEANING[self.reason].title

    @property
    def remedy(self) -> str:
        """What to do, with the command that does it."""
        return remedy_for(self.reason, self.connection.rsplit("-", 1)[0], self.connection)

    def level(self, now: datetime) -> Level:
        """The level at `now`: a transient reason becomes `action` only after `GRACE`, a mismatch a notice after its own."""
        meaning = MEANING[self.reason]
        age = now - self.since
        if (meaning.transient and age < GRACE) or (self.reason is Reason.BALANCE_MISMATCH and age < MISMATCH_GRACE):
            return Level.INFO
        return meaning.level
