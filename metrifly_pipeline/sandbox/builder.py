"""Small accounts for tests: an empty one that grows by what a test names; everything else is made up, and valid."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from metrifly_pipeline.sandbox.generate import empty_account
from metrifly_pipeline.sandbox.live import book_of, plan_of
from metrifly_pipeline.sandbox.pricing import cost_of
from metrifly_pipeline.sandbox.profiles import ConvertDraft, Entry, MovementDraft, TradeDraft, profile_of
from metrifly_pipeline.sandbox.truth import TruthKey, TruthMovement, TruthTrade

MINUTE_US = 60_000_000
FIRST_AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""When the first event happens unless a test says otherwise; each further one comes a minute later."""


class AccountBuilder:
    """One exchange account under construction; each `with_...` adds to the live account and returns the builder."""

    def __init__(self, exchange: str, *, seed: int = 1, first_at: datetime = FIRST_AT) -> None:
        self.account = empty_account(exchange, seed)
        self._profile = profile_of(exchange)
        self._next_us = _us(first_at)

    @property
    def key(self) -> TruthKey:
        """The account's first key."""
        return next(iter(self.account.keys.values()))

    @property
    def trades(self) -> list[TruthTrade]:
        """What was traded so far."""
        return self.account.trades

    @property
    def movements(self) -> list[TruthMovement]:
        """What moved so far."""
        return self.account.movements

    def with_fill(
        self,
        *,
        market: str | None = None,
        side: str = "buy",
        price: str | None = None,
        amount: str = "0.5",
        fee: str | tuple[str, str] | None = None,
        at: datetime | None = None,
        visible_at: datetime | None = None,
        id: str | int | None = None,  # noqa: A002 - what exchanges and tests call it
    ) -> Self:
        """Add an execution; the market (`BTC/USD`) may be one the profile doesn't know, the fee an amount or (asset, amount)."""
        plan = plan_of(self._profile, market)
        exact_price = plan.start_price if price is None else Decimal(price)
        book = book_of(self.account)
        draft = TradeDraft(
            plan=plan,
            side=side,
            price=exact_price,
            amount=Decimal(amount),
            cost=cost_of(plan, exact_price, Decimal(amount)),
            executed_at_us=self._moment(at),
            order_number=book.next("order"),
        )
        entry = self._profile.trade(draft, book)
        trade = entry.trades[0]
        if at is not None:
            trade = replace(trade, executed_at_us=_us(at), visible_at_us=_us(at))
        if visible_at is not None:
            trade = replace(trade, visible_at_us=_us(visible_at))
        if fee is not None:
            asset, paid = (trade.fee_asset, fee) if isinstance(fee, str) else fee
            trade = replace(trade, fee_asset=asset, fee_amount=Decimal(paid))
        if id is not None:
            key = trade.trade_key.replace(trade.native_id, str(id))
            trade = replace(trade, native_id=str(id), trade_key=key)
        return self._add(Entry(trades=(trade,), movements=entry.movements))

    def with_movement(
        self,
        *,
        kind: str = "deposit",
        asset: str | None = None,
        amount: str = "100",
        at: datetime | None = None,
        visible_at: datetime | None = None,
    ) -> Self:
        """Add a deposit, withdrawal or reward; the amount is unsigned."""
        makers = {
            "deposit": self._profile.deposit,
            "withdrawal": self._profile.withdrawal,
            "reward": self._profile.reward,
        }
        default = self._profile.rewarded[0] if kind == "reward" else self._profile.cash
        draft = MovementDraft(asset=asset or default, amount=Decimal(amount), occurred_at_us=self._moment(at))
        entry = makers[kind](draft, book_of(self.account))
        if visible_at is not None:
            late = tuple(replace(movement, visible_at_us=_us(visible_at)) for movement in entry.movements)
            entry = Entry(movements=late)
        return self._add(entry)

    def with_convert(
        self,
        *,
        disposed: tuple[str, str],
        received: tuple[str, str],
        at: datetime | None = None,
    ) -> Self:
        """Add a convert or app buy: (asset, unsigned amount) given and got."""
        draft = ConvertDraft(
            disposed_asset=disposed[0],
            disposed_amount=Decimal(disposed[1]),
            received_asset=received[0],
            received_amount=Decimal(received[1]),
            occurred_at_us=self._moment(at),
        )
        return self._add(self._profile.convert(draft, book_of(self.account)))

    def with_key(self, *, without: str = "", with_also: str = "", ip_allowlist: tuple[str, ...] = ()) -> Self:
        """Change what the account's key may do and from where."""
        permissions = (self.key.permissions - {without}) | ({with_also} - {""})
        changed = replace(self.key, permissions=permissions, ip_allowlist=ip_allowlist)
        self.account.keys[changed.api_key] = changed
        return self

    def _moment(self, at: datetime | None) -> int:
        moment = self._next_us if at is None else _us(at)
        self._next_us = moment + MINUTE_US
        return moment

    def _add(self, entry: Entry) -> Self:
        for trade in entry.trades:
            self.account.markets.setdefault(trade.market.code, trade.market)
        self.account.trades.extend(entry.trades)
        self.account.movements.extend(entry.movements)
        return self


def _us(moment: datetime) -> int:
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * 1_000_000 + moment.microsecond
