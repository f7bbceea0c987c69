"""Rendered rows in order of time, and the pages that `start`, `end` and `ofs` cut out of them."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

PAGE = 50


class InvalidArgumentError(Exception):
    """A parameter that Kraken would refuse; carries its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One rendered row: `"ID":{...}`."""

    identity: str
    time_ns: int
    number: int
    text: str
    text_with_ledgers: str = ""
    code: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The newest rows first, and how many match in all."""

    items: list[Item]
    count: int


class Index:
    """Rows by time; also by id."""

    def __init__(self, items: list[Item]) -> None:
        self._items = sorted(items, key=lambda item: (item.time_ns, item.number))
        self._times = [item.time_ns for item in self._items]
        self._places = {item.identity: place for place, item in enumerate(self._items)}
        self._parts: dict[object, Index] = {}

    def part(self, name: object, belongs: Callable[[Item], bool]) -> "Index":
        """The rows that belong to a filter, kept under its name."""
        if name not in self._parts:
            self._parts[name] = Index([item for item in self._items if belongs(item)])
        return self._parts[name]

    def find(self, identity: str) -> Item | None:
        """The row with that id."""
        place = self._places.get(identity)
        return None if place is None else self._items[place]

    def page(self, asked: Mapping[str, str], history_ns: tuple[int | None, int | None] = (None, None)) -> Page:
        """At most 50 rows, newest first.

        Args:
            asked: `start` (exclusive) and `end` (inclusive) as unix seconds or ids, `ofs` as a number of rows.
            history_ns: What the key is shown at all: after the first (exclusive) and up to the last (inclusive) moment.

        Raises:
            InvalidArgumentError: One of them can't be read.
        """
        low = self._edge(asked, "start", 0)
        high = self._edge(asked, "end", len(self._items))
        first, last = history_ns
        low = low if first is None else max(low, bisect_right(self._times, first))
        high = high if last is None else min(high, bisect_right(self._times, last))
        try:
            offset = int(asked.get("ofs") or "0")
        except ValueError:
            raise InvalidArgumentError("ofs") from None
        newest = high - max(0, offset)
        items = self._items[max(low, newest - PAGE) : max(low, newest)]
        return Page(items[::-1], max(0, high - low))

    def _edge(self, asked: Mapping[str, str], name: str, default: int) -> int:
        """The place after everything up to that moment or id: right for an exclusive start and an inclusive end."""
        text = asked.get(name, "")
        if not text:
            return default
        if text in self._places:
            return self._places[text] + 1
        try:
            moment_ns = int(Decimal(text) * 1_000_000_000)
        except (InvalidOperation, ValueError, OverflowError):
            raise InvalidArgumentError(name) from None
        return bisect_right(self._times, moment_ns)
