"""What happens in an account while it is served: new trades, late ones, amendments."""

import random
from dataclasses import replace
from decimal import Decimal

from metrifly_pipeline.sandbox.pricing import cost_of
from metrifly_pipeline.sandbox.profiles import Book, MarketPlan, TradeDraft, profile_of
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthAmendment, TruthMovement, TruthTrade


def book_of(account: TruthAccount) -> Book:
    """A book that continues the account's history: its counters stand above every number used so far."""
    book = Book(random.Random(f"{account.uid}:{len(account.trades)}:{len(account.movements)}"))
    numbers = [trade.number for trade in account.trades] + [movement.number for movement in account.movements]
    orders = [trade.order_number for trade in account.trades]
    book.counters["number"] = max(numbers, default=0)
    book.counters["order"] = max(orders, default=0)
    for asset, total in account.balances().items():
        book.holdings[asset, "spot"] = total
    return book


def append_trade(
    account: TruthAccount,
    *,
    now_us: int,
    market: str | None = None,
    side: str = "buy",
    amount: Decimal | None = None,
    price: Decimal | None = None,
    visible_at_us: int | None = None,
) -> TruthTrade:
    """Let one more trade happen now; `visible_at_us` makes it a late record.

    Raises:
        KeyError: The exchange's profile has no such market.
    """
    profile = profile_of(account.exchange)
    listed = [plan for plan in profile.plans if plan.market.listed]
    plan = _plan(listed, market) if market else next(p for p in listed if p.market.quote == profile.cash)
    book = book_of(account)
    price = plan.start_price if price is None else price
    amount = Decimal(1).scaleb(-min(plan.amount_decimals, 3)) if amount is None else amount
    draft = TradeDraft(
        plan=plan,
        side=side,
        price=price,
        amount=amount,
        cost=cost_of(plan, price, amount),
        executed_at_us=now_us,
        order_number=book.next("order"),
    )
    entry = profile.trade(draft, book)
    trade = entry.trades[0] if visible_at_us is None else replace(entry.trades[0], visible_at_us=visible_at_us)
    account.markets.setdefault(plan.market.code, plan.market)
    account.trades.append(trade)
    account.movements.extend(entry.movements)
    return trade


def _plan(plans: list[MarketPlan], market: str) -> MarketPlan:
    for plan in plans:
        if plan.market.code == market:
            return plan
    raise KeyError(market)


def amend_trade(account: TruthAccount, amended: TruthTrade, *, now_us: int) -> None:
    """Let the exchange send a trade with other values from now on.

    Raises:
        ValueError: There is no trade with its key.
    """
    place = [trade.trade_key for trade in account.trades].index(amended.trade_key)
    before = account.trades[place]
    account.trades[place] = amended
    account.amendments.append(TruthAmendment(key=amended.trade_key, amended_at_us=now_us, before=before))
    account.touch()


def amend_movement(account: TruthAccount, amended: TruthMovement, *, now_us: int) -> None:
    """Let the exchange send a movement with other values from now on.

    Raises:
        ValueError: There is no movement with its key.
    """
    place = [movement.movement_key for movement in account.movements].index(amended.movement_key)
    before = account.movements[place]
    account.movements[place] = amended
    account.amendments.append(TruthAmendment(key=amended.movement_key, amended_at_us=now_us, before=before))
    account.touch()
