"""Which symbols to ask on exchanges that only answer by symbol: those whose assets moved, and a sweep of all when it is due.

A trade moves two assets, so a symbol can only have news where both of its assets moved since they were last looked at. Balances are
read *before* the fills and again after them: only when the second reading says the same is everything explained.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN
from metrifly_pipeline.domain.planning import asked_to
from metrifly_pipeline.domain.ports import CursorMove
from metrifly_pipeline.domain.records import Market
from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Stream
from metrifly_pipeline.services.turn import Turn

SCOPE = "_discovery"
MAX_ROUNDS = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Discovery:
    """Finds and pulls the symbols of one stream of one turn."""

    def __init__(self, turn: Turn, stream: StreamSpec) -> None:
        """Drive `turn`'s steps for `stream`."""
        self._turn = turn
        self._stream = stream

    def pull(self) -> None:
        """Pull symbols that may have news, then, when due, all others."""
        state = self._turn.cursor(self._stream.stream, SCOPE) or {}
        settled = self._pull_moved(int(state.get("after_seq") or 0))
        if self._turn.deep:
            self._sweep(state)
        if settled:
            token = self._turn.lease.token
            self._remember({"after_seq": (token + 1) * SEQ_PER_TOKEN - 1})

    def glimpse(self) -> None:
        """On a first import: show trades early, from the symbols that today's balances suggest and nobody has asked yet."""
        self._read_balances()
        self._turn.ports.landing.flush()
        self._turn.ports.normalize_now(self._turn.connection)
        seen = self._turn.ports.lake.seen_asset_codes(self._turn.connection.id)
        cursors = self._turn.cursors()
        self._pull_symbols(symbol for symbol in self._candidates(seen) if (self._stream.stream, symbol) not in cursors)

    def _pull_moved(self, after_seq: int) -> bool:
        """Ask symbols whose assets moved until the balances say nothing more moved; False while they still move."""
        for _round in range(MAX_ROUNDS):
            self._turn.ports.landing.flush()
            if self._is_idle(after_seq):
                return True
            self._turn.ports.normalize_now(self._turn.connection)
            moved = self._turn.ports.lake.moved_asset_codes(self._turn.connection.id, after_seq)
            if not moved:
                return True
            newest = self._landed()
            self._pull_likely(moved)
            if self._landed() == newest:
                return True
            after_seq = (
                self._turn.lease.token * SEQ_PER_TOKEN + self._turn.ports.landing.numbered(self._turn.connection.id) - 1
            )
            self._read_balances()
        return False

    def _is_idle(self, after_seq: int) -> bool:
        """Whether nothing can have moved: all that earlier leases landed was looked at, and this one has landed nothing."""
        turn = self._turn
        looked_at_all = after_seq >= turn.lease.token * SEQ_PER_TOKEN - 1
        return looked_at_all and not turn.ports.landing.landed(turn.connection.id)

    def _pull_likely(self, moved: set[str]) -> None:
        """Ask symbols both of whose assets moved; only where those had no news, symbols of one and a common quote."""
        sides = {market.market_id: {market.base, market.quote} for market in self._markets()}
        candidates = self._candidates(moved)
        before = self._landed()
        self._pull_symbols(symbol for symbol in candidates if sides[symbol] <= moved)
        self._turn.ports.landing.flush()
        if self._landed() == before:
            self._pull_symbols(symbol for symbol in candidates if not sides[symbol] <= moved)
            self._turn.ports.landing.flush()

    def _sweep(self, state: CursorState) -> None:
        """Ask every market ever seen that this sweep has not asked yet; resumable, the start is remembered.

        What the turn has asked before the sweep counts for it, too.
        """
        began_us = (self._turn.began - _EPOCH) // timedelta(microseconds=1)
        started_us = int(state.get("sweep_us") or began_us)
        self._remember({"after_seq": int(state.get("after_seq") or 0), "sweep_us": started_us})
        self._turn.ports.landing.flush()
        started = _EPOCH + timedelta(microseconds=started_us) - self._turn.spec.settle
        cursors = self._turn.cursors()
        waiting = [
            market.market_id
            for market in self._markets()
            if (done := asked_to(cursors.get((self._stream.stream, market.market_id)))) is None or done < started
        ]
        with self._turn.budget.sweeping():
            self._pull_symbols(waiting)

    def _pull_symbols(self, symbols: Iterable[str]) -> None:
        for step in self._turn.steps(self._stream, list(symbols)):
            self._turn.pull_step(step)

    def _candidates(self, moved: set[str]) -> Sequence[str]:
        return self._turn.ports.gateway.candidate_symbols(self._turn.connection.exchange, moved, self._markets())

    def _markets(self) -> list[Market]:
        return [
            Market(market_id=row.market_id, base=row.base, quote=row.quote, active=row.active)
            for row in self._turn.ports.lake.markets(self._turn.connection.exchange)
        ]

    def _read_balances(self) -> None:
        for stream in self._turn.spec.stream(Stream.BALANCES):
            for step in self._turn.steps(stream, stream.scopes):
                self._turn.pull_step(step)

    def _landed(self) -> int:
        return self._turn.ports.landing.landed(self._turn.connection.id)

    def _remember(self, state: CursorState) -> None:
        move = CursorMove(stream=self._stream.stream, scope=SCOPE, cursor=state, covered=None)
        self._turn.ports.landing.move(self._turn.connection.id, move)
