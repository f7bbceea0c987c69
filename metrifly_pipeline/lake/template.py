"""What every catalogue has in common, made once: tables without rows, views over no files, what rooms say of codes, all comments.

A publish copies it and fills the copy, which takes half as long as to make a catalogue from nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import duckdb

from metrifly_pipeline.domain.lake_rows import Column, Room, SmallTable
from metrifly_pipeline.lake.building import Builder, attached
from metrifly_pipeline.lake.catalogue import TABLE_COMMENTS, column_comment
from metrifly_pipeline.lake.engine import Instance

_HERE = Path(__file__).parent
_NO_CONNECTIONS = SmallTable(
    name="connections",
    comment=TABLE_COMMENTS["connections"],
    columns=tuple(
        Column(name=name, sql_type="VARCHAR", comment=column_comment("connections", name))
        for name in ("connection_id", "portfolio_id", "account_id")
    ),
    rows=(),
)


_made: dict[str, bytes] = {}
"""Templates of this process by digest: one that opens many homes makes each once."""


def write_template(
    instance: Instance, path: Path, digest: str, rooms: Mapping[str, Room], small: Sequence[SmallTable]
) -> None:
    """Write to `path` what no publish changes; `digest` is that of the same rooms and tables."""
    if digest not in _made:
        _build(instance, path, rooms, small)
        _made[digest] = path.read_bytes()
    else:
        path.write_bytes(_made[digest])


def _build(instance: Instance, path: Path, rooms: Mapping[str, Room], small: Sequence[SmallTable]) -> None:
    """Make tables without rows, views over no files, what rooms say, every comment."""
    with attached(instance, path) as connection:
        builder = Builder(connection)
        aliases = alias_table(rooms)
        for table in (*small, aliases):
            builder.add(table)
        builder.fill(aliases)
        builder.add_views()
        builder.add_comments({table.name: table for table in (*small, aliases)})


def template_digest(rooms: Mapping[str, Room], small: Sequence[SmallTable]) -> str:
    """What tells a template from one that another release, or other rooms, would make."""
    shapes = [(table.name, table.comment, table.columns) for table in small]
    aliases = [(name, room.aliases) for name, room in sorted(rooms.items())]
    told = repr((duckdb.__version__, shapes, aliases)).encode() + _own_text()
    return hashlib.blake2b(told, digest_size=8).hexdigest()


@cache
def _own_text() -> bytes:
    """The code that makes templates: whatever changes in it may change them."""
    return b"".join(source.read_bytes() for source in sorted([*_HERE.glob("*.py"), *_HERE.glob("sql/*.sql")]))


def with_connections(small: Sequence[SmallTable]) -> list[SmallTable]:
    """These tables, and `connections` without rows where it isn't among them: views ask for it."""
    return [*small] if any(table.name == "connections" for table in small) else [*small, _NO_CONNECTIONS]


def alias_table(rooms: Mapping[str, Room]) -> SmallTable:
    """The aliases of all rooms as a small table."""
    columns = (("exchange", "VARCHAR"), ("code", "VARCHAR"), ("asset", "VARCHAR"), ("wallet", "VARCHAR"))
    spans = (("valid_from", "TIMESTAMPTZ"), ("valid_to", "TIMESTAMPTZ"), ("source", "VARCHAR"))
    name = "asset_aliases"
    return SmallTable(
        name=name,
        comment=TABLE_COMMENTS[name],
        columns=tuple(
            Column(name=column, sql_type=kind, comment=column_comment(name, column)) for column, kind in columns + spans
        ),
        rows=[
            (
                room.exchange,
                alias.code,
                alias.asset,
                alias.wallet or None,
                alias.valid_from,
                alias.valid_to,
                alias.source,
            )
            for _, room in sorted(rooms.items())
            for alias in sorted(room.aliases, key=lambda alias: (alias.asset, alias.code))
        ],
    )
