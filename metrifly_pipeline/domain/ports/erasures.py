"""What the control database keeps of accounts that were deleted, until their last trace is gone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from metrifly_pipeline.domain.erasing import Erasure
from metrifly_pipeline.domain.ids import AccountId


class ErasureStore(Protocol):
    """Deleted accounts. Each method is one transaction; times are aware UTC."""

    def find_account(self, name: str) -> AccountId | None:
        """The account of that name, in any case of letters; none is made."""

    def delete_account(self, account: AccountId, erase_at: datetime, now: datetime) -> Erasure:
        """Delete everything of an account, credentials first, and number the change; a running sync loses its lease. NotFoundError."""

    def erasures(self) -> Sequence[Erasure]:
        """Deleted accounts of which something may be left, oldest first."""

    def hasten_erasure(self, erasure: int, erase_at: datetime) -> None:
        """Replaced files need not be kept longer than that; one that ended stays ended."""

    def note_rewritten(self, erasure: int, now: datetime) -> None:
        """The tables hold no row of it any more."""

    def end_erasure(self, erasure: int) -> None:
        """Nothing is left: forget that there was such an account."""
