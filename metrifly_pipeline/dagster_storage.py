"""Dagster's storage on PostgreSQL, quick to say which connections have a partition: its pages ask that of each one, several times.

Dagster's own opens a connection for every statement, which costs ten times what the statement does, so that many instances in one process
hold none. Here they share one pool.
"""

import time
from collections.abc import Mapping
from typing import Any, Self, cast

from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config

from metrifly_pipeline.control.engine import shared_engine

KNOWN_SECONDS = 1.0
"""One page asks of all its partitions within less than that."""
_READY: set[str] = set()
"""Where this process has seen that the tables are there."""


class KnowingPartitions(PostgresEventLogStorage):
    """Reads the keys of a partitions definition all at once and knows them for a second; only of an unknown one PostgreSQL is asked.

    So a new partition is there at once, and a deleted one is gone within a second.
    """

    def __init__(self, postgres_url: str) -> None:
        """Open the event log at `postgres_url`, whose tables are there."""
        self._known: dict[str, tuple[float, frozenset[str]]] = {}
        super().__init__(postgres_url, should_autocreate_tables=False)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether there is such a partition."""
        asked_at, keys = self._known.get(partitions_def_name, (float("-inf"), frozenset()))
        now = time.monotonic()
        if now - asked_at >= KNOWN_SECONDS:
            keys = frozenset(self.get_dynamic_partitions(partitions_def_name))
            self._known[partitions_def_name] = (now, keys)
        return partition_key in keys or super().has_dynamic_partition(partitions_def_name, partition_key)

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Delete a partition, and know it no longer."""
        super().delete_dynamic_partition(partitions_def_name, partition_key)
        self._known.pop(partitions_def_name, None)


class MetriflyPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` with that and the process's pool; named in `dagster.yaml`."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open runs, events and schedules at `postgres_url`; the tables are made where there are none."""
        super().__init__(postgres_url, should_autocreate_tables=postgres_url not in _READY, inst_data=inst_data)
        _READY.add(postgres_url)
        self._event_log_storage = KnowingPartitions(postgres_url)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = shared_engine(postgres_url)  # noqa: SLF001 - Dagster's webserver puts its own there, too

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make it of what `dagster.yaml` says."""
        return cls(pg_url_from_config(cast("PostgresStorageConfig", config_value)), inst_data)
