"""What a service is handed instead of reaching for it: the time, waiting, and the labelled points of its way."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Tells the time, aware UTC."""
Sleep = Callable[[float], None]
"""Waits for seconds."""
Reach = Callable[[str], None]
"""Called at each labelled point of landing, moving the cursor, normalising and publishing; the product's own does nothing."""


def reach_nothing(_label: str) -> None:
    """The product's own `Reach`: go on."""
