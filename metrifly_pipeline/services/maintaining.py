"""Once a day, after a publish: keeping the lake quick to read, and removing what is left of deleted accounts and unused keys."""

from datetime import timedelta

from metrifly_pipeline.domain.erasing import Forget
from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.services.erasing import Erasing

ONCE_A_DAY = timedelta(hours=24)
LIMITS_KEPT = timedelta(days=3)
"""Longer than any limit takes to empty, and than what was taken of it yesterday is shown."""


class Maintaining:
    """The verb *maintain*: small files are joined, files that no catalogue names any more removed, deleted accounts' first."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock, erasing: Erasing) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._clock = clock
        self._erasing = erasing

    def maintain_when_due(self, forget: Forget) -> MaintenanceOutcome | None:
        """Maintain all tables unless somebody did in the last day; None where it isn't due.

        `forget` deletes what Dagster's storage says of a deleted account's connections.
        Whoever dies on the way leaves the rest for the next day: the tables only get slower to read, never wrong.
        """
        if not self._control.claim_maintenance(self._clock(), ONCE_A_DAY):
            return None
        self._erasing.finish(forget)
        self._control.forget_idle_limits(self._clock() - LIMITS_KEPT)
        return self._lake.maintain()
