"""Group commit: what many connections pulled lands in one commit, and only then do their cursors move."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, RawBlock, RawRows
from metrifly_pipeline.domain.ports import Advance, Clock, ControlStore, CursorMove, Lake, Reach, reach_nothing
from metrifly_pipeline.domain.status import Connection, Lease
from metrifly_pipeline.domain.streams import Page, Records
from metrifly_pipeline.domain.trouble import LeaseLostError

GROUP_RECORDS = 20_000
GROUP_AGE = timedelta(seconds=2)


@dataclass(slots=True)
class _Turn:
    """What one connection has pulled under its lease and not yet landed."""

    connection: Connection
    lease: Lease
    next_number: int = 0
    blocks: list[RawBlock] = field(default_factory=list)
    moves: list[CursorMove] = field(default_factory=list)
    landed: int = 0
    lost: bool = False


def _nobody_asks(records: int) -> None:
    """Let a commit pass unnoticed."""


class Landing:
    """The one writer of a run: collects pages and commits them together, files first, cursors after.

    Safe to share between threads that pull. A crash between the two commits lets the pages be fetched again, which is harmless: rows
    that are there already are not landed twice.
    """

    def __init__(
        self,
        lake: Lake,
        control: ControlStore,
        clock: Clock,
        reach: Reach = reach_nothing,
        group_records: int = GROUP_RECORDS,
        committed: Callable[[int], None] = _nobody_asks,
    ) -> None:
        """Write to `lake`, move cursors in `control`; `reach` is called at each labelled point, `committed` with records after each commit."""
        self._committed = committed
        self._group_records = group_records
        self._lake = lake
        self._control = control
        self._clock = clock
        self._reach = reach
        self._turns: dict[ConnectionId, _Turn] = {}
        self._pending = 0
        self._pending_since: datetime | None = None
        self._lock = threading.Lock()

    def begin(self, connection: Connection, lease: Lease) -> None:
        """A connection's turn begins: its rows get numbers above every earlier lease's."""
        with self._lock:
            self._turns[connection.id] = _Turn(connection=connection, lease=lease)

    def add(self, connection: ConnectionId, page: Page, ranks: Counter[str] | None) -> None:
        """Take one page; commits when enough has gathered.

        Args:
            connection: Whose turn it is.
            page: Parsed and checked.
            ranks: Counts identical payloads within one scan, for streams without a native id; None where ids tell rows apart.

        Raises:
            LeaseLostError: Another worker owns the connection now; nothing more of this turn will land.
        """
        with self._lock:
            turn = self._turns[connection]
            if turn.lost:
                raise LeaseLostError(connection)
            self._take(turn, page, ranks)
            age = self._clock() - (self._pending_since or self._clock())
            if self._pending >= self._group_records or age >= GROUP_AGE:
                self._commit()

    def move(self, connection: ConnectionId, move: CursorMove) -> None:
        """Move a cursor that belongs to no page, with the next commit."""
        with self._lock:
            self._turns[connection].moves.append(move)

    def flush(self) -> None:
        """Commit what is pending."""
        with self._lock:
            self._commit()

    def end(self, connection: ConnectionId) -> tuple[int, bool]:
        """A turn is over (after `flush`): rows landed, and whether its lease was lost."""
        with self._lock:
            turn = self._turns.pop(connection)
            return turn.landed, turn.lost

    def forget(self, connection: ConnectionId) -> None:
        """Drop what a turn had pulled and not landed; its cursor did not move, so it is fetched again."""
        with self._lock:
            self._turns.pop(connection, None)

    def numbered(self, connection: ConnectionId) -> int:
        """How many sequence numbers this turn has given out."""
        with self._lock:
            return self._turns[connection].next_number

    def landed(self, connection: ConnectionId) -> int:
        """Rows landed so far in this turn."""
        with self._lock:
            return self._turns[connection].landed

    def _take(self, turn: _Turn, page: Page, ranks: Counter[str] | None) -> None:
        fetched_at = self._clock()
        if page.records:
            turn.blocks.append(_block(turn, page, fetched_at, ranks))
            turn.next_number += len(page.records)
        turn.moves.append(
            CursorMove(
                stream=page.stream,
                scope=page.scope,
                cursor=page.cursor_after,
                covered=page.covered,
                ended=page.ended,
                done=page.done,
                planned=page.planned,
            )
        )
        self._pending += len(page.records)
        self._pending_since = self._pending_since or fetched_at

    def _commit(self) -> None:
        turns = [turn for turn in self._turns.values() if (turn.blocks or turn.moves) and not turn.lost]
        if turns:
            self._land_then_move(turns)
        for turn in turns:
            turn.blocks, turn.moves = [], []
        self._pending, self._pending_since = 0, None

    def _land_then_move(self, turns: list[_Turn]) -> None:
        landed = self._land(turns)
        self._reach("cursor.before")
        self._move(turns, landed)
        self._reach("cursor.after")
        self._committed(sum(landed.values()))

    def _land(self, turns: list[_Turn]) -> Mapping[ConnectionId, int]:
        blocks = [block for turn in turns for block in turn.blocks]
        if not blocks:
            return {}
        tokens = {turn.connection.id: turn.lease.token for turn in turns}
        app_ids = {turn.connection.id: turn.connection.app_id for turn in turns}
        return self._lake.append_raw(RawRows(blocks), tokens, app_ids)

    def _move(self, turns: list[_Turn], landed: Mapping[ConnectionId, int]) -> None:
        """Move what is landed; a turn whose rows the lake did not take was overtaken, whatever its lease says."""
        for turn in turns:
            turn.lost = bool(turn.blocks) and turn.connection.id not in landed
        safe = [turn for turn in turns if not turn.lost]
        advances = [
            Advance(lease=turn.lease, moves=tuple(turn.moves), landed=landed.get(turn.connection.id, 0))
            for turn in safe
        ]
        lost = self._control.advance(advances, self._clock())
        for turn in safe:
            turn.landed += landed.get(turn.connection.id, 0)
            turn.lost = turn.connection.id in lost


def _block(turn: _Turn, page: Page, fetched_at: datetime, ranks: Counter[str] | None) -> RawBlock:
    """Number and fingerprint the records of a page."""
    records = Records.of(page.records)
    hashes = [hashlib.blake2b(payload.encode(), digest_size=16).hexdigest() for payload in records.payloads]
    first = turn.lease.token * SEQ_PER_TOKEN + turn.next_number
    return RawBlock(
        connection=turn.connection.id,
        exchange=turn.connection.exchange,
        stream=page.stream,
        scope=page.scope,
        fetched_at=fetched_at,
        seqs=range(first, first + len(hashes)),
        event_us=records.event_us,
        payloads=records.payloads,
        hashes=hashes,
        ranks=[0] * len(hashes) if ranks is None else [_rank(ranks, digest) for digest in hashes],
    )


def _rank(ranks: Counter[str], digest: str) -> int:
    """How many equal payloads this scan has brought before."""
    rank = ranks[digest]
    ranks[digest] += 1
    return rank
