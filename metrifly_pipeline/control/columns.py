"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Column, Dialect, Integer
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""A number handed out by the database; SQLite counts only in columns that are exactly INTEGER."""


class Instant(TypeDecorator[datetime]):
    """A moment as whole microseconds since 1970 UTC.

    An integer, because SQLite has no type for times and PostgreSQL's follows the session's zone: so both compare, sort and return exactly
    what was stored.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Store an aware time; a naive one is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give it back, aware UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def count(name: str) -> Column[int]:
    """A column that counts from 0."""
    return Column(name, BigInteger, nullable=False, server_default="0")
