"""Where Dagster keeps its own state, under METRIFLY_HOME, and how it is set up there."""

from pathlib import Path

from metrifly_pipeline.settings import Settings, share_environment

URL_VARIABLE = "METRIFLY_DAGSTER_URL"

INSTANCE = """\
# Written by `metrifly`; changes made here are overwritten.
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {max_concurrent_runs: 4, dequeue_interval_seconds: 1}
# A run whose worker and code server were both killed would stay "started" for ever.
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 180
  max_runtime_seconds: 21600
  poll_interval_seconds: 30
code_servers: {local_startup_timeout: 180}
# Ticks only: old runs with their events are deleted once a day, after a publish (assets/retention.py).
retention:
  schedule: {purge_after_days: 90}
  sensor:
    purge_after_days: {skipped: 2, failure: 30, success: 30}
"""
# The address stands in the environment only: what is written here ends up in process arguments.
POSTGRES = f"""\
storage:
  custom:
    module: metrifly_pipeline.dagster_storage
    class: MetriflyPostgresStorage
    config:
      postgres_url: {{env: {URL_VARIABLE}}}
"""
# The project's own workspace.yaml stays in its folder; an installed `metrifly` has only this. A test holds the two to the same content.
WORKSPACE = """\
load_from:
  - python_module: {module_name: metrifly_pipeline.definitions, location_name: metrifly}
"""


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME of these settings; one on PostgreSQL has a folder of its own."""
    return settings.home.absolute() / ("dagster" if settings.dagster_url is None else "dagster-postgres")


def workspace_file(settings: Settings) -> Path:
    """What webserver and daemon load."""
    return dagster_home(settings) / "workspace.yaml"


def adopt_home(settings: Settings) -> Path:
    """Set DAGSTER_HOME up and let this process and its children use it; returns it."""
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    _write(home / "dagster.yaml", INSTANCE + (POSTGRES if settings.dagster_url is not None else ""))
    _write(workspace_file(settings), WORKSPACE)
    share_environment({"DAGSTER_HOME": str(home)})
    return home


def _write(place: Path, text: str) -> None:
    if not place.exists() or place.read_text(encoding="utf-8") != text:
        place.write_text(text, encoding="utf-8")
