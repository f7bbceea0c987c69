"""What a person records by hand: an entry, its legs, and the rules that a draft of one must keep. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from metrifly_pipeline.domain.ids import AccountId, ConnectionId, EntryId, PortfolioId
from metrifly_pipeline.domain.trouble import RefusedError

PLACES = 18
WHOLE_DIGITS = 20
_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal(1).scaleb(-PLACES)


class EntryKind(StrEnum):
    """What happened. The value is stored, and is the kind of the entry's legs."""

    REWARD = "reward"
    AIRDROP = "airdrop"
    SWAP = "swap"
    TRANSFER = "transfer"
    BUY = "buy"
    SELL = "sell"
    OPENING_BALANCE = "opening_balance"
    ADJUSTMENT = "adjustment"


TRADES = (EntryKind.BUY, EntryKind.SELL)
ANSWERS_LIMITED_HISTORY = (EntryKind.OPENING_BALANCE, EntryKind.ADJUSTMENT)
"""Dated no later than a connection's history begins, these say what lay there before, and the notice that it is limited goes."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg counts: in a portfolio, and, with a connection, in what that connection's balances are compared with.

    With a connection the portfolio is the one that the connection flows into, also after it was moved.
    """

    portfolio: PortfolioId
    connection: ConnectionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So much of an asset."""

    asset: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLeg:
    """Signed amount of one asset that an entry books in one place."""

    place: Place
    role: str
    """main; base, quote or fee of a trade; disposed, received or fee of a swap; out and in of a transfer between own portfolios."""
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a person gives: unsigned amounts (an adjustment's is signed), from which the legs follow."""

    kind: EntryKind
    place: Place
    occurred_at: datetime
    main: Amount
    """What was received or adjusted; a trade's base; what a swap disposed of; what was transferred."""
    counter: Amount | None = None
    """A trade's quote and cost; what a swap received."""
    fee: Amount | None = None
    price: Decimal | None = None
    """Of one base in the quote, where a price was given instead of a cost."""
    outgoing: bool = False
    """Of a transfer: whether it left `place`."""
    to: Place | None = None
    """Of a transfer between two own portfolios: where it arrived."""
    value: Amount | None = None
    """What it was worth then, where somebody wrote it down."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version of an entry. Versions are only ever added: the newest stands, unless it says that the entry was deleted."""

    id: EntryId
    version: int
    account: AccountId
    kind: EntryKind
    occurred_at: datetime
    legs: tuple[EntryLeg, ...]
    price: Decimal | None = None
    value: Amount | None = None
    note: str = ""
    deleted: bool = False
    recorded_at: datetime
    recorded_by: AccountId
    """Who recorded this version."""
    superseded_at: datetime | None = None
    """When the next version was recorded; None for the newest."""


def legs_of(draft: Draft) -> tuple[EntryLeg, ...]:
    """Signed amounts that an entry books.

    Raises:
        RefusedError: The draft breaks a rule; the text says which.
    """
    _check(draft)
    main, place = draft.main, draft.place
    fee = [] if draft.fee is None else [_leg(place, "fee", draft.fee, -1)]
    match draft.kind, draft.counter, draft.to:
        case (EntryKind.BUY, Amount() as cost, _):
            return (_leg(place, "base", main, 1), _leg(place, "quote", cost, -1), *fee)
        case (EntryKind.SELL, Amount() as cost, _):
            return (_leg(place, "base", main, -1), _leg(place, "quote", cost, 1), *fee)
        case (EntryKind.SWAP, Amount() as received, _):
            return (_leg(place, "disposed", main, -1), _leg(place, "received", received, 1), *fee)
        case (EntryKind.TRANSFER, _, Place() as to):
            return (_leg(place, "out", main, -1), _leg(to, "in", main, 1))
        case _:
            return (_leg(place, "main", main, -1 if draft.outgoing else 1),)


def draft_of(entry: Entry) -> Draft:
    """The draft that an entry was made from: what an edit changes a part of."""
    legs = {leg.role: leg for leg in entry.legs}
    first = entry.legs[0]
    counter = legs.get("quote") or legs.get("received")
    signed = entry.kind is EntryKind.ADJUSTMENT
    return Draft(
        kind=entry.kind,
        place=first.place,
        occurred_at=entry.occurred_at,
        main=_unsigned(first) if not signed else Amount(asset=first.asset, quantity=first.amount),
        counter=None if counter is None else _unsigned(counter),
        fee=_unsigned(legs["fee"]) if "fee" in legs else None,
        price=entry.price,
        outgoing=entry.kind is EntryKind.TRANSFER and first.amount < 0,
        to=legs["in"].place if "in" in legs else None,
        value=entry.value,
        note=entry.note,
    )


def cost_of(amount: Decimal, price: Decimal) -> Decimal:
    """`amount` times `price`, exactly; rounded half-even at 18 places where it has more.

    Raises:
        RefusedError: It has more than 20 digits before the point.
    """
    cost = _EXACT.quantize(_EXACT.multiply(amount, price), _UNIT)
    if cost >= Decimal(10) ** WHOLE_DIGITS:
        raise RefusedError(f"Amount times price has more than {WHOLE_DIGITS} digits before the point")
    return cost


def with_main(draft: Draft, main: Amount) -> Draft:
    """The same with another asset or quantity; a cost that came from a price follows."""
    changed = replace(draft, main=main)
    if draft.price is None or draft.counter is None:
        return changed
    cost = replace(draft.counter, quantity=cost_of(main.quantity, draft.price))
    return replace(changed, counter=cost)


def _leg(place: Place, role: str, amount: Amount, sign: int) -> EntryLeg:
    # `-quantity` would round to 28 digits.
    return EntryLeg(
        place=place,
        role=role,
        asset=amount.asset,
        amount=amount.quantity if sign > 0 else amount.quantity.copy_negate(),
    )


def _unsigned(leg: EntryLeg) -> Amount:
    return Amount(asset=leg.asset, quantity=leg.amount.copy_abs())


def _check(draft: Draft) -> None:
    if draft.kind is EntryKind.ADJUSTMENT:
        if draft.main.quantity == 0:
            raise RefusedError("An adjustment of 0 changes nothing; give what to add, or with a minus what to take off")
    elif draft.kind is EntryKind.OPENING_BALANCE:
        if draft.main.quantity < 0:
            raise RefusedError("An opening balance can't be negative; use 0 if nothing was held")
    else:
        _positive(draft.main)
    for amount in (draft.counter, draft.fee):
        if amount is not None:
            _positive(amount)
    if draft.value is not None and draft.value.quantity < 0:
        raise RefusedError("A market value can't be negative")
    if draft.counter is not None and draft.counter.asset == draft.main.asset:
        raise RefusedError(f"{draft.main.asset} can't be exchanged for {draft.main.asset}; give two different assets")
    if draft.to is not None and draft.to == draft.place:
        raise RefusedError("A transfer needs two different places; this one would end where it began")


def _positive(amount: Amount) -> None:
    if amount.quantity <= 0:
        word = "0" if amount.quantity == 0 else "negative"
        raise RefusedError(
            f"The quantity of {amount.asset} is {word}; give one above 0: what kind it is says which way it goes"
        )


def touched(entries: Sequence[Entry]) -> set[PortfolioId]:
    """Portfolios in which a reader sees any of these entries."""
    return {leg.place.portfolio for entry in entries for leg in entry.legs}
