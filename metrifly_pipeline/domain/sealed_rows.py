"""What is sealed under a master key, wherever it is stored: what a change of that key has to move."""

from dataclasses import dataclass
from enum import StrEnum

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.status import SealedCredential


class Shelf(StrEnum):
    """The tables that hold sealed rows."""

    CREDENTIALS = "credentials"
    RECEIVERS = "receivers"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One sealed row and what its seal is bound to."""

    shelf: Shelf
    account: AccountId
    sealed: SealedCredential

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands on its shelf; a listing goes on after it."""
        return (self.sealed.connection, self.sealed.version)

    @property
    def cure(self) -> str:
        """The command that replaces it where it can't be opened any more."""
        command = "replace-key" if self.shelf is Shelf.CREDENTIALS else "notify remove"
        return f"metrifly {command} {self.sealed.connection}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The two master keys of a rotation, by their fingerprints."""

    old: str
    new: str
