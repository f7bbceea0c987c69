"""From settings to wired services: the one place where rooms that don't know each other are joined, and where real time comes from."""

import os
import random
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from metrifly_pipeline.control.store import open_store
from metrifly_pipeline.delivery import HouseCourier
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.domain.plans import DEFAULT_ACCOUNT
from metrifly_pipeline.domain.ports import (
    Clock,
    ControlStore,
    Courier,
    ExchangeGateway,
    Lake,
    Reach,
    Sleep,
    Vault,
    reach_nothing,
)
from metrifly_pipeline.domain.reasons import MEANING, Reason, remedy_for
from metrifly_pipeline.domain.status import SyncRun
from metrifly_pipeline.exchanges.gateway import Gateway
from metrifly_pipeline.journal import forget_in, open_journal
from metrifly_pipeline.lake import open_lake
from metrifly_pipeline.services.accounting import Accounting
from metrifly_pipeline.services.acknowledging import Acknowledging
from metrifly_pipeline.services.budgeting import SharedBudget
from metrifly_pipeline.services.capacity import Capacity
from metrifly_pipeline.services.connecting import Connecting, ConnectPorts
from metrifly_pipeline.services.erasing import Erasing
from metrifly_pipeline.services.estimating import Estimating
from metrifly_pipeline.services.exporting import Exporting
from metrifly_pipeline.services.health import Health
from metrifly_pipeline.services.importing import Importing
from metrifly_pipeline.services.landing import GROUP_RECORDS
from metrifly_pipeline.services.listing import Listing
from metrifly_pipeline.services.maintaining import Maintaining
from metrifly_pipeline.services.moving import Moving
from metrifly_pipeline.services.notifying import Notifying
from metrifly_pipeline.services.publishing import Publishing
from metrifly_pipeline.services.recording import Recording
from metrifly_pipeline.services.rekeying import Rekeying
from metrifly_pipeline.services.requesting import Requesting
from metrifly_pipeline.services.syncing import Syncing, SyncPorts
from metrifly_pipeline.settings import Settings
from metrifly_pipeline.spreadsheets import SpreadsheetFiles
from metrifly_pipeline.vault.envelope import EnvelopeVault
from metrifly_pipeline.vault.hardening import keep_out_of_core_dumps
from metrifly_pipeline.vault.providers import EnvironmentKeyProvider, FileKeyProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Every service, wired."""

    settings: Settings
    control: ControlStore
    lake: Lake
    vault: Vault
    gateway: ExchangeGateway
    accounting: Accounting
    acknowledging: Acknowledging
    connecting: Connecting
    erasing: Erasing
    moving: Moving
    notifying: Notifying
    syncing: Syncing
    rekeying: Rekeying
    requesting: Requesting
    estimating: Estimating
    listing: Listing
    publishing: Publishing
    recording: Recording
    importing: Importing
    maintaining: Maintaining
    capacity: Capacity
    exporting: Exporting
    health: Health
    clock: Clock

    @property
    def account(self) -> AccountId:
        """The account that is acted for. Looked up when it is asked for: not everything acts for one.

        Raises:
            NotFoundError: METRIFLY_ACCOUNT or `--account` names one that wasn't created.
        """
        return self.accounting.named(self.settings.account or DEFAULT_ACCOUNT)


def real_clock() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


@contextmanager
def open_product(
    settings: Settings,
    *,
    clock: Clock = real_clock,
    reach: Reach = reach_nothing,
    group_records: int = GROUP_RECORDS,
    sleep: Sleep = time.sleep,
) -> Iterator[Product]:
    """Open everything under the home; migrates the control database where needed.

    Args:
        settings: Where things lie.
        clock: Tells the time.
        reach: Called at each labelled point of landing, moving the cursor, normalising and publishing.
        group_records: How many records gather before they are committed together.
        sleep: Waits for seconds: until a limit lets us ask again, and between two tries.

    Raises:
        MetriflyError: The home can't be written, the database can't be reached, or the master key is badly protected.
    """
    keep_out_of_core_dumps()
    settings.home.mkdir(parents=True, exist_ok=True)
    rng = random.Random(secrets.randbits(64))  # noqa: S311 - ids, not secrets
    control = open_store(settings.control_url, rng)
    try:
        yield _wire(settings, control, clock, rng, reach, group_records, sleep)
    finally:
        control.close()


def _wire(
    settings: Settings,
    control: ControlStore,
    clock: Clock,
    rng: random.Random,
    reach: Reach,
    group_records: int,
    sleep: Sleep,
) -> Product:
    egress = settings.allowed_ips[0] if settings.allowed_ips else "local"
    gateway = Gateway(clock=clock, sleep=sleep, rng=rng, limit_scale=settings.limit_scale, egress=egress)
    lake = open_lake(settings.lake_root, gateway.rooms(), reach=reach)
    keys = _open_keys(settings, control)
    vault = EnvelopeVault(keys)
    budget = SharedBudget(control, clock, sleep)
    journal = open_journal(settings.log_folder, clock)
    estimating = Estimating(control, lake, gateway, clock, settings.limit_scale)
    listing = Listing(control, lake, estimating, clock)
    erasing = Erasing(control, lake, clock, partial(forget_in, settings.log_folder), reach)
    syncing = Syncing(
        SyncPorts(
            control=control,
            lake=lake,
            vault=vault,
            gateway=gateway,
            budget=budget,
            clock=clock,
            holder=f"{os.getpid()}-{rng.getrandbits(32):08x}",
            allowed_ips=settings.allowed_ips,
            daily_window=timedelta(hours=settings.daily_window_hours),
            reach=reach,
            group_records=group_records,
            journal=journal,
        )
    )
    connecting = Connecting(
        ConnectPorts(
            control=control,
            lake=lake,
            vault=vault,
            gateway=gateway,
            budget=budget.lane(Lane.CONNECT),
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
        accounting=Accounting(control, clock),
        acknowledging=Acknowledging(control, listing, clock),
        connecting=connecting,
        erasing=erasing,
        moving=Moving(control, clock),
        notifying=Notifying(control, vault, _courier(settings), clock, rng, secrets.token_bytes),
        syncing=syncing,
        rekeying=Rekeying(control, vault, keys, clock, reach),
        requesting=Requesting(control, clock, remedy_of_run, estimating),
        estimating=estimating,
        listing=listing,
        publishing=Publishing(control, lake, listing, erasing, clock, journal),
        recording=Recording(control, lake, clock),
        importing=Importing(control, lake, SpreadsheetFiles(), clock),
        maintaining=Maintaining(control, lake, clock, erasing),
        capacity=Capacity(control, lake, gateway, clock, settings.limit_scale),
        exporting=Exporting(control, lake),
        health=Health(control, lake, clock, lambda: shutil.disk_usage(settings.home).free),
        clock=clock,
    )


def _courier(settings: Settings) -> Courier:
    url = None if settings.smtp_url is None else settings.smtp_url.get_secret_value()
    return HouseCourier(url, settings.smtp_from)


def _open_keys(settings: Settings, control: ControlStore) -> EnvironmentKeyProvider | FileKeyProvider:
    if settings.master_key is None:
        return FileKeyProvider(settings.master_key_file, control.has_credentials)
    new = None if settings.new_master_key is None else settings.new_master_key.get_secret_value()
    return EnvironmentKeyProvider(settings.master_key.get_secret_value(), new=new)


def remedy_of_run(run: SyncRun) -> str:
    """Why a failed run failed and what to do."""
    reason = Reason(run.reason)
    detail = f" ({run.detail})" if run.detail else ""
    return f"{MEANING[reason].title}{detail}. {remedy_for(reason, run.connection.rsplit('-', 1)[0], run.connection)}"
