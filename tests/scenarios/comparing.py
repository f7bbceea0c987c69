"""The exchange's truth and the analyst's tables in one form, so that `==` compares every digit."""

from typing import Any

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.sandbox.truth import TruthAccount
from tests.scenarios.homes import Home


def truth_trades(account: TruthAccount, now_us: int) -> dict[str, tuple[Any, ...]]:
    """Every trade that the exchange shows, by key."""
    return {
        trade.trade_key: (
            trade.market.base,
            trade.market.quote,
            trade.side,
            trade.price,
            trade.amount,
            trade.cost,
            trade.fee_asset if trade.fee_amount else None,
            trade.fee_amount,
            trade.executed_at_us,
        )
        for trade in account.shown_trades(now_us)
    }


def truth_movements(account: TruthAccount, now_us: int) -> dict[str, tuple[Any, ...]]:
    """Every movement that the exchange shows, by key."""
    return {
        movement.movement_key: (
            movement.kind,
            movement.role,
            movement.asset,
            movement.amount,
            movement.occurred_at_us,
            movement.group_key,
            movement.wallet,
        )
        for movement in account.shown_movements(now_us)
    }


def published_trades(home: Home, connection: ConnectionId) -> dict[str, tuple[Any, ...]]:
    """The same of what the analyst reads; a key that stands there twice is an error."""
    rows = home.read(
        "SELECT connection_id, trade_key, base, quote, side, price, amount, cost, if(fee_amount <> 0, fee_asset, NULL), "
        "coalesce(fee_amount, 0), epoch_us(executed_at) FROM trades"
    )[1]
    return _by_key(rows, connection)


def published_movements(home: Home, connection: ConnectionId) -> dict[str, tuple[Any, ...]]:
    """The same of movements."""
    rows = home.read(
        "SELECT connection_id, movement_key, kind, role, asset, amount, epoch_us(occurred_at), group_key, wallet "
        "FROM movements"
    )[1]
    return _by_key(rows, connection)


def _by_key(rows: Any, connection: ConnectionId) -> dict[str, tuple[Any, ...]]:
    own = [row[1:] for row in rows if row[0] == connection]
    found = {row[0]: tuple(row[1:]) for row in own}
    assert len(found) == len(own), "a key stands there twice"
    return found


def assert_exact(home: Home, connection: ConnectionId) -> None:
    """What is published of a connection is what its exchange shows now: each once, every digit, nothing else."""
    account, now_us = home.accounts[connection], home.time.now_us
    assert published_trades(home, connection) == truth_trades(account, now_us)
    assert published_movements(home, connection) == truth_movements(account, now_us)
