"""Rows and columns of tables as Dagster shows them, with the words that analysts read. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from metrifly_pipeline.lake.tables import SQL_TYPES, TableShape


def table_metadata(
    name: str, rows: Mapping[str, int], schemas: Mapping[str, dg.TableSchema]
) -> dict[str, dg.MetadataValue]:
    """Rows and columns of one published table, as far as the publish tells them."""
    found: dict[str, dg.MetadataValue] = {}
    if name in rows:
        found["dagster/row_count"] = dg.MetadataValue.int(rows[name])
    if name in schemas:
        found["dagster/column_schema"] = dg.MetadataValue.table_schema(schemas[name])
    return found


def column_schemas(rows: Iterable[Sequence[object]]) -> dict[str, dg.TableSchema]:
    """Schemas by table from rows of (table, column, type, comment)."""
    columns: dict[str, list[dg.TableColumn]] = {}
    for table, column, kind, comment in rows:
        described = dg.TableColumn(str(column), str(kind), description=str(comment) if comment else None)
        columns.setdefault(str(table), []).append(described)
    return {table: dg.TableSchema(columns=found) for table, found in columns.items()}


def stored_schema(shape: TableShape) -> dg.TableSchema:
    """The columns of a Delta table, with the words that analysts read."""
    described = [dg.TableColumn(each.name, SQL_TYPES[each.kind], description=each.comment) for each in shape.columns]
    return dg.TableSchema(columns=described)
