"""What landing remembers of one connection while one lease lasts: it spares reading back what was just written."""

from collections.abc import Iterable, Mapping, Sequence

from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, RawBlock
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

    def news(self, blocks: Iterable[RawBlock]) -> list[RawBlock]:
        """Rows that neither this process landed under this lease nor an earlier row of `blocks` equals; all balances."""
        self._pending = {}
        return [block if block.stream is Stream.BALANCES else self._news_of(block) for block in blocks]

    def _news_of(self, block: RawBlock) -> RawBlock:
        if not any(block.ranks) and self._is_all_news(block):
            return block
        kept = []
        for number, (payload_hash, rank) in enumerate(zip(block.hashes, block.ranks, strict=True)):
            place = (str(block.stream), block.scope, rank)
            here = self._pending.setdefault(place, set())
            if payload_hash not in here and payload_hash not in self._landed.get(place, ()):
                here.add(payload_hash)
                kept.append(number)
        return block.only(kept)

    def _is_all_news(self, block: RawBlock) -> bool:
        """The quick way for a page that holds nothing twice and nothing known, as almost every page of a first import."""
        place = (str(block.stream), block.scope, 0)
        here, own = self._pending.setdefault(place, set()), set(block.hashes)
        if len(own) < len(block) or not own.isdisjoint(here) or not own.isdisjoint(self._landed.get(place, ())):
            return False
        here |= own
        return True

    def to_look_up(self, blocks: Iterable[RawBlock]) -> list[Wanted]:
        """Those of `blocks` whose rows may lie in the table although this process did not land them."""
        own_from = self.token * SEQ_PER_TOKEN
        return [
            Wanted(block, self._watermarks[block.stream], own_from)
            for block in blocks
            if block.stream is not Stream.BALANCES and (self._began_elsewhere or self._watermarks[block.stream] != NONE)
        ]

    def must_learn_balances(self, blocks: Iterable[RawBlock]) -> bool:
        """Whether there are snapshots in `blocks` and the newest ones in the table aren't known yet."""
        return self.balances is None and any(block.stream is Stream.BALANCES for block in blocks)

    def changed_balances(self, blocks: Sequence[RawBlock]) -> list[RawBlock]:
        """`blocks` without snapshots that say what the one before them said; one that returns to an older state is news."""
        newest = dict(self.balances or {})
        kept = []
        for block in blocks:
            if block.stream is not Stream.BALANCES:
                kept.append(block)
                continue
            changed = []
            for place, payload_hash in enumerate(block.hashes):
                if newest.get(block.scope) != payload_hash:
                    newest[block.scope] = payload_hash
                    changed.append(place)
            kept.append(block.only(changed))
        self._pending_balances = newest
        return kept

    def remember(self) -> None:
        """What was judged last lies in the table now, be it that it was landed or that it was there."""
        for place, hashes in self._pending.items():
            self._landed.setdefault(place, set()).update(hashes)
        if self.balances is not None:
            self.balances = self._pending_balances
