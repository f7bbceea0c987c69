"""The lake: Delta tables, the normaliser's engine and the published warehouse. The only importer of deltalake, duckdb and pyarrow."""

import pyarrow as pa

from metrifly_pipeline.lake.store import DeltaLake, open_lake

__all__ = ["DeltaLake", "open_lake"]

# Arrow's own pools keep what they gave out before: a first import of 200,000 trades would hold 30 MB more at its peak.
pa.set_memory_pool(pa.system_memory_pool())
