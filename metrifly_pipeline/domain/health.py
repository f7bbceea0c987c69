"""What tells whether the pipeline is well: checks with what they mean and what to do, measures for programs, and the objective."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

OBJECTIVE = 0.99
"""The share of connections that should have been checked in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What Dagster last did of one schedule or sensor."""

    on: bool = False
    ticked_at: datetime | None = None
    """The last tick; where there was none yet, when it was turned on."""
    failed: bool = False
    """Whether the last tick failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagsterSigns:
    """Signs of life that Dagster's storage shows; all missing where Dagster never ran."""

    beat_at: datetime | None = None
    """The oldest of the last heartbeats of those daemons that a sync needs."""
    schedule: Automation = field(default_factory=Automation)
    """The daily sync."""
    sensor: Automation = field(default_factory=Automation)
    """Sync now."""
    unreadable: bool = False
    """Whether Dagster's storage could not be read: nothing of the above is known then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number for programs. Labels hold ids and fixed words only, never a name that a person gave."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of health: whether it is fine, what that means, and what to do where it is not."""

    name: str
    ok: bool
    text: str
    remedy: str = ""
    """With the command; empty where all is fine."""
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Of the connections that wait for nobody's action, how many were checked in time."""

    expected: int
    checked: int

    @property
    def share(self) -> float:
        """From 0 to 1; 1 where there is no such connection."""
        return self.checked / self.expected if self.expected else 1.0

    @property
    def held(self) -> bool:
        """Whether that is as many as it should be."""
        return self.share >= OBJECTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Every check at one moment."""

    at: datetime
    checks: Sequence[Check]
    objective: Objective

    @property
    def ok(self) -> bool:
        """Whether nothing is red."""
        return all(check.ok for check in self.checks)
