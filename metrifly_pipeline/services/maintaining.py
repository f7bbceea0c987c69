"""Keeping the lake quick to read, once a day, after a publish."""

from datetime import timedelta

from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake

ONCE_A_DAY = timedelta(hours=24)


class Maintaining:
    """The verb *maintain*: small files are joined, files that no catalogue names any more removed."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._clock = clock

    def maintain_when_due(self) -> MaintenanceOutcome | None:
        """Maintain all tables unless somebody did in the last day; None where it isn't due.

        Whoever dies on the way leaves the rest for the next day: the tables only get slower to read, never wrong.
        """
        if not self._control.claim_maintenance(self._clock(), ONCE_A_DAY):
            return None
        return self._lake.maintain()
