"""The lake: Delta tables, the normaliser's engine and the published warehouse. The only importer of deltalake, duckdb and pyarrow."""

from metrifly_pipeline.lake.store import DeltaLake, open_lake

__all__ = ["DeltaLake", "open_lake"]
