"""`metrifly health` beside a Dagster that shows the signs a test gives it."""

import json
from dataclasses import replace
from datetime import timedelta

from metrifly_pipeline.cli.main import run
from metrifly_pipeline.domain.health import Automation, DagsterSigns
from tests.scenarios.commands import Commands

NAMES = (
    "daemon",
    "schedule",
    "sensor",
    "due",
    "queue",
    "batches",
    "leases",
    "limits",
    "disk",
    "warehouse",
    "objective",
)


class Looking(Commands):
    """Commands beside a Dagster that shows the signs a test gives it."""

    def __init__(self, home, capsys):
        super().__init__(home, capsys)
        self.changed = {}

    def doors(self):
        return replace(super().doors(), dagster_signs=self._signs)

    def _signs(self, _settings):
        now = self.home.time.now
        alive = DagsterSigns(
            beat_at=now - timedelta(seconds=20),
            schedule=Automation(on=True, ticked_at=now - timedelta(minutes=4)),
            sensor=Automation(on=True, ticked_at=now - timedelta(seconds=6)),
        )
        return replace(alive, **self.changed)

    def red(self):
        """The red checks by name, from what programs are told; the exit status goes with them."""
        status = run(["health", "--json"], self.doors())
        report = json.loads(self._capsys.readouterr().out)
        assert report["ok"] is (status == 0)
        assert [check["name"] for check in report["checks"]] == list(NAMES)
        return {check["name"]: check for check in report["checks"] if not check["ok"]}
