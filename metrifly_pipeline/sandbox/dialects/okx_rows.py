"""What OKX serves of an account, rendered once: rows in their JSON bytes, sorted, with the keys that pages are cut by.

Deposits arrive in the funding account and withdrawals leave from it; what a person trades with is moved to the trading account and back.
Here the move happens in the same moment, and its bill stands in the trading account's bills (type 1) beside those of trades (2), converts
(27) and interest or airdrops (33). Trades, converts and moves stand in the bills *too*: who counts them from there counts them twice.
Sources: okx.com/docs-v5 (bill types and subtypes, fills, funding), example payloads in ccxt 4.5.90.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metrifly_pipeline.sandbox.dialects.okx_balances import funding_account, trading_account
from metrifly_pipeline.sandbox.dialects.okx_bills import (
    convert_bills,
    funding_bills,
    move_bill,
    other_bill,
    trade_bills,
    with_balance,
)
from metrifly_pipeline.sandbox.dialects.okx_listing import FUNDING_WALLET, Listing, Parts, listing, word_of
from metrifly_pipeline.sandbox.dialects.okx_records import convert_row, deposit_row, fill_row, withdrawal_row
from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import TruthMovement


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that OKX serves of one account at one moment."""

    fills: Listing
    bills: Listing
    deposits: Listing
    withdrawals: Listing
    converts: Listing
    funding_bills: Listing
    trading_balances: Sequence[Mapping[str, str]]
    funding_balances: Sequence[Mapping[str, str]]


def render(snapshot: Snapshot) -> Book:
    """Render everything of an account."""
    groups = _groups(snapshot.movements)
    moved = [m for m in snapshot.movements if m.wallet != FUNDING_WALLET and word_of(m) in {"deposit", "withdrawal"}]
    bills = [bill for trade in snapshot.trades for bill in trade_bills(trade)]
    bills += [bill for parts in groups["convert"] for bill in convert_bills(parts)]
    bills += [move_bill(movement) for movement in moved]
    bills += [other_bill(parts["main"]) for parts in groups["bill"]]
    newest_us = max(
        (*(t.executed_at_us for t in snapshot.trades), *(m.occurred_at_us for m in snapshot.movements)), default=0
    )
    return Book(
        fills=listing((fill_row(trade) for trade in snapshot.trades), "billId"),
        bills=with_balance(bills),
        deposits=listing((deposit_row(parts["main"]) for parts in groups["deposit"]), ""),
        withdrawals=listing((withdrawal_row(parts) for parts in groups["withdrawal"]), ""),
        converts=listing((convert_row(parts) for parts in groups["convert"]), ""),
        funding_bills=listing(funding_bills(snapshot.movements), "billId"),
        trading_balances=trading_account(snapshot, newest_us),
        funding_balances=funding_account(snapshot),
    )


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
