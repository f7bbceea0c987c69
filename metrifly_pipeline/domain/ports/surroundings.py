"""What a service is handed instead of reaching for it: the time, waiting, and the labelled points of its way."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Clock = Callable[[], datetime]
"""Tells the time, aware UTC."""
Sleep = Callable[[float], None]
"""Waits for seconds."""
Reach = Callable[[str], None]
"""Called at each labelled point of landing, moving the cursor, normalising and publishing; the product's own does nothing."""


def reach_nothing(_label: str) -> None:
    """The product's own `Reach`: go on."""


class Journal(Protocol):
    """Writes down that something happened. Ids, numbers and fixed words only: never a secret, a label or an exchange's own text."""

    def __call__(self, event: str, *, wrong: bool = False, **fields: object) -> None:
        """One event with its fields; `wrong` where somebody may want to be told."""


def journal_nothing(event: str, *, wrong: bool = False, **fields: object) -> None:
    """Let it pass."""
