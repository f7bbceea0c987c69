"""From settings to wired services: the one place where rooms that don't know each other are joined, and where real time comes from."""

import os
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.domain.attention import Reason, remedy_for
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.ports import Budget, Clock, ControlStore, ExchangeGateway, Lake, Reach, Vault, reach_nothing
from metrifly_pipeline.domain.status import Connection, SyncRun
from metrifly_pipeline.exchanges.gateway import open_gateway
from metrifly_pipeline.lake.store import open_lake
from metrifly_pipeline.services.budgeting import SharedBudget
from metrifly_pipeline.services.connecting import Connecting, ConnectPorts
from metrifly_pipeline.services.listing import Listing
from metrifly_pipeline.services.publishing import Publishing
from metrifly_pipeline.services.requesting import Requesting
from metrifly_pipeline.services.syncing import Syncing, SyncPorts
from metrifly_pipeline.settings import Settings
from metrifly_pipeline.vault.store import open_vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Every service, wired."""

    settings: Settings
    control: ControlStore
    lake: Lake
    vault: Vault
    gateway: ExchangeGateway
    connecting: Connecting
    syncing: Syncing
    requesting: Requesting
    listing: Listing
    publishing: Publishing
    clock: Clock
    account: AccountId


def real_clock() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


@contextmanager
def open_product(settings: Settings, *, clock: Clock = real_clock, reach: Reach = reach_nothing) -> Iterator[Product]:
    """Open everything under the home; migrates the control database where needed.

    Raises:
        MetriflyError: The home can't be written, the database can't be reached, or the master key is badly protected.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    rng = random.Random(secrets.randbits(64))  # noqa: S311 - ids, not secrets
    control = open_store(settings.control_url, rng)
    try:
        yield _wire(settings, control, clock, rng, reach)
    finally:
        control.close()


def _wire(settings: Settings, control: ControlStore, clock: Clock, rng: random.Random, reach: Reach) -> Product:
    gateway = open_gateway(limit_scale=settings.limit_scale, clock=clock, sleep=time.sleep, rng=rng)
    lake = open_lake(settings.lake_root, gateway.rooms(), reach=reach)
    key = settings.master_key.get_secret_value() if settings.master_key else None
    vault = open_vault(settings.master_key_file, key, control.has_credentials)
    ip = settings.allowed_ips[0] if settings.allowed_ips else "this machine"

    def budget_for_key(exchange: str, fingerprint: str, base_url: str | None) -> Budget:
        shared_ip = base_url or ip
        return SharedBudget(control, clock, time.sleep, exchange=exchange, key=fingerprint, ip=shared_ip)

    def budget_for(connection: Connection) -> Budget:
        sealed = control.sealed_credential(connection.id)
        return budget_for_key(connection.exchange, sealed.fingerprint if sealed else connection.id, connection.base_url)

    listing = Listing(control, lake, clock)
    syncing = Syncing(
        SyncPorts(
            control=control,
            lake=lake,
            vault=vault,
            gateway=gateway,
            budget_for=budget_for,
            clock=clock,
            holder=f"{os.getpid()}-{rng.getrandbits(32):08x}",
            allowed_ips=settings.allowed_ips,
            daily_window=timedelta(hours=settings.daily_window_hours),
            reach=reach,
        )
    )
    connecting = Connecting(
        ConnectPorts(
            control=control,
            vault=vault,
            gateway=gateway,
            budget_for_key=budget_for_key,
            clock=clock,
            rng=rng,
            allowed_ips=settings.allowed_ips,
        )
    )
    return Product(
        settings=settings,
        control=control,
        lake=lake,
        vault=vault,
        gateway=gateway,
        connecting=connecting,
        syncing=syncing,
        requesting=Requesting(control, clock, remedy_of_run),
        listing=listing,
        publishing=Publishing(control, lake, listing, clock),
        clock=clock,
        account=control.ensure_account(settings.account, clock()),
    )


def remedy_of_run(run: SyncRun) -> str:
    """Why a failed run failed and what to do."""
    reason = Reason(run.reason)
    return remedy_for(reason, run.connection.rsplit("-", 1)[0], run.connection)
