"""The control database: what is connected, how far it is synced, who may write, and what a person must do. Only importer of SQLAlchemy."""

from metrifly_pipeline.control.store import SqlControlStore, open_store

__all__ = ["SqlControlStore", "open_store"]
