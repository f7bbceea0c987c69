"""How a fleet fared: its tables against the exchanges' truth, and its attention against what was injected."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from metrifly_pipeline.bootstrap import Product
from metrifly_pipeline.domain.attention import GRACE, MISMATCH_GRACE, Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.reasons import Level
from tests.fleet.founding import Fleet
from tests.fleet.plan import Cause, Injected, Plan, reason_of
from tests.fleet.world import World

TRADES = (
    "SELECT connection_id, trade_key, base, quote, side, price, amount, cost, if(fee_amount <> 0, fee_asset, NULL), "
    "coalesce(fee_amount, 0), epoch_us(executed_at) FROM trades"
)
MOVEMENTS = "SELECT connection_id, movement_key, kind, role, asset, amount, epoch_us(occurred_at), group_key, wallet FROM movements"
_SHOWS_AFTER = {Cause.NONCES: GRACE, Cause.HIDDEN: MISMATCH_GRACE}
"""How long a reason must last before its level rises; every other cause shows at once."""
_NEXT_TURN = timedelta(hours=25)
"""Every connection's turn has come within a day, and an hour for the shard it stands in."""


@dataclass(slots=True)
class Verdict:
    """What was found."""

    compared: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)
    """Each row that differs from the truth, in words."""
    actions_without_cause: dict[ConnectionId, str] = field(default_factory=dict)
    causes_shown: Counter[Cause] = field(default_factory=Counter)
    causes_missed: list[str] = field(default_factory=list)


def compare(plan: Plan, fleet: Fleet, world: World, product: Product, verdict: Verdict) -> None:
    """Hold what is published of each member against what its exchange shows, row by row."""
    trades, movements = _published(product, TRADES), _published(product, MOVEMENTS)
    for member in plan.members:
        connection, truth = fleet.connections[member.number], world.truth(member.number)
        verdict.compared += len(truth.trades) + len(truth.movements)
        for there, shown in ((trades, truth.trades), (movements, truth.movements)):
            _compare(connection, there[connection], shown, verdict)


def _published(product: Product, sql: str) -> Mapping[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in product.lake.query(sql)[1]:
        found[str(row[0])].append(tuple(row[1:]))
    return found


def _compare(
    connection: ConnectionId, rows: list[tuple[Any, ...]], truth: Mapping[str, tuple[Any, ...]], verdict: Verdict
) -> None:
    there = {row[0]: row[1:] for row in rows}
    lost = [key for key, values in truth.items() if there.get(key) != values]
    invented = there.keys() - truth.keys()
    verdict.lost += len(lost)
    verdict.doubled += len(rows) - len(there) + len(invented)
    verdict.wrong += [f"{connection}: {key} is {there.get(key)}, should be {truth[key]}" for key in lost]
    verdict.wrong += [f"{connection}: {key} is no record of this account" for key in invented]


def judge_causes(plan: Plan, fleet: Fleet, product: Product, now: datetime, verdict: Verdict) -> None:
    """Whether each cause shows its own reason in time, and who needs someone without any."""
    standing: dict[ConnectionId, list[Attention]] = defaultdict(list)
    for view in product.listing.views(counts={}):
        standing[view.connection.id] += view.attention
    for member in plan.members:
        connection = fleet.connections[member.number]
        own = standing[connection]
        if member.injected is None:
            actions = [item.reason.value for item in own if item.level(now) is Level.ACTION]
            if actions:
                verdict.actions_without_cause[connection] = ", ".join(actions)
        elif missed := _missed(member.exchange, member.injected, own, now):
            verdict.causes_missed.append(f"{connection}: {missed}")
        else:
            verdict.causes_shown[member.injected.cause] += 1


def _missed(exchange: str, injected: Injected, own: list[Attention], now: datetime) -> str:
    """What is wrong with how a cause shows; empty where nothing is."""
    wanted = reason_of(exchange, injected.cause)
    found = [item for item in own if item.reason is wanted]
    others = [item.reason.value for item in own if item.level(now) is Level.ACTION and item.reason is not wanted]
    if others:
        return f"{injected.cause} shows as {', '.join(others)}"
    if not found:
        return f"{injected.cause} does not show as {wanted}"
    (item,) = found
    if item.since - injected.at > _NEXT_TURN:
        return f"{injected.cause} was found only after {item.since - injected.at}"
    is_raised = item.level(now) is not Level.INFO
    grace = _SHOWS_AFTER.get(injected.cause, timedelta())
    return "" if is_raised is (now - item.since >= grace) else f"{wanted} has level {item.level(now)}"
