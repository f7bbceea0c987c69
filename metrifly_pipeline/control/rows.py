"""Rows of the tables as the domain's types, and finding one or saying which is missing."""

import dataclasses
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, select

from metrifly_pipeline.control.tables import connections, requests, runs
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.status import Connection, Outcome, SyncKind, SyncRequest, SyncRun
from metrifly_pipeline.domain.trouble import NotFoundError


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


_CONNECTION = _names(Connection)
_REQUEST = _names(SyncRequest)
_RUN = _names(SyncRun)


def to_connection(row: RowMapping) -> Connection:
    """A row of `connections`; the columns bear the fields' names."""
    return Connection(**{name: row[name] for name in _CONNECTION})


def from_connection(connection: Connection) -> dict[str, Any]:
    """The columns of `connections` that a `Connection` fills."""
    return {name: getattr(connection, name) for name in _CONNECTION}


def to_request(row: RowMapping) -> SyncRequest:
    """A row of `requests`."""
    return SyncRequest(**{name: row[name] for name in _REQUEST} | {"kind": SyncKind(row["kind"])})


def to_run(row: RowMapping) -> SyncRun:
    """A row of `runs`."""
    enums = {"kind": SyncKind(row["kind"]), "outcome": Outcome(row["outcome"])}
    return SyncRun(**{name: row[name] for name in _RUN} | enums)


def from_run(run: SyncRun) -> dict[str, Any]:
    """The columns of `runs` that a `SyncRun` fills, without its number."""
    return {name: getattr(run, name) for name in _RUN if name != "id"}


def one_connection(db: Database, connection: ConnectionId) -> Connection:
    """One connection; NotFoundError."""
    return _connection(db, connection, lock=False)


def lock_connection(db: Database, connection: ConnectionId) -> Connection:
    """One connection, which no other transaction can write to until this one ends; NotFoundError."""
    return _connection(db, connection, lock=True)


def _connection(db: Database, connection: ConnectionId, *, lock: bool) -> Connection:
    query = select(connections).where(connections.c.id == connection)
    row = db.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise no_connection(connection)
    return to_connection(row)


def no_connection(connection: ConnectionId) -> NotFoundError:
    """What is said where there is none of that id."""
    return NotFoundError(f"There is no connection {connection}; `metrifly connections` lists them")


def one_request(db: Database, request: int) -> SyncRequest:
    """One request; NotFoundError."""
    row = db.execute(select(requests).where(requests.c.id == request)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no sync request {request}")
    return to_request(row)


def one_run(db: Database, run: int) -> SyncRun:
    """One run; NotFoundError."""
    row = db.execute(select(runs).where(runs.c.id == run)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no sync run {run}")
    return to_run(row)
