"""What happens in an account while it is served: new trades, late ones, amendments."""

import random
from dataclasses import replace
from decimal import Decimal

from metrifly_pipeline.sandbox.pricing import cost_of, unit
from metrifly_pipeline.sandbox.profiles import SPOT, Book, MarketPlan, Profile, TradeDraft, profile_of
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthAmendment, TruthMarket, TruthMovement, TruthTrade


def book_of(account: TruthAccount) -> Book:
    """A book that continues the account's history: the same counters, what is held now in the spot wallet."""
    seed = f"{account.uid}:{len(account.trades)}:{len(account.movements)}"
    held = {(asset, SPOT): total for asset, total in account.balances().items()}
    return Book(random.Random(seed), holdings=held, counters=account.counters)


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
    """Let one more trade happen now; `visible_at_us` makes it a late record."""
    profile = profile_of(account.exchange)
    plan = plan_of(profile, market)
    book = book_of(account)
    price = plan.start_price if price is None else price
    amount = unit(min(plan.amount_decimals, 3)) if amount is None else amount
    moment = now_us // 1_000 * 1_000  # every exchange can tell a millisecond
    draft = TradeDraft(
        plan=plan,
        side=side,
        price=price,
        amount=amount,
        cost=cost_of(plan, price, amount),
        executed_at_us=moment,
        order_number=book.next("order"),
    )
    entry = profile.trade(draft, book)
    # A profile may make a moment finer, that is later; now is now.
    trade = replace(entry.trades[0], executed_at_us=moment, visible_at_us=visible_at_us or moment)
    account.markets.setdefault(plan.market.code, plan.market)
    account.trades.append(trade)
    account.movements.extend(replace(m, occurred_at_us=moment, visible_at_us=moment) for m in entry.movements)
    return trade


def plan_of(profile: Profile, market: str | None) -> MarketPlan:
    """The plan of a market (`BTC/USD`); without one a listed market for cash; an unknown one is made up."""
    if market is None:
        return next(plan for plan in profile.plans if plan.market.listed and plan.market.quote == profile.cash)
    for plan in profile.plans:
        if plan.market.code == market:
            return plan
    base, _, quote = market.partition("/")
    like = profile.plans[0]
    return replace(like, market=TruthMarket(base=base, quote=quote), start_price=Decimal(100))


def hide(account: TruthAccount, movement_key: str) -> list[TruthMovement]:
    """Let the exchange show a movement no longer, though it happened; its fee stands in the same record and goes too.

    Raises:
        KeyError: There is no such movement.
    """
    keys = {movement_key, f"{movement_key}:fee"}
    found = [movement for movement in account.movements if movement.movement_key in keys]
    if not found:
        raise KeyError(movement_key)
    account.hidden.update(movement.movement_key for movement in found)
    return found


def forget_market(account: TruthAccount, code: str) -> None:
    """Let the exchange remove a market (`BTC/USD`) entirely: it stands in no list, and its old trades can't be asked for any more.

    Raises:
        KeyError: The account never knew it.
    """
    account.markets[code] = replace(account.markets[code], listed=False, known=False)


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
