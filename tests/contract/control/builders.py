"""Valid cases of what the control store takes; a test names only what matters to it."""

import dataclasses
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.plans import Plan
from metrifly_pipeline.domain.ports import Advance, CursorMove
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.domain.status import Connection, SealedCredential, Urgency
from metrifly_pipeline.domain.streams import EVERYTHING, Span, Stream

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEN_AT_ONCE = Limit(capacity=10, per_second=2.0, shared_by="key")


def sealed(connection, version=1, text=b"sealed"):
    return SealedCredential(
        connection=connection,
        version=version,
        key_id="k1",
        wrapped_key=b"wrapped " + text,
        sealed=text,
        fingerprint="0123456789ab",
    )


def a_connection(portfolio, number=1, **changes):
    name = ConnectionId(f"kraken-{number:08d}")
    plain = Connection(
        id=name,
        account=portfolio.account,
        portfolio=portfolio.id,
        exchange="kraken",
        label="",
        base_url=None,
        identity=f"AA{number}",
        app_id=f"app-{number}",
        created_at=NOW + timedelta(microseconds=number),
    )
    return dataclasses.replace(plain, **changes)


def another_account(store, name="ann", plan=Plan.PRO):
    """One more customer; the account's id."""
    return store.create_account(name, plan, NOW).id


def move(**changes):
    plain = CursorMove(stream=Stream.FILLS, scope=EVERYTHING, cursor=None, covered=None)
    return dataclasses.replace(plain, **changes)


def advance(lease, *moves, landed=0):
    return Advance(lease=lease, moves=moves, landed=landed)


def minutes(start, end):
    return Span(NOW + timedelta(minutes=start), NOW + timedelta(minutes=end))


def facts(identity, expires_at=None):
    """What a readable key says of itself."""
    return KeyFacts(
        identity=identity,
        can_read_trades=True,
        can_read_balances=True,
        can_trade=False,
        can_withdraw=False,
        expires_at=expires_at,
    )


def numbered(store, portfolios, urgency=Urgency.NOW, now=NOW):
    """Number a change of portfolios as each method that makes one does: in a transaction of the store."""
    with store._writing() as db:
        return number_change(db, portfolios, urgency, now)
