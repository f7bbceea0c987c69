"""What landing remembers of one connection while one lease lasts: it spares reading back what was just written."""

from collections.abc import Iterable, Mapping, Sequence

from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, RawRow
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.lake.landed import Wanted
from metrifly_pipeline.lake.targets import target_of

NONE = -1
"""The mark of an app id that never committed."""

_Place = tuple[str, str, int]
"""Stream, scope and rank: within one, a fingerprint tells records apart."""


class LandingLease:
    """One connection under one lease; `mark` and `watermarks` are those of the moment when it was first seen."""

    def __init__(self, *, token: int, app_id: str, watermarks: Mapping[str, int], mark: int) -> None:
        self.token = token
        self.app_id = app_id
        self.balances: dict[str, str] | None = None
        """Fingerprint of the newest snapshot by scope; None before anybody looked."""
        self._began_elsewhere = mark >= token * SEQ_PER_TOKEN
        """Rows of this very token lay there already, so they must be looked up, too."""
        self._watermarks = {stream: watermarks.get(target_of(stream) or "", NONE) for stream in Stream}
        self._landed: dict[_Place, set[str]] = {}
        self._pending: dict[_Place, set[str]] = {}
        self._pending_balances: dict[str, str] = {}

    def is_overtaken(self, mark: int) -> bool:
        """Whether a later lease has landed: `mark` is how far the connection's numbers have come."""
        return mark >= (self.token + 1) * SEQ_PER_TOKEN

    def news(self, rows: Iterable[RawRow]) -> list[RawRow]:
        """Rows that neither this process landed under this lease nor an earlier row of `rows` equals; all balances."""
        self._pending = {}
        kept = []
        for row in rows:
            if row.stream is not Stream.BALANCES:
                place = (str(row.stream), row.scope, row.rank)
                here = self._pending.setdefault(place, set())
                if row.payload_hash in here or row.payload_hash in self._landed.get(place, ()):
                    continue
                here.add(row.payload_hash)
            kept.append(row)
        return kept

    def to_look_up(self, rows: Iterable[RawRow]) -> list[Wanted]:
        """Those of `rows` that may lie in the table although this process did not land them."""
        if not self._began_elsewhere and max(self._watermarks.values()) == NONE:
            return []
        own_from = self.token * SEQ_PER_TOKEN
        return [
            Wanted(row, self._watermarks[row.stream], own_from)
            for row in rows
            if row.stream is not Stream.BALANCES and (self._began_elsewhere or self._watermarks[row.stream] != NONE)
        ]

    def must_learn_balances(self, rows: Iterable[RawRow]) -> bool:
        """Whether there are snapshots in `rows` and the newest ones in the table aren't known yet."""
        return self.balances is None and any(row.stream is Stream.BALANCES for row in rows)

    def changed_balances(self, rows: Sequence[RawRow]) -> list[RawRow]:
        """`rows` without snapshots that say what the one before them said; one that returns to an older state is news."""
        newest = dict(self.balances or {})
        kept = []
        for row in rows:
            if row.stream is Stream.BALANCES:
                if newest.get(row.scope) == row.payload_hash:
                    continue
                newest[row.scope] = row.payload_hash
            kept.append(row)
        self._pending_balances = newest
        return kept

    def remember(self) -> None:
        """What was judged last lies in the table now, be it that it was landed or that it was there."""
        for place, hashes in self._pending.items():
            self._landed.setdefault(place, set()).update(hashes)
        if self.balances is not None:
            self.balances = self._pending_balances
