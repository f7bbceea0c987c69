"""Exporting: all that analysts read of one account, in a file that needs nothing beside it."""

from pathlib import Path

from metrifly_pipeline.domain.entry_rows import rows_of
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.lake_rows import ExportOutcome
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.domain.status_rules import STALE_AFTER
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.listing import Listing
from metrifly_pipeline.services.tables import small_tables

FILE = "metrifly.duckdb"


class Exporting:
    """The verb *export*."""

    def __init__(self, control: ControlStore, lake: Lake, listing: Listing, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._listing = listing
        self._clock = clock

    def export(self, account: AccountId, folder: Path) -> ExportOutcome:
        """Write an account's own warehouse to `folder`, which is made where it isn't there.

        It shows what is stored now, whether published yet or not; other accounts are left out, and so are raw records.

        Raises:
            RefusedError: There is such a file already; nothing was written.
            OSError: The folder can't be written.
        """
        target = folder / FILE
        if target.exists():
            raise RefusedError(
                f"{target} is there already; nothing was written. Remove it, or name another folder with `--portable DIR`"
            )
        now = self._clock()
        change_seq = self._control.change_seq()
        views = self._listing.views(account)
        return self._lake.export(
            target,
            small_tables(self._control, views, now, account),
            connections=[view.connection.id for view in views],
            entries=rows_of(self._control.entries(account)),
            change_seq=change_seq,
            published_at=now,
            stale_after=now + STALE_AFTER,
        )
