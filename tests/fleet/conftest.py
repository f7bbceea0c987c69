"""A PostgreSQL with two empty databases, as an installation has them: one for the product, one for Dagster."""

import pytest
from pydantic import SecretStr

from metrifly_pipeline.settings import Settings
from tests.support.postgres import running_postgres

LIKE_DAGSTER = "postgresql+psycopg2://"


@pytest.fixture
def urls(monkeypatch):
    with running_postgres() as postgres:
        made = {name: postgres.database().replace("postgresql://", LIKE_DAGSTER, 1) for name in ("control", "dagster")}
        monkeypatch.setenv("METRIFLY_DAGSTER_URL", made["dagster"])
        yield made


@pytest.fixture
def settings(urls, tmp_path):
    return Settings(home=tmp_path / "home", database_url=SecretStr(urls["control"]))
