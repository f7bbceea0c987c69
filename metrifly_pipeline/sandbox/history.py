"""One event after the other: decides market, price and amount, pays only with what is there, lets the profile book it."""

import random
from collections import Counter
from decimal import Decimal

from metrifly_pipeline.sandbox.pricing import Walk, cost_of, floored, unit
from metrifly_pipeline.sandbox.profiles import (
    Book,
    ConvertDraft,
    Entry,
    MarketPlan,
    MovementDraft,
    Profile,
    TradeDraft,
)
from metrifly_pipeline.sandbox.slots import Slot, SlotKind
from metrifly_pipeline.sandbox.truth import TruthMovement, TruthTrade

HEADROOM = Decimal("1.05")
"""Fees and the like cost at most this much more."""
BEFORE_US = 1_000
"""A deposit that an event needs comes one millisecond before it."""


class History:
    """A history as it grows; `trades` and `movements` are in the order in which they happened."""

    def __init__(self, profile: Profile, rng: random.Random) -> None:
        self.trades: list[TruthTrade] = []
        self.movements: list[TruthMovement] = []
        self._profile = profile
        self._rng = rng
        self._book = Book(rng)
        self._walks = {plan.market.code: Walk(plan) for plan in profile.plans}
        self._active: list[MarketPlan] = []

    @property
    def counters(self) -> Counter[str]:
        """Where ids and numbers go on."""
        return self._book.counters

    def happen(self, slot: Slot, at_us: int, age: float) -> None:
        """Let one event happen.

        Args:
            slot: What; a sale of nothing becomes a buy.
            at_us: When, later than everything before.
            age: The same as a share of the span, 0 to 1; markets come and go by it.
        """
        self._active = [plan for plan in self._profile.plans if plan.since <= age < plan.until]
        self._add(self._profile.by_itself(at_us - BEFORE_US, self._book))
        match slot.kind:
            case SlotKind.BUY:
                self._buy(slot, at_us)
            case SlotKind.SELL:
                self._sell(slot, at_us)
            case SlotKind.CONVERT:
                self._convert(at_us)
            case SlotKind.DEPOSIT:
                self._deposit_something(at_us)
            case SlotKind.WITHDRAWAL:
                self._withdrawal(at_us)
            case SlotKind.REWARD:
                self._reward(at_us)
            case SlotKind.ODDITY:
                self._add(self._profile.oddity(at_us, self._book))

    def _add(self, entry: Entry) -> None:
        self._book.apply(entry)
        self.trades.extend(entry.trades)
        self.movements.extend(entry.movements)

    def _buy(self, slot: Slot, at_us: int) -> None:
        plan = self._rng.choices(self._active, [plan.weight for plan in self._active])[0]
        quote, cash = plan.market.quote, self._profile.cash
        pocket_money = Decimal(self._rng.randint(40, 600)) * max(1, slot.fills // 10)
        budget = pocket_money if quote == cash else self._book.held(quote) / 5
        price = self._walks[plan.market.code].next(self._rng)
        smallest = price * unit(plan.amount_decimals)
        if budget < smallest * slot.fills * 2:
            plan = next(p for p in self._active if p.market.quote == cash)
            price = self._walks[plan.market.code].next(self._rng)
            budget = Decimal(50 * slot.fills)
        if plan.market.quote == cash:
            self._need_cash(budget * HEADROOM, at_us)
        self._execute(slot, plan, "buy", price, budget / price / slot.fills, at_us)

    def _sell(self, slot: Slot, at_us: int) -> None:
        held = [(plan, self._book.held(plan.market.base)) for plan in self._active]
        worth = [(p, h) for p, h in held if h / 10 >= unit(p.amount_decimals) * slot.fills * 2]
        if not worth:
            self._buy(slot, at_us)
            return
        plan, have = self._rng.choices(worth, [plan.weight for plan, _ in worth])[0]
        price = self._walks[plan.market.code].next(self._rng)
        self._execute(slot, plan, "sell", price, have / self._rng.randint(4, 10) / slot.fills, at_us)

    def _execute(self, slot: Slot, plan: MarketPlan, side: str, price: Decimal, most: Decimal, at_us: int) -> None:
        """All fills of one order, in the same millisecond; `most` is a fill's largest amount."""
        order = self._book.next("order")
        amount = Decimal(0)
        for fill in range(slot.fills):
            if fill == 0 or not slot.identical:
                part = Decimal(f"{self._rng.uniform(0.5, 1):.6f}")
                amount = max(floored(most * part, plan.amount_decimals), unit(plan.amount_decimals))
            draft = TradeDraft(
                plan=plan,
                side=side,
                price=price,
                amount=amount,
                cost=cost_of(plan, price, amount),
                executed_at_us=at_us,
                order_number=order,
            )
            self._add(self._profile.trade(draft, self._book))

    def _need_cash(self, amount: Decimal, at_us: int) -> None:
        if self._book.held(self._profile.cash) < amount:
            self._deposit(floored(amount, 0) + self._rng.randint(5_000, 30_000), at_us - BEFORE_US)

    def _deposit(self, amount: Decimal, at_us: int) -> None:
        draft = MovementDraft(asset=self._profile.cash, amount=amount, occurred_at_us=at_us)
        self._add(self._profile.deposit(draft, self._book))

    def _deposit_something(self, at_us: int) -> None:
        """Cash, or from the second deposit on now and then a coin."""
        if not self.movements or self._rng.random() < 2 / 3:
            self._deposit(Decimal(self._rng.randint(2_000, 20_000)), at_us)
            return
        plan = self._rng.choice([p for p in self._active if p.market.quote == self._profile.cash])
        asset, decimals = plan.market.base, self._profile.decimals(plan.market.base)
        price = self._walks[plan.market.code].next(self._rng)
        amount = floored(Decimal(self._rng.randint(50, 2_000)) / price, decimals) or unit(decimals)
        draft = MovementDraft(asset=asset, amount=amount, occurred_at_us=at_us)
        self._add(self._profile.deposit(draft, self._book))

    def _withdrawal(self, at_us: int) -> None:
        held = [(plan.market.base, self._book.held(plan.market.base)) for plan in self._active]
        asset, have = self._rng.choice([(self._profile.cash, self._book.held(self._profile.cash)), *held])
        amount = floored(have / self._rng.randint(5, 20), self._profile.decimals(asset))
        if amount > 0:
            draft = MovementDraft(asset=asset, amount=amount, occurred_at_us=at_us)
            self._add(self._profile.withdrawal(draft, self._book))

    def _reward(self, at_us: int) -> None:
        asset = self._rng.choice(self._profile.rewarded)
        decimals = self._profile.decimals(asset)
        amount = max(unit(decimals), Decimal(self._rng.randrange(10**decimals)) * unit(decimals) / 100)
        draft = MovementDraft(asset=asset, amount=floored(amount, decimals) or unit(decimals), occurred_at_us=at_us)
        self._add(self._profile.reward(draft, self._book))

    def _convert(self, at_us: int) -> None:
        """Mostly cash into a coin, sometimes a coin into another one."""
        cash = self._profile.cash
        priced = {plan.market.base: plan for plan in self._active if plan.market.quote == cash}
        received = self._rng.choice(sorted(priced))
        disposed, spent = cash, Decimal(self._rng.randint(1_000, 30_000)) / 100
        coins = [coin for coin in sorted(priced) if coin != received and self._book.held(coin) > 0]
        value = spent
        if coins and self._rng.random() < 1 / 3:
            coin = self._rng.choice(coins)
            some = floored(self._book.held(coin) / 12, self._profile.decimals(coin))
            if some > 0:
                disposed, spent = coin, some
                value = some * self._walks[priced[coin].market.code].next(self._rng)
        if disposed == cash:
            self._need_cash(spent * HEADROOM, at_us)
        price = self._walks[priced[received].market.code].next(self._rng)
        got = floored(value / price, self._profile.decimals(received)) or unit(self._profile.decimals(received))
        draft = ConvertDraft(
            disposed_asset=disposed,
            disposed_amount=spent,
            received_asset=received,
            received_amount=got,
            occurred_at_us=at_us,
        )
        self._add(self._profile.convert(draft, self._book))
