"""What OKX serves of an account, rendered once: lists of rows, sorted, with the keys that pages are cut by.

Deposits arrive in the funding account and withdrawals leave from it; what a person trades with is moved to the trading account and back.
Here the move happens in the same moment, and its bill stands in the trading account's bills (type 1) beside those of trades (2), converts
(27) and interest or airdrops (33). Trades, converts and moves stand in the bills *too*: who counts them from there counts them twice.
Sources: okx.com/docs-v5 (bill types and subtypes, fills, funding), example payloads in ccxt 4.5.90.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from metrifly_pipeline.sandbox.dialects.okx_balances import funding_account, trading_account
from metrifly_pipeline.sandbox.dialects.okx_bills import (
    convert_bills,
    funding_bills,
    move_bill,
    other_bill,
    trade_bills,
    with_balance,
)
from metrifly_pipeline.sandbox.dialects.okx_listing import Listing, Parts, word_of
from metrifly_pipeline.sandbox.dialects.okx_records import convert_row, deposit_row, fill_row, withdrawal_row
from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import TruthMovement


class Book:
    """All that OKX serves of one account at one moment; each list is made when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Keep what is shown."""
        self._snapshot = snapshot
        self._groups = _groups(snapshot.movements)

    @cached_property
    def fills(self) -> Listing:
        """Executions, by bill id."""
        return Listing((fill_row(trade) for trade in self._snapshot.trades), "billId")

    @cached_property
    def bills(self) -> Listing:
        """Every change of the trading account, by bill id."""
        movements = self._snapshot.movements
        moved = [m for m in movements if m.moved_to]
        bills = [bill for trade in self._snapshot.trades for bill in trade_bills(trade)]
        bills += [bill for parts in self._groups["convert"] for bill in convert_bills(parts)]
        bills += [move_bill(movement) for movement in moved]
        bills += [other_bill(parts["main"]) for parts in self._groups["bill"]]
        return with_balance(bills)

    @cached_property
    def deposits(self) -> Listing:
        """By time."""
        return Listing(deposit_row(parts["main"]) for parts in self._groups["deposit"])

    @cached_property
    def withdrawals(self) -> Listing:
        """By time."""
        return Listing(withdrawal_row(parts) for parts in self._groups["withdrawal"])

    @cached_property
    def converts(self) -> Listing:
        """By time."""
        return Listing(convert_row(parts) for parts in self._groups["convert"])

    @cached_property
    def funding_bills(self) -> Listing:
        """Every change of the funding account, by time."""
        return Listing(funding_bills(self._snapshot.movements), "billId")

    @cached_property
    def trading_balances(self) -> Sequence[Mapping[str, str]]:
        """The trading account."""
        trades, movements = self._snapshot.trades, self._snapshot.movements
        moments = (*(t.executed_at_us for t in trades), *(m.occurred_at_us for m in movements))
        return trading_account(self._snapshot, max(moments, default=0))

    @cached_property
    def funding_balances(self) -> Sequence[Mapping[str, str]]:
        """The funding account."""
        return funding_account(self._snapshot)


NEEDED = {"deposit": {"main"}, "withdrawal": {"main"}, "bill": {"main"}, "convert": {"disposed", "received"}}
"""By the first word of a movement's key: the roles without which there is no record."""


def _groups(movements: Iterable[TruthMovement]) -> dict[str, list[Parts]]:
    """Movements that OKX sends as one object, put together; by the first word of their key."""
    groups: dict[str, dict[str, TruthMovement]] = {}
    for movement in movements:
        groups.setdefault(movement.group_key, {})[movement.role] = movement
    found: dict[str, list[Parts]] = {word: [] for word in NEEDED}
    for group in groups.values():
        word = word_of(next(iter(group.values())))
        if NEEDED.get(word, {"unknown"}) <= group.keys():
            found[word].append(group)
    return found
