"""The global sequence of changes that a reader sees, and when the next publish is due."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, case, delete, func, insert, or_, select, update

from metrifly_pipeline.control.tables import changes, connections, portfolios, publishing
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.ids import PortfolioId
from metrifly_pipeline.domain.status import Urgency
from metrifly_pipeline.domain.trouble import NotFoundError

GATHER = timedelta(seconds=10)
"""How long an urgent change waits for others to come along."""
PACE = timedelta(minutes=10)
"""How far apart publishes of changes that aren't urgent stand at the least."""
PACE_OF_EACH = timedelta(seconds=0.6)
"""A publish reads all connections, so with more of them it is made less often: what it costs a connection and day stays the same."""
AT_LEAST = timedelta(hours=1)
"""No change waits longer, whatever the times stored say (a clock may have jumped)."""
PATIENCE = timedelta(minutes=5)
"""How long a publish that was asked for may take before it is asked for again."""


def number_change(db: Database, touched: Collection[PortfolioId], urgency: Urgency, now: datetime) -> int:
    """Give the next number of the sequence to portfolios, in the transaction that makes the change.

    Updating the one row of `publishing` comes first and orders all changes; on PostgreSQL it is always locked after connections.
    """
    db.execute(update(publishing).values(change_seq=publishing.c.change_seq + 1))
    number = int(db.execute(select(publishing.c.change_seq)).scalar_one())
    db.execute(insert(changes).values(seq=number, urgency=urgency, changed_at=now))
    if touched:
        found = db.execute(update(portfolios).where(portfolios.c.id.in_(touched)).values(change_seq=number)).rowcount
        if found != len(set(touched)):
            raise NotFoundError("There is no such portfolio")
    return number


class Publishing(Transactions):
    """The store's methods for publishing."""

    def change_seq(self) -> int:
        """The newest number of the global sequence."""
        with self._reading() as db:
            return int(db.execute(select(publishing.c.change_seq)).scalar_one())

    def publish_due(self, now: datetime) -> tuple[int, int] | None:
        """(change_seq, attempt) of the publish that is due, else None.

        The answer is remembered: asking again gives the same pair, so that it names one run, until the publish is marked, five minutes have
        passed (attempt + 1), or a newer urgent change makes a publish of its own due. Changes that aren't urgent wait for the one under way.
        """
        with (
            self._reading() as db
        ):  # asked every few seconds, and mostly nothing is due: then nobody's lock is waited for
            seen = _look(db, now)
        if seen is None or not seen.is_new:
            return None if seen is None else (seen.number, seen.attempt)
        with self._writing() as db:
            db.execute(select(publishing.c.change_seq).with_for_update())
            due = _look(db, now)
            if due is not None and due.is_new:
                db.execute(update(publishing).values(asked_seq=due.number, asked_at=now, attempt=due.attempt))
            return None if due is None else (due.number, due.attempt)

    def mark_published(self, change_seq: int, now: datetime) -> None:
        """Everything up to `change_seq` is in the warehouse; a number lower than one marked before changes nothing."""
        with self._writing() as db:
            state = db.execute(select(publishing).with_for_update()).mappings().one()
            reached = min(change_seq, state["change_seq"])
            if reached < state["published_seq"]:
                return
            db.execute(update(publishing).values(published_seq=reached, published_at=now))
            db.execute(delete(changes).where(changes.c.seq <= reached))
            shown = case((portfolios.c.change_seq <= reached, portfolios.c.change_seq), else_=reached)
            behind = portfolios.c.published_seq < shown
            db.execute(update(portfolios).where(behind).values(published_seq=shown))

    def claim_maintenance(self, now: datetime, every: timedelta) -> bool:
        """Whether the lake is due to be tidied and the caller is the one to do it: of several that ask, one, once in `every`."""
        claimed = update(publishing).where(
            or_(publishing.c.maintained_at.is_(None), publishing.c.maintained_at <= now - every)
        )
        with self._writing() as db:
            return db.execute(claimed.values(maintained_at=now)).rowcount > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """The publish that is due."""

    number: int
    attempt: int = 0
    is_new: bool = True
    """Whether nobody has asked for it yet."""


_STATE = select(
    publishing,
    *(
        select(func.min(changes.c.changed_at))
        .where(
            changes.c.seq
            > case((publishing.c.asked_seq > publishing.c.published_seq, publishing.c.asked_seq), else_=0),
            changes.c.urgency.in_(urgencies),
        )
        .correlate(publishing)
        .scalar_subquery()
        .label(name)
        for name, urgencies in (("urgent_since", [Urgency.NOW]), ("oldest_since", list(Urgency)))
    ),
)
"""With when the oldest change was made that no publish was asked for, of the urgent ones and of all."""


def _look(db: Database, now: datetime) -> _Due | None:
    state = db.execute(_STATE).mappings().one()
    newest, asked, urgent = state["change_seq"], state["asked_seq"], state["urgent_since"]
    is_urgent = urgent is not None and now - urgent >= GATHER
    if newest <= state["published_seq"]:
        return None
    if asked <= state["published_seq"]:
        return _Due(number=newest) if is_urgent or _is_time(db, state, now) else None
    if is_urgent:
        return _Due(number=newest)
    if now - state["asked_at"] <= PATIENCE:
        return _Due(number=asked, attempt=state["attempt"], is_new=False)
    return _Due(number=newest, attempt=state["attempt"] + 1 if newest == asked else 0)


def _is_time(db: Database, state: RowMapping, now: datetime) -> bool:
    """Whether changes that aren't urgent have waited long enough, for each other and for the pace of publishes."""
    published_at, oldest = state["published_at"], state["oldest_since"]
    if oldest is None or now - oldest < GATHER:
        return False
    if published_at is None or now - oldest >= AT_LEAST:
        return True
    apart: timedelta = now - published_at
    return apart >= PACE and apart >= _pace(db)


def _pace(db: Database) -> timedelta:
    count = db.execute(select(func.count()).select_from(connections)).scalar_one()
    return max(PACE, count * PACE_OF_EACH)
