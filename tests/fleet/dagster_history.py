"""What Dagster knows of connections that were connected long ago: partitions, materialisations, verdicts, copied from those of a pattern."""

from collections.abc import Mapping
from contextlib import closing

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class
from psycopg2.extras import execute_values

from metrifly_pipeline.assets.recording import PARTITIONS_NAME

_TEXTS = ("event", "evaluation_event")
_OF_A_PARTITION = (
    ("event_logs", "AND dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_CHECK_EVALUATION')"),
    ("asset_check_executions", ""),
    ("dynamic_partitions", ""),
)


def copy_history(url: str, copies: Mapping[str, str]) -> None:
    """Give each copy what its pattern has; the patterns themselves stop being partitions.

    Args:
        url: Dagster's database.
        copies: Copy -> pattern.
    """
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as database, database, database.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copies (copy text, pattern text)")
        execute_values(cursor, "INSERT INTO copies VALUES %s", list(copies.items()))
        for table, which in _OF_A_PARTITION:
            _copy(cursor, table, which)
        cursor.execute(
            "DELETE FROM dynamic_partitions WHERE partitions_def_name = %s AND partition IN (SELECT pattern FROM copies)",
            [PARTITIONS_NAME],
        )
        cursor.execute("ANALYZE")


def _copy(cursor: Cursor, table: str, which: str) -> None:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name NOT IN ('id', 'partition')",
        [table],
    )
    names = [name for (name,) in cursor.fetchall()]
    values = [f"replace({name}, pattern, copy)" if name in _TEXTS else name for name in names]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}, partition) SELECT {', '.join(values)}, copy "  # noqa: S608 - Dagster's own names
        f"FROM {table} JOIN copies ON partition = pattern WHERE true {which} ORDER BY id, copy"
    )
