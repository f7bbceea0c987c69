"""What stands in a connection's way: findings of each stage, and the status that follows from them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, delete, exists, insert, not_, select, update
from sqlalchemy import Connection as Database

from metrifly_pipeline.control.entry_tables import entries, entry_legs
from metrifly_pipeline.control.notification_tables import told
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.rows import lock_connection, to_connection
from metrifly_pipeline.control.tables import attention, connections
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.entries import ANSWERS_LIMITED_HISTORY
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.ports import Finding
from metrifly_pipeline.domain.reasons import MEANING, Family, Level, Reason
from metrifly_pipeline.domain.status import Urgency
from metrifly_pipeline.domain.status_rules import connection_status
from metrifly_pipeline.domain.trouble import NotFoundError

SYNC = "sync"
"""The stage whose findings a sync run replaces."""
PERMANENT = frozenset(
    reason for reason, meaning in MEANING.items() if meaning.level is Level.ACTION and not meaning.transient
)
"""Reasons that stop the syncs until someone acts."""
_OF_THE_KEY = frozenset(
    reason
    for reason, meaning in MEANING.items()
    if meaning.family in (Family.CREDENTIALS_VALID, Family.KEY_IS_READ_ONLY)
    or reason in (Reason.NONCE_CONFLICT, Reason.STREAM_NOT_PERMITTED)
)
_UNMARKED = {"acknowledged_at": None, "acknowledged_by": None, "note": None}


class Findings(Transactions):
    """The store's methods for attention."""

    def attention(self, connection: ConnectionId | None = None) -> Sequence[Attention]:
        """What stands now, oldest first."""
        with self._reading() as db:
            return standing(db, connection)

    def replace_findings(
        self, connection: ConnectionId, stage: str, findings: Sequence[Finding], now: datetime
    ) -> bool:
        """What one stage finds now replaces what it found before; returns whether a reader would see a difference."""
        with self._writing() as db:
            portfolio = lock_connection(db, connection).portfolio
            changed = replace_stage(db, connection, stage, findings, now)
            if show_status(db, connection, now) or changed:
                number_change(db, [portfolio], Urgency.SOON, now)
                return True
            return False

    def replace_stages(
        self, found: Mapping[str, Mapping[ConnectionId, Sequence[Finding]]], now: datetime
    ) -> Collection[ConnectionId]:
        """What whole stages find now, over all connections, replaces what they found before; returns where a reader would see a difference.

        Mostly nothing differs: then nothing is written and nobody's row is locked. A status that changed by itself is told, too.
        """
        with self._reading() as db:
            outdated = _outdated(db, found, now)
        changed = []
        for connection in outdated:
            # Looked at again under the connection's lock: what was read before may have changed meanwhile.
            with suppress(NotFoundError):  # its account was deleted since
                told = [
                    self.replace_findings(connection, stage, own.get(connection, ()), now)
                    for stage, own in found.items()
                ]
                if any(told):
                    changed.append(connection)
        return changed

    def acknowledge(
        self, connection: ConnectionId, seen: Sequence[Attention], given: Acknowledgement | None, now: datetime
    ) -> int:
        """Mark what stands exactly as it was seen, or with None take the mark away; number the change. Returns how many rows."""
        values = {
            "acknowledged_at": given.at if given else None,
            "acknowledged_by": given.by if given else None,
            "note": given.note if given else None,
        }
        with self._writing() as db:
            portfolio = lock_connection(db, connection).portfolio
            marked = sum(
                db.execute(update(attention).where(_the_same(connection, item)).values(values)).rowcount
                for item in set(seen)
            )
            if marked and given is not None:  # what somebody knows of is not news, nor is that it went
                reasons = {item.reason for item in seen}
                db.execute(delete(told).where(told.c.connection == connection, told.c.reason.in_(sorted(reasons))))
            if marked:
                number_change(db, [portfolio], Urgency.NOW, now)
            return marked


def _the_same(connection: ConnectionId, seen: Attention) -> ColumnElement[bool]:
    return and_(
        attention.c.connection == connection,
        attention.c.reason == seen.reason,
        attention.c.stream == seen.stream,
        attention.c.detail == seen.detail,
    )


def _outdated(
    db: Database, found: Mapping[str, Mapping[ConnectionId, Sequence[Finding]]], now: datetime
) -> list[ConnectionId]:
    """Connections of which one of these stages says something else than what is stored, or whose status is another than the one shown."""
    wanted = {
        (stage, connection): _said(own) for stage, each in found.items() for connection, own in each.items() if own
    }
    stored: dict[tuple[str, ConnectionId], dict[tuple[str, str], tuple[Any, ...]]] = {}
    query = select(attention).where(attention.c.stage.in_(sorted(found)))
    for row in db.execute(query).mappings():
        said = stored.setdefault((row["stage"], row["connection"]), {})
        said[row["reason"], row["stream"]] = (row["detail"], row["opens_at"])
    differ = {place[1] for place in wanted.keys() | stored.keys() if wanted.get(place) != stored.get(place)}
    by_connection: dict[ConnectionId, list[Attention]] = {}
    for item in standing(db, None):
        by_connection.setdefault(item.connection, []).append(item)
    outdated = []
    for row in db.execute(select(connections).order_by(connections.c.id)).mappings():
        known = to_connection(row)
        status = connection_status(known, by_connection.get(known.id, ()), running=False, now=now)
        if known.id in differ or status != row["shown_status"]:
            outdated.append(known.id)
    return outdated


def _said(findings: Sequence[Finding]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(finding.reason.value, finding.stream): (finding.detail, finding.opens_at) for finding in findings}


def standing(db: Database, connection: ConnectionId | None) -> list[Attention]:
    """Attention of one connection or all, oldest first; without what an entry answers."""
    if connection is not None:
        return unanswered(noted(db, connection))
    return _as_attention(db.execute(_STANDING).mappings())


def noted(db: Database, connection: ConnectionId) -> Sequence[RowMapping]:
    """All that is noted of one connection, oldest first, and of each whether an entry answers it."""
    return db.execute(_NOTED_ON, {"wanted": connection}).mappings().all()


def unanswered(rows: Iterable[RowMapping]) -> list[Attention]:
    """Those of `noted` that no entry answers."""
    return _as_attention(row for row in rows if not row["is_answered"])


def _as_attention(rows: Iterable[RowMapping]) -> list[Attention]:
    return [
        Attention(
            connection=row["connection"],
            reason=Reason(row["reason"]),
            since=row["since"],
            detail=row["detail"],
            stream=row["stream"],
            acknowledged=_acknowledged(row),
        )
        for row in rows
    ]


def _acknowledged(row: RowMapping) -> Acknowledgement | None:
    if row["acknowledged_at"] is None:
        return None
    return Acknowledgement(at=row["acknowledged_at"], by=AccountId(row["acknowledged_by"]), note=row["note"])


def _answered() -> ColumnElement[bool]:
    """Whether somebody recorded what lay there before a limited history begins.

    Asked when attention is read, not when it is found: so the notice goes with the entry and comes back, with its `since`, without it.
    """
    newer = entries.alias()
    standing_entry = and_(
        entries.c.deleted.is_(False),
        not_(exists().where(newer.c.id == entries.c.id, newer.c.version > entries.c.version)),
    )
    answer = (
        exists()
        .where(entries.c.id == entry_legs.c.entry, entries.c.version == entry_legs.c.version, standing_entry)
        .where(entry_legs.c.connection == attention.c.connection)
        .where(entries.c.kind.in_(ANSWERS_LIMITED_HISTORY), entries.c.occurred_at <= attention.c.opens_at)
    )
    return and_(attention.c.reason == Reason.HISTORY_LIMITED, attention.c.opens_at.is_not(None), answer)


# Made once: every sync asks this several times, and making it would cost ten times as much as asking.
_OLDEST_FIRST = (attention.c.since, attention.c.connection, attention.c.reason, attention.c.stream)
_STANDING = select(attention).where(not_(_answered())).order_by(*_OLDEST_FIRST)
_NOTED_ON = (
    select(attention, _answered().label("is_answered"))
    .where(attention.c.connection == bindparam("wanted"))
    .order_by(*_OLDEST_FIRST)
)


def replace_stage(
    db: Database,
    connection: ConnectionId,
    stage: str,
    findings: Sequence[Finding],
    now: datetime,
    known: Sequence[RowMapping] | None = None,
) -> bool:
    """Store a stage's findings. Returns whether any differs.

    A reason that stays (on the same stream) keeps its `since`. It keeps its acknowledgement only with the detail that it was given for; a
    finding that another stage has with the same words takes that one's over, because stages hand findings on to each other. `known` is what is
    noted of the connection, where that was read already.
    """
    known = noted(db, connection) if known is None else known
    mine = (attention.c.connection == connection) & (attention.c.stage == stage)
    before = {(row["reason"], row["stream"]): row for row in known if row["stage"] == stage}
    after = _said(findings)
    if {key: (row["detail"], row["opens_at"]) for key, row in before.items()} == after:
        return False
    db.execute(delete(attention).where(mine))
    kept = {_words(row): _mark(row) for row in known if row["acknowledged_at"] is not None}
    if after:
        rows = [
            {
                "connection": connection,
                "stage": stage,
                "reason": reason,
                "stream": stream,
                "since": before[reason, stream]["since"] if (reason, stream) in before else now,
                "detail": detail,
                "opens_at": opens_at,
                **kept.get((reason, stream, detail), _UNMARKED),
            }
            for (reason, stream), (detail, opens_at) in after.items()
        ]
        db.execute(insert(attention), rows)
    return True


def _words(row: RowMapping) -> tuple[str, str, str]:
    return row["reason"], row["stream"], row["detail"]


def _mark(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _UNMARKED}


def clear_key_findings(db: Database, connection: ConnectionId) -> None:
    """Forget what was found about a key that is replaced or erased."""
    forget_reasons(db, connection, _OF_THE_KEY)


def forget_reasons(db: Database, connection: ConnectionId, reasons: Collection[Reason]) -> None:
    """Forget some reasons of a connection, whichever stage found them."""
    db.execute(delete(attention).where(attention.c.connection == connection, attention.c.reason.in_(sorted(reasons))))


def show_status(
    db: Database,
    connection: ConnectionId,
    now: datetime,
    stands: Sequence[Attention] | None = None,
    row: RowMapping | None = None,
) -> bool:
    """Work out the status between syncs and keep it; returns whether it differs from the one readers were told.

    It is kept because a status can change by itself, when a transient reason has lasted too long. `stands` is what stands there and
    `row` the connection, if known.
    """
    if row is None:
        row = db.execute(select(connections).where(connections.c.id == connection)).mappings().one()
    stands = standing(db, connection) if stands is None else stands
    status = connection_status(to_connection(row), stands, running=False, now=now)
    if status == row["shown_status"]:
        return False
    db.execute(update(connections).where(connections.c.id == connection).values(shown_status=status))
    return True
