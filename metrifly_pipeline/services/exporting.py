"""Taking an account's tables away: one file that opens wherever there is DuckDB, without Metrifly and without its lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.ports import ControlStore, Lake

_PUBLISHED = "SELECT published_at, change_seq FROM _meta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    path: Path
    published_at: datetime
    """As of when its tables are."""
    is_newest: bool
    """Whether all that has changed since is in it."""
    rows: Mapping[str, int]
    """By table."""


class Exporting:
    """The verb *export*."""

    def __init__(self, control: ControlStore, lake: Lake) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake

    def export(self, account: AccountId, folder: Path) -> Exported:
        """Write the account's rows of the published tables to a new file in `folder`, which is made where it isn't there.

        Raises:
            RefusedError: Nothing was published yet, or the file of that account and time is there already.
        """
        ((published_at, change_seq),) = self._lake.query(_PUBLISHED)[1]
        moment = cast("datetime", published_at)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"metrifly-{account}-{moment:%Y%m%dT%H%M%SZ}.duckdb"
        rows = self._lake.export(account, path)
        return Exported(path=path, published_at=moment, is_newest=change_seq == self._control.change_seq(), rows=rows)
