"""The verb *import*: a file of entries, shown first and stored after a yes; the same file twice adds nothing; taken back as a whole."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.import_columns import COLUMNS
from metrifly_pipeline.domain.imports import Import, ImportRow, KnownRow, Undone
from metrifly_pipeline.domain.lookalikes import Lookalike
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake, Spreadsheets
from metrifly_pipeline.domain.status import Portfolio
from metrifly_pipeline.services.drafting import Places
from metrifly_pipeline.services.import_rows import RowReader, Unreadable, columns_of, compare
from metrifly_pipeline.services.lookalikes import lookalikes


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What importing a file would do; nothing is stored yet."""

    account: AccountId
    portfolio: Portfolio
    file_name: str
    new: Sequence[ImportRow]
    there: Sequence[tuple[int, KnownRow]]
    """Line of the file, and what it became when it was imported."""
    unreadable: Sequence[Unreadable]
    lookalikes: Sequence[Lookalike]
    """What connections imported that says the same as one of `new`, which its number tells: stored, both count."""


class Importing:
    """The verb *import*, and what follows it: list, undo."""

    def __init__(self, control: ControlStore, lake: Lake, spreadsheets: Spreadsheets, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._spreadsheets = spreadsheets
        self._clock = clock

    def preview(self, account: AccountId, file: Path, portfolio: str) -> Preview:
        """Read a file and compare it with what was imported before.

        Args:
            account: Whose entries they are.
            file: `.csv` or `.xlsx`.
            portfolio: Where rows without a connection count: name or id.

        Raises:
            RefusedError: The file as a whole can't be read, or there is no such portfolio.
            OSError: There is no such file.
        """
        places = Places(self._control, account)
        found = places.portfolio(portfolio)
        sheet = self._spreadsheets.read(file)
        reader = RowReader(columns_of(sheet, file.name), portfolio, places, self._clock())
        read = list(reader.read(sheet.rows))
        known: dict[str, list[KnownRow]] = defaultdict(list)
        for before in self._control.known_rows(account, {row.identity for row in read if isinstance(row, ImportRow)}):
            known[before.identity].append(before)
        new, there, unreadable = [], [], []
        for row in read:
            was = row if isinstance(row, Unreadable) else compare(row, known[row.identity], places)
            if isinstance(was, Unreadable):
                unreadable.append(was)
            elif was is not None:
                there.append((row.line, was))
            elif isinstance(row, ImportRow):
                new.append(row)
        return Preview(
            account=account,
            portfolio=found,
            file_name=file.name,
            new=new,
            there=there,
            unreadable=unreadable,
            lookalikes=lookalikes(self._control, self._lake, account, [row.draft for row in new]),
        )

    def apply(self, preview: Preview) -> Import:
        """Store what is new, in one transaction; what somebody else imported since the preview is left out.

        Raises:
            RefusedError: There is nothing new.
        """
        return self._control.add_import(
            preview.account, preview.portfolio.id, preview.file_name, preview.new, self._clock()
        )

    def every(self, account: AccountId) -> Sequence[Import]:
        """Every import, oldest first."""
        return self._control.imports(account)

    def undo(self, account: AccountId, imported: str) -> Undone:
        """Take back what an import added and nobody changed since; the versions stay.

        Raises:
            NotFoundError: There is no such import.
            RefusedError: It was taken back already.
        """
        return self._control.undo_import(account, imported, self._clock())

    def write_template(self, file: Path) -> None:
        """Make a file to fill in; FileExistsError where there is one already."""
        self._spreadsheets.write(file, COLUMNS, ())
