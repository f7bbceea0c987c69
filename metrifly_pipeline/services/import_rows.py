"""From the rows of a file to what can be stored: every row is new, there already, or unreadable for a reason that names its column."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from metrifly_pipeline.domain.entries import Place
from metrifly_pipeline.domain.entry_input import shown
from metrifly_pipeline.domain.import_columns import COLUMNS, COMMENT, FORMS, MOST_OWN_ID, NEEDED, RowKind
from metrifly_pipeline.domain.imports import (
    ImportRow,
    KnownRow,
    fingerprint_of,
    identity_by_content,
    identity_by_id,
)
from metrifly_pipeline.domain.sheets import Sheet, SheetRow
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.drafting import Names, Places, Typed, WrongFieldError, drafted

_NAMES = Names(
    place="connection",
    to="to_portfolio",
    date="date",
    asset="asset",
    quantity="quantity",
    counter_asset="counter_asset",
    counter_quantity="counter_quantity",
    price="price",
    fee="fee",
    fee_asset="fee_asset",
    value="value",
    value_currency="value_currency",
)
_TYPED = frozenset(field.name for field in fields(Typed)) - {"portfolio"}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is left out, and why."""

    line: int
    column: str
    """Empty where the row as a whole is wrong."""
    reason: str


def columns_of(sheet: Sheet, file_name: str) -> Mapping[int, str]:
    """Which column stands at which place.

    Raises:
        RefusedError: Columns are unknown, missing, or there twice; the text names them.
    """
    if sheet.heading is None:
        raise RefusedError(f"{file_name} is empty; `metrifly import --template FILE` writes one to fill in")
    named = {place: cell.strip().lower() for place, cell in enumerate(sheet.heading.cells) if cell.strip()}
    known = [column.name for column in COLUMNS]
    counted = Counter(named.values())
    troubles = {
        "unknown": [name for name in counted if name not in known],
        "missing": [name for name in NEEDED if name not in counted],
        "there twice": [name for name in known if counted[name] > 1],
    }
    wrong = [f"{trouble}: {', '.join(map(shown, names))}" for trouble, names in troubles.items() if names]
    if wrong:
        message = (
            f"The columns of {file_name} (line {sheet.heading.line}) can't be read; {'; '.join(wrong)}. "
            f"There can be: {', '.join(known)}. `metrifly import --template FILE` writes a file that explains them"
        )
        raise RefusedError(message)
    return named


class RowReader:
    """Reads the rows of one file, in order: a row's identity rests on those before it."""

    def __init__(self, columns: Mapping[int, str], portfolio: str, places: Places, now: datetime) -> None:
        """Rows without a connection count in `portfolio`."""
        self._columns = columns
        self._portfolio = portfolio
        self._places = places
        self._now = now
        self._ranks: Counter[tuple[Place, str]] = Counter()
        self._first_lines: dict[tuple[Place, str], int] = {}

    def read(self, rows: Sequence[SheetRow]) -> Iterator[ImportRow | Unreadable]:
        """Every row but those that only explain."""
        for row in rows:
            texts = self._texts(row)
            if texts.get("kind", "").startswith(COMMENT):
                continue
            try:
                yield self._read(row, texts)
            except WrongFieldError as trouble:
                yield Unreadable(row.line, trouble.field, str(trouble))
            except RefusedError as trouble:
                yield Unreadable(row.line, "", str(trouble))

    def _texts(self, row: SheetRow) -> dict[str, str]:
        """What stands in the columns that hold anything."""
        return {
            name: row.cells[place].strip()
            for place, name in self._columns.items()
            if place < len(row.cells) and row.cells[place].strip()
        }

    def _read(self, row: SheetRow, texts: dict[str, str]) -> ImportRow:
        self._refuse_cells(row)
        kind = _kind(texts.pop("kind", ""))
        own_id = texts.pop("id", "")
        form = FORMS[kind]
        for name in texts:
            if name not in form.takes:
                raise WrongFieldError(name, f"{name} means nothing to {kind}; leave it empty")
        if kind is RowKind.TRANSFER_OWN and not ({"to_portfolio", "to_connection"} & texts.keys()):
            raise WrongFieldError("to_portfolio", f"{kind} needs to_portfolio or to_connection: where it went")
        typed = Typed(portfolio=self._portfolio, **{name: text for name, text in texts.items() if name in _TYPED})
        draft = drafted(form.kind, typed, self._places, _NAMES, self._now, outgoing=form.outgoing, zoneless=True)
        fingerprint = fingerprint_of(draft)
        if own_id:
            identity = self._once(draft.place, identity_by_id(_own_id(own_id)), row.line)
        else:
            said = (draft.place, fingerprint)
            identity = identity_by_content(fingerprint, self._ranks[said])
            self._ranks[said] += 1
        return ImportRow(line=row.line, draft=draft, identity=identity, fingerprint=fingerprint)

    def _refuse_cells(self, row: SheetRow) -> None:
        for place, reason in row.spoilt.items():
            name = self._columns.get(place, "")
            raise WrongFieldError(name, f"{name or _nameless(place)} {reason}")
        for place, text in enumerate(row.cells):
            if text.strip() and place not in self._columns:
                message = f"{_nameless(place)} holds {shown(text.strip())}; is a cell too much in this row?"
                raise RefusedError(message)

    def _once(self, place: Place, identity: str, line: int) -> str:
        first = self._first_lines.setdefault((place, identity), line)
        if first != line:
            raise WrongFieldError("id", f"line {first} has the same id; give each row one of its own, or none")
        return identity


def compare(row: ImportRow, known: Sequence[KnownRow], places: Places) -> KnownRow | Unreadable | None:
    """What became of the same row before: None where it is new.

    Args:
        row: The row.
        known: Rows of the same identity, wherever they count.
        places: Where connections flow.

    Returns:
        The row that was stored, or what stands in the way of telling whether it is the same.
    """
    for before in known:
        if before.place == row.place:
            return before if before.fingerprint == row.fingerprint else _contradicts(row, before)
        if before.fingerprint == row.fingerprint and places.overlap(before.place, row.place):
            return _elsewhere(row, before)
    return None


def _contradicts(row: ImportRow, before: KnownRow) -> Unreadable:
    message = (
        f"a row with this id was imported already and says something else: {before.entry} of {before.stored_by}. If it is "
        f"another one, give it an id of its own; if {before.entry} is wrong, change it with `metrifly record edit {before.entry}`"
    )
    return Unreadable(row.line, "id", message)


def _elsewhere(row: ImportRow, before: KnownRow) -> Unreadable:
    """The same portfolio, once with the connection and once without: it would count twice."""
    message = (
        f"this row was imported already for {before.place}, as {before.entry} of {before.stored_by}, and would count twice. To "
        f"import it for {row.place} instead, first `metrifly import undo {before.stored_by}`; if it is another one, give it an id"
    )
    return Unreadable(row.line, "connection", message)


def _kind(text: str) -> RowKind:
    if not text:
        raise WrongFieldError("kind", "kind is missing")
    try:
        return RowKind(text.lower().replace(" ", "_").replace("-", "_"))
    except ValueError:
        message = f"kind {shown(text)} is none; write one of {', '.join(RowKind)}"
        raise WrongFieldError("kind", message) from None


def _own_id(text: str) -> str:
    if len(text) > MOST_OWN_ID:
        raise WrongFieldError("id", f"id {shown(text)} has {len(text)} characters; at most {MOST_OWN_ID}")
    return text


def _nameless(place: int) -> str:
    return f"column {place + 1}, which has no name,"
