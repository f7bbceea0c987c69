"""Setting a fleet up as if it had been connected long ago: one history of each pattern is imported for real, the others are copies of it.

A copy has its own key, exchange account, rows in every table and marks in their logs. It is as the product would have left it, without
asking an exchange some hundred times for each of thousands of connections.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection as Database
from sqlalchemy import Table, insert, select

from metrifly_pipeline.automation import batch_config
from metrifly_pipeline.bootstrap import Product
from metrifly_pipeline.control import tables
from metrifly_pipeline.control.engine import open_engine
from metrifly_pipeline.domain.credentials import Credential
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, new_connection_id
from metrifly_pipeline.domain.plans import Plan as Tariff
from metrifly_pipeline.domain.scheduling import next_slot
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.services.connecting import ConnectRequest
from tests.fleet.dagster_history import copy_history
from tests.fleet.plan import FOUNDED, START, Member, Plan
from tests.fleet.world import Opened, World

Run = Callable[[str, Mapping[str, Any], Mapping[str, str]], None]
"""Runs a job in Dagster, with its config and tags."""
PORTFOLIO = "Long term"
EACH_ACCOUNT = 3
"""Connections of one customer."""
DAY = timedelta(days=1)
SWEPT_EVERY_DAYS = 7
COPIED = (tables.leases, tables.cursors, tables.coverage, tables.streams, tables.attention)
STORED = ("raw_records", "trades", "movements", "balances", "quarantine")
COPIES_A_COMMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Where each member's trades flow, and its connection once it has one."""

    opened: Sequence[Opened]
    customers: Sequence[AccountId]
    connections: dict[int, ConnectionId]

    def connect(self, product: Product, world: World, member: Member) -> ConnectionId:
        """Connect a member as a person does."""
        account = self.customers[member.number // EACH_ACCOUNT]
        opened = self.opened[member.number]
        made = connect(product, account, member.exchange, opened, world.base_urls[member.exchange])
        self.connections[member.number] = made
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """One connection to be made."""

    id: ConnectionId
    app_id: str
    like: ConnectionId
    member: Member
    due: datetime
    swept_at: datetime


def connect(product: Product, account: AccountId, exchange: str, opened: Opened, base_url: str) -> ConnectionId:
    """Connect an account with its key."""
    request = ConnectRequest(
        account=account,
        exchange=exchange,
        portfolio=PORTFOLIO,
        credential=_credential(opened),
        base_url=base_url,
    )
    return product.connecting.connect(request).id


def found(plan: Plan, world: World, product: Product, urls: Mapping[str, str], run: Run) -> Fleet:
    """Set the fleet up at `FOUNDED`; those who connect later are left out."""
    customers = _customers(plan, product)
    fleet = Fleet(opened=world.opened(), customers=customers, connections={})
    patterns = _import_patterns(world, product, run)
    rng = random.Random(plan.seed)
    copies = [
        _copy(plan, member, patterns[member.exchange, member.pattern], rng)
        for member in plan.members
        if member.connects_at is None
    ]
    _copy_control(product, urls["control"], fleet, copies)
    _copy_lake(product, copies)
    copy_history(urls["dagster"], {copy.id: copy.like for copy in copies})
    fleet.connections.update({copy.member.number: copy.id for copy in copies})
    for pattern in patterns.values():
        product.connecting.disconnect(pattern)
    product.publishing.publish()
    return fleet


def _customers(plan: Plan, product: Product) -> list[AccountId]:
    made = []
    for number in range(-(-plan.connections // EACH_ACCOUNT)):
        account = product.accounting.create(f"customer-{number:05}", Tariff.PRO)
        product.control.create_portfolio(account.id, PORTFOLIO, product.clock())
        made.append(account.id)
    return made


def _import_patterns(world: World, product: Product, run: Run) -> dict[tuple[str, int], ConnectionId]:
    """Import each pattern for real; they are no part of the fleet."""
    account = product.account
    product.control.create_portfolio(account, PORTFOLIO, product.clock())
    made = {
        place: connect(product, account, place[0], opened, world.base_urls[place[0]])
        for place, opened in world.patterns().items()
    }
    while batches := product.requesting.batches():
        for batch in batches:
            run("sync", batch_config(batch.number), {})
    failed = [each.reason for each in product.control.runs(limit=1_000) if each.outcome is Outcome.FAILED]
    if failed:
        raise RuntimeError(f"patterns could not be imported: {failed}")
    return made


def _credential(opened: Opened) -> Credential:
    return Credential(opened.key.api_key, opened.key.secret, opened.key.passphrase)


def _copy(plan: Plan, member: Member, like: ConnectionId, rng: random.Random) -> _Copy:
    made = new_connection_id(member.exchange, rng)
    return _Copy(
        id=made,
        app_id=f"{rng.getrandbits(128):032x}",
        like=like,
        member=member,
        due=next_slot(made, START, plan.window),
        swept_at=FOUNDED - timedelta(days=rng.uniform(0, SWEPT_EVERY_DAYS)),
    )


def _copy_control(product: Product, url: str, fleet: Fleet, copies: Sequence[_Copy]) -> None:
    portfolios = {item.account: item.id for item in product.control.portfolios()}
    engine = open_engine(url)
    with engine.begin() as db:
        known = {row["id"]: row for row in db.execute(select(tables.connections)).mappings()}
        rows, credentials = [], []
        for copy in copies:
            account = fleet.customers[copy.member.number // EACH_ACCOUNT]
            opened = fleet.opened[copy.member.number]
            rows.append(dict(known[copy.like]) | _own_values(copy, account, portfolios[account], opened))
            sealed = product.vault.seal(account, copy.id, 1, _credential(opened))
            names = ("version", "key_id", "wrapped_key", "sealed", "fingerprint")
            credentials.append({"connection": copy.id} | {name: getattr(sealed, name) for name in names})
        db.execute(insert(tables.connections), rows)
        db.execute(insert(tables.credentials), credentials)
        for table in COPIED:
            _copy_rows(db, table, copies)
    engine.dispose()


def _own_values(copy: _Copy, account: AccountId, portfolio: str, opened: Opened) -> dict[str, Any]:
    """What a copy doesn't share with its pattern; it was last checked in its slot of the day before."""
    checked = dict.fromkeys(("last_checked_at", "last_success_at", "probed_at"), copy.due - DAY)
    own = {"id": copy.id, "app_id": copy.app_id, "account": account, "portfolio": portfolio, "identity": opened.uid}
    return own | checked | {"next_due_at": copy.due, "swept_at": copy.swept_at}


def _copy_rows(db: Database, table: Table, copies: Sequence[_Copy]) -> None:
    by_pattern: dict[str, list[Mapping[str, Any]]] = {}
    for row in db.execute(select(table)).mappings():
        by_pattern.setdefault(row["connection"], []).append(dict(row))
    rows = [{**row, "connection": copy.id} for copy in copies for row in by_pattern.get(copy.like, ())]
    for start in range(0, len(rows), 10_000):
        db.execute(insert(table), rows[start : start + 10_000])


def _copy_lake(product: Product, copies: Sequence[_Copy]) -> None:
    stored_tables = TableSet(product.settings.lake_root)
    app_ids = {connection.id: connection.app_id for connection in product.control.connections()}
    for name in STORED:
        stored = stored_tables.stored(name)
        stored.reload()
        shape = stored.shape
        rows = pa.concat_tables(
            [
                shape.schema.empty_table(),
                *(pq.read_table(file.path).select(shape.names).cast(shape.schema) for file in stored.files()),
            ]
        )
        by_pattern = {
            like: rows.filter(pc.equal(rows["connection_id"], like)) for like in {copy.like for copy in copies}
        }
        marks = {like: stored.mark(app_ids[like]) for like in by_pattern}
        for start in range(0, len(copies), COPIES_A_COMMIT):
            some = sorted(copies[start : start + COPIES_A_COMMIT], key=lambda copy: copy.id)
            known = {copy.app_id: mark for copy in some if (mark := marks[copy.like]) is not None}
            stored.commit(pa.concat_tables(list(_renamed(some, by_pattern))), known)
        stored.settle()


def _renamed(copies: Sequence[_Copy], rows: Mapping[ConnectionId, pa.Table]) -> Iterator[pa.Table]:
    for copy in copies:
        own = rows[copy.like]
        names = pa.array([copy.id] * own.num_rows, own["connection_id"].type)
        yield own.set_column(own.schema.get_field_index("connection_id"), "connection_id", names)
