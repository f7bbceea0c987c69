"""The three tables that raw records are normalised into, and what differs between them."""

from collections.abc import Callable
from dataclasses import dataclass

from metrifly_pipeline.domain.lake_rows import Room
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake.tables import BALANCES, BOOKED, MOVEMENTS, TRADES, TableShape, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One normalised table: which SQL of a room feeds it, how it is merged, and what its key is called.

    The scripts `<name>_typed`, `<name>_hard` and `<name>_problems` type it.
    """

    shape: TableShape
    room_sql: Callable[[Room], str]
    unknown: str
    """Script that lists codes which no alias names."""
    merging: str
    key: str = ""
    """Column that holds `record_key`; empty for a table without versions."""
    is_counted: str = "true"
    """Condition on a row that people are told of as one of this table."""

    @property
    def name(self) -> str:
        """The table's name, also that of its watermark."""
        return self.shape.name

    def may_read(self, first: str | None, last: str | None) -> bool:
        """Whether raw records whose streams lie between these two, by the alphabet, may be its own; None where nobody knows."""
        if first is None or first != last or first not in set(Stream):
            return True
        return target_of(Stream(first)) == self.name


TARGETS = (
    Target(
        shape=TRADES,
        room_sql=lambda room: room.trades_sql,
        unknown="trades_unknown",
        merging="versions",
        key="trade_key",
    ),
    Target(
        shape=MOVEMENTS,
        room_sql=lambda room: room.movements_sql,
        unknown="one_code_unknown",
        merging="versions",
        key="movement_key",
        is_counted=f"kind NOT IN ({listed(BOOKED)})",
    ),
    Target(
        shape=BALANCES,
        room_sql=lambda room: room.balances_sql,
        unknown="one_code_unknown",
        merging="balance_changes",
    ),
)


def target_of(stream: Stream) -> str | None:
    """Name of the table that a stream feeds; None for markets, which are landed elsewhere."""
    if stream is Stream.REFERENCE:
        return None
    return {Stream.FILLS: TRADES.name, Stream.BALANCES: BALANCES.name}.get(stream, MOVEMENTS.name)
