"""From an answer to raw records: where the rows stand, how a payload is written, when a record happened."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol

import orjson

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import RawRecord, Records
from metrifly_pipeline.exchanges import errors

Row = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIT_US = {"s": 1_000_000, "ms": 1_000, "us": 1, "datetime": 1_000_000}
"""Microseconds in one unit of a parameter or field."""

_OLDEST_US = 1_230_768_000_000_000  # 2009-01-01: before that there was nothing to trade
_NEWEST_US = 32_503_680_000_000_000  # 3000-01-01


class Ask(Protocol):
    """Sends one request of a stream and returns its checked answer; raises ExchangeTroubleError."""

    def __call__(self, params: Mapping[str, Any]) -> Any:
        """Ask with these parameters besides the stream's fixed ones."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one answer in the exchange's order, and the whole answer for totals and flags."""

    rows: Sequence[Row]
    body: Any


def canonical(value: Any) -> str:
    """Write JSON in one way only: sorted keys, no blanks, characters as they are.

    orjson (ccxt brings it) writes the same as the standard library five times as fast; what it refuses (integers beyond 64 bits, half a
    surrogate pair) the standard library writes.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return slow_canonical(value)


def slow_canonical(value: Any) -> str:
    """The same by the standard library alone; half a surrogate pair stays escaped, since no file could hold it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def dig(body: Any, path: str) -> Any:
    """Follow a dotted path (a number is an index); None where it leads nowhere. An empty path is the body itself."""
    for step in path.split(".") if path else ():
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


def read_rows(spec: StreamSpec, body: Any) -> Answer:
    """Take the rows out of an answer; raises UNEXPECTED_RESPONSE where the shape isn't what the spec says."""
    found = dig(body, spec.rows_path)
    if isinstance(found, dict) and spec.id_field == "_key":
        for key, row in found.items():
            if not isinstance(row, dict):
                raise errors.unexpected("a row is not an object")
            row["_key"] = key
        return Answer(tuple(found.values()), body)
    if not isinstance(found, list) or not {type(row) for row in found} <= {dict}:
        raise errors.unexpected("the rows are not where they should be")
    return Answer(found, body)


def records(spec: StreamSpec, rows: Sequence[Row], event_us: Sequence[int | None] | None = None) -> Sequence[RawRecord]:
    """Write rows as raw records; `event_us` where the caller has read the rows' times already."""
    return Records(_written(rows), times(spec, rows) if event_us is None else event_us) if rows else ()


def _written(rows: Sequence[Row]) -> list[str]:
    write = orjson.dumps
    try:
        return [write(row, option=orjson.OPT_SORT_KEYS).decode() for row in rows]
    except TypeError:
        return [canonical(row) for row in rows]


def times(spec: StreamSpec, rows: Sequence[Row]) -> list[int | None]:
    """When each happened, in microseconds since 1970; None where that can't be read (the lake says so, not we)."""
    whole = _whole([row.get(spec.time_field) for row in rows]) if spec.time_unit == "ms" else None
    if whole and min(whole) >= _OLDEST_US // UNIT_US["ms"] and max(whole) < _NEWEST_US // UNIT_US["ms"]:
        return [value * UNIT_US["ms"] for value in whole]
    read = _time_reader(spec.time_field, spec.time_unit)
    return [read(row) for row in rows]


def _whole(values: Sequence[Any]) -> list[int] | None:
    """Whole numbers or texts of them, all at once; None where one is something else."""
    if not {type(value) for value in values} <= {int, str}:
        return None
    try:
        return list(map(int, values))
    except ValueError:
        return None


@cache
def _time_reader(field: str, unit: str) -> Callable[[Row], int | None]:
    """Make the function that reads one kind of time out of a row."""
    nested = "." in field
    parse = _parse_moment if unit == "datetime" else _number_parser(unit)

    def read(row: Row) -> int | None:
        value = dig(row, field) if nested else row.get(field)
        if value is None or isinstance(value, bool):
            return None
        try:
            micros = parse(str(value))
        except ValueError:
            return None
        return micros if _OLDEST_US <= micros < _NEWEST_US else None

    return read


def _parse_moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return to_us(moment.replace(tzinfo=moment.tzinfo or UTC))


def _number_parser(unit: str) -> Callable[[str], int]:
    scale = UNIT_US[unit]
    digits = len(str(scale)) - 1

    def parse(text: str) -> int:
        whole, point, fraction = text.partition(".")
        if not point or not digits:
            return int(whole) * scale
        return int(whole) * scale + int(fraction[:digits].ljust(digits, "0"))

    return parse


def to_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def from_us(micros: int) -> datetime:
    """The moment of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def row_id(spec: StreamSpec, row: Row) -> str:
    """What tells a row from another: its id, or the whole of it where the exchange gives none."""
    if not spec.id_field:
        return canonical(row)
    value = dig(row, spec.id_field) if "." in spec.id_field else row.get(spec.id_field)
    if value is None:
        raise errors.unexpected("a row has no id")
    return str(value)


def _ids(spec: StreamSpec, rows: Sequence[Row]) -> list[str]:
    """The same of a page."""
    field = spec.id_field
    if field and "." not in field:
        values = [row.get(field) for row in rows]
        if None not in values:
            return list(map(str, values))
    return [row_id(spec, row) for row in rows]


def row_number(spec: StreamSpec, row: Row) -> int:
    """The id of a row as a number, where paging counts on it."""
    try:
        return int(row_id(spec, row))
    except ValueError:
        raise errors.unexpected("a row's id is not a number") from None


def row_numbers(spec: StreamSpec, rows: Sequence[Row]) -> list[int]:
    """The same of a page."""
    whole = _whole([row.get(spec.id_field) for row in rows])
    return [row_number(spec, row) for row in rows] if whole is None else whole


def ceil_to(micros: int, unit: int) -> int:
    """Round up to whole units."""
    return -(-micros // unit) * unit


def bounds(spec: StreamSpec, start_us: int, end_us: int) -> dict[str, str]:
    """The parameters of the closed span: the start rounded down, the end rounded up, one unit wider where a bound is exclusive.

    Wider than asked for is harmless (records are told apart); narrower would lose some.
    """
    unit = UNIT_US[spec.param_unit]
    first = start_us // unit - (1 if "start" in spec.exclusive else 0)
    last = ceil_to(end_us, unit) // unit + (1 if "end" in spec.exclusive else 0)
    named = {"start": str(max(first, 0)), "end": str(last)}
    return {spec.names[word]: value for word, value in named.items() if word in spec.names}


def scope_params(spec: StreamSpec, scope: str) -> dict[str, str]:
    """The parameters every request of this stream and scope carries."""
    params = dict(spec.fixed)
    if "symbol" in spec.names:
        params[spec.names["symbol"]] = scope
    if "limit" in spec.names and spec.page_size:
        params[spec.names["limit"]] = str(spec.page_size)
    return params


class NewIds:
    """Counts distinct ids, and stops a scan whose pages bring nothing new."""

    __slots__ = ("_idle", "seen")

    MOST_IDLE_PAGES = 10

    def __init__(self) -> None:
        self.seen: set[str | int] = set()
        self._idle = 0

    def add(self, spec: StreamSpec, rows: Sequence[Row]) -> int:
        """Take a page; returns how many ids are new. Raises after ten pages without one."""
        return self.take(_ids(spec, rows))

    def take(self, ids: Iterable[str | int]) -> int:
        """The same where the caller has read the ids already."""
        before = len(self.seen)
        self.seen.update(ids)
        new = len(self.seen) - before
        self._idle = 0 if new else self._idle + 1
        if self._idle >= self.MOST_IDLE_PAGES:
            raise errors.unexpected("page after page brings nothing new")
        return new
