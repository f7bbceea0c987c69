"""Runs migrations in the transaction that `engine.upgrade` holds open; Alembic is never run from a shell."""

from alembic import context

from metrifly_pipeline.control.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite can't alter columns in place
)
context.run_migrations()
