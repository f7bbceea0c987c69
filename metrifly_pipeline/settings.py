"""The only reader of the environment: where things lie, and the few switches a person may set."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`METRIFLY_*` variables; each has a default that works on a laptop."""

    model_config = SettingsConfigDict(env_prefix="METRIFLY_", hide_input_in_errors=True, frozen=True)

    home: Path = Path(".metrifly")
    """Everything that lasts: control database, lake, warehouse, master key, Dagster's own storage."""
    database_url: SecretStr | None = None
    """Control database on PostgreSQL; SQLite under `home` when unset."""
    master_key: SecretStr | None = None
    """Base64 of 32 bytes, for development and CI; a key file under `home` when unset."""
    new_master_key: SecretStr | None = None
    """The key that a rotation moves to, where the master key comes from the environment."""
    egress_ips: str = ""
    """Comma-separated addresses from which requests leave; shown as the IPs to allow."""
    account: str = "default"
    """Name of the account that commands act for."""
    daily_window_hours: int = Field(default=24, ge=1, le=24)
    """The daily sync spreads connections over this many hours, beginning at midnight UTC."""
    limit_scale: float = Field(default=1.0, ge=1.0)
    """Multiplies the exchange's limits; only ever used with a local exchange."""
    shard_size: int = Field(default=250, ge=1)
    dagster_url: SecretStr | None = None
    """Dagster's own storage on PostgreSQL; SQLite under `home` when unset."""
    runs_kept_days: int = Field(default=30, ge=1)
    """How long Dagster keeps finished runs that no status rests on."""

    smtp_url: SecretStr | None = None
    """Mail server for notifications: smtp://user:password@host:port, or smtps://."""
    smtp_from: str = ""
    """The address that mails come from."""

    @field_validator("egress_ips")
    @classmethod
    def _are_addresses(cls, given: str) -> str:
        for part in given.split(","):
            try:
                if part.strip():
                    ip_address(part.strip())
            except ValueError:
                message = "{address} is no internet address. Give those that requests leave from, with commas between"
                raise PydanticCustomError("address", message, {"address": part.strip()}) from None
        return given

    @property
    def lake_root(self) -> Path:
        """Where Delta tables and the warehouse lie."""
        return self.home.absolute() / "lake"

    @property
    def warehouse_file(self) -> Path:
        """The analyst's one file."""
        return self.lake_root / "warehouse" / "metrifly.duckdb"

    @property
    def log_folder(self) -> Path:
        """Where logs are written, the journal among them."""
        return self.home.absolute() / "logs"

    @property
    def master_key_file(self) -> Path:
        """The key file, 0600; never in one backup archive with the control database."""
        return self.home.absolute() / "vault" / "master.key"

    @property
    def control_url(self) -> str:
        """SQLAlchemy address of the control database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home.absolute() / 'control.sqlite'}"

    @property
    def allowed_ips(self) -> tuple[str, ...]:
        """The egress addresses as a tuple; empty when none is set."""
        return tuple(part.strip() for part in self.egress_ips.split(",") if part.strip())


def environment_with(values: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `values` in it, for a process that is started with it."""
    return {**os.environ, **values}


def share_environment(values: Mapping[str, str]) -> None:
    """Set variables of this process and those it starts: Dagster and its resources read their own places from them."""
    os.environ.update(values)


def own_environment(values: Mapping[str, str]) -> None:
    """The same, and let no other `METRIFLY_*` variable count: the demo owns its home, whatever the shell is set up for."""
    for name in [name for name in os.environ if name.upper().startswith("METRIFLY_")]:
        del os.environ[name]
    os.environ.update(values)
