"""What people record by hand: from typed words to a stored entry, its edits and its end. Nothing is stored before every word is right."""

from dataclasses import dataclass, replace
from decimal import Decimal

from metrifly_pipeline.domain.entries import (
    TRADES,
    Amount,
    Draft,
    Entry,
    EntryKind,
    Place,
    cost_of,
    draft_of,
    with_main,
)
from metrifly_pipeline.domain.entry_input import read_amount, read_asset, read_moment, read_note
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError

NONE = "none"
"""Typed in place of a fee or a value, it takes them away."""

_OPTIONS = dict.fromkeys(TRADES, ("--base", "--amount")) | {EntryKind.SWAP: ("--disposed", "--disposed-quantity")}
"""What people call asset and quantity where they have names of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Words as they were typed; None for what was left out."""

    portfolio: str | None = None
    """Name or id."""
    connection: str | None = None
    date: str | None = None
    asset: str | None = None
    quantity: str | None = None
    counter_asset: str | None = None
    """A trade's quote, or what a swap received."""
    counter_quantity: str | None = None
    price: str | None = None
    fee: str | None = None
    fee_asset: str | None = None
    value: str | None = None
    value_currency: str | None = None
    to_portfolio: str | None = None
    to_connection: str | None = None
    note: str | None = None


class Recording:
    """The verb *record*, and what follows it: list, edit, delete."""

    def __init__(self, control: ControlStore, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._clock = clock

    def record(self, account: AccountId, kind: EntryKind, typed: Typed, *, outgoing: bool = False) -> Entry:
        """Store a new entry.

        Args:
            account: Whose it is.
            kind: What happened.
            typed: What was typed.
            outgoing: Of a transfer: whether it left.

        Raises:
            RefusedError: Something is missing or wrong; nothing was stored.
        """
        now = self._clock()
        draft = Draft(
            kind=kind,
            place=self._place(account, typed.portfolio, typed.connection, "--portfolio NAME or --connection ID"),
            occurred_at=read_moment(_given(typed.date, "--date"), now),
            main=_main(kind, typed),
            value=_pair(typed.value, typed.value_currency, "--value", "--value-currency"),
            fee=_pair(typed.fee, typed.fee_asset, "--fee", "--fee-asset"),
            outgoing=outgoing,
            to=self._destination(account, typed),
            note=read_note(typed.note or ""),
        )
        return self._control.add_entry(account, _with_counter(draft, typed), now)

    def edit(self, account: AccountId, entry: str, typed: Typed) -> Entry:
        """Store the next version of an entry with what was typed in place of what stood there; where it counts stays.

        Raises:
            RefusedError: It is a swap, or something typed is wrong or means nothing to it; nothing was stored.
            NotFoundError: There is no such entry.
        """
        now = self._clock()
        seen = self._control.entry(account, entry)
        _refuse_meaningless(seen, typed)
        draft = _edited(draft_of(seen), typed)
        if typed.date is not None:
            draft = replace(draft, occurred_at=read_moment(typed.date, now))
        if draft == draft_of(seen):
            raise RefusedError(f"{seen.id} says that already; nothing was changed")
        return self._control.change_entry(seen, draft, now)

    def delete(self, account: AccountId, entry: str) -> Entry:
        """Take an entry out of everything that is added up; its versions stay. NotFoundError where there is no such entry."""
        return self._control.delete_entry(self._control.entry(account, entry), self._clock())

    def _place(self, account: AccountId, portfolio: str | None, connection: str | None, options: str) -> Place:
        """A connection says by itself into which portfolio it flows; where both are given, they must agree."""
        if connection is None:
            return Place(self._control.find_portfolio(account, _given(portfolio, options)).id)
        own = {each.id: each for each in self._control.connections(account)}
        found = own.get(ConnectionId(connection.strip().lower()))
        if found is None:
            raise NotFoundError(f"There is no connection {connection}; `metrifly connections` lists them")
        if portfolio is not None and self._control.find_portfolio(account, portfolio).id != found.portfolio:
            message = (
                f"{found.id} flows into another portfolio than {portfolio!r}; leave --portfolio out, or the connection"
            )
            raise RefusedError(message)
        return Place(found.portfolio, found.id)

    def _destination(self, account: AccountId, typed: Typed) -> Place | None:
        if typed.to_portfolio is None and typed.to_connection is None:
            return None
        return self._place(account, typed.to_portfolio, typed.to_connection, "--to NAME")


def _main(kind: EntryKind, typed: Typed) -> Amount:
    asset, quantity = _OPTIONS.get(kind, ("--asset", "--quantity"))
    return Amount(
        asset=read_asset(_given(typed.asset, asset), asset),
        quantity=read_amount(_given(typed.quantity, quantity), quantity),
    )


def _with_counter(draft: Draft, typed: Typed) -> Draft:
    """A trade's quote and cost, or what a swap received."""
    if draft.kind is EntryKind.SWAP:
        received = _pair(typed.counter_quantity, typed.counter_asset, "--received-quantity", "--received")
        if received is None:
            raise RefusedError("Give --received and --received-quantity: what the swap brought")
        return replace(draft, counter=received)
    if draft.kind not in TRADES:
        return draft
    quote = read_asset(_given(typed.counter_asset, "--quote"), "--quote")
    if (typed.price is None) == (typed.counter_quantity is None):
        raise RefusedError("Give either --price or --cost, not both: each follows from the other")
    return _paid(draft, quote, typed)


def _paid(draft: Draft, quote: str, typed: Typed) -> Draft:
    """The trade with a price, from which its cost follows, or with a cost."""
    if typed.price is None:
        cost = read_amount(_given(typed.counter_quantity, "--cost"), "--cost")
        return replace(draft, counter=Amount(asset=quote, quantity=cost), price=None)
    price = read_amount(typed.price, "--price")
    cost = cost_of(draft.main.quantity, price)
    return replace(draft, counter=Amount(asset=quote, quantity=cost), price=price)


def _edited(draft: Draft, typed: Typed) -> Draft:
    """What was typed in place of what stood there."""
    main = Amount(
        asset=draft.main.asset if typed.asset is None else read_asset(typed.asset, "--asset"),
        quantity=draft.main.quantity if typed.quantity is None else read_amount(typed.quantity, "--quantity"),
    )
    draft = with_main(draft, main)
    if typed.price is not None and typed.counter_quantity is not None:
        raise RefusedError("Give either --price or --cost, not both: each follows from the other")
    if draft.counter is not None and typed.counter_asset is not None:
        quote = read_asset(typed.counter_asset, "--quote")
        draft = replace(draft, counter=replace(draft.counter, asset=quote))
    if draft.counter is not None and (typed.price is not None or typed.counter_quantity is not None):
        draft = _paid(draft, draft.counter.asset, typed)
    return replace(
        draft,
        fee=_pair(typed.fee, typed.fee_asset, "--fee", "--fee-asset", draft.fee),
        value=_pair(typed.value, typed.value_currency, "--value", "--value-currency", draft.value),
        note=draft.note if typed.note is None else read_note(typed.note),
    )


def _pair(
    quantity: str | None, asset: str | None, quantity_option: str, asset_option: str, before: Amount | None = None
) -> Amount | None:
    """An amount and its asset: both or neither, where nothing stood there before; the word none takes away what did."""
    if quantity is None and asset is None:
        return before
    if before is not None and quantity is not None and quantity.strip().lower() == NONE:
        return None
    if before is None and (quantity is None or asset is None):
        raise RefusedError(f"Give {quantity_option} and {asset_option} together, or neither")
    read = Amount(asset="", quantity=Decimal(0)) if before is None else before
    if asset is not None:
        read = replace(read, asset=read_asset(asset, asset_option))
    if quantity is not None:
        read = replace(read, quantity=read_amount(quantity, quantity_option))
    return read


def _refuse_meaningless(seen: Entry, typed: Typed) -> None:
    if seen.kind is EntryKind.SWAP:
        message = f"A swap is not edited: delete it with `metrifly record delete {seen.id}` and record it again"
        raise RefusedError(message)
    if seen.kind in TRADES:
        return
    given = {
        "--quote": typed.counter_asset,
        "--cost": typed.counter_quantity,
        "--price": typed.price,
        "--fee": typed.fee,
        "--fee-asset": typed.fee_asset,
    }
    meaningless = [option for option, text in given.items() if text is not None]
    if meaningless:
        message = f"{seen.id} is no trade: {', '.join(meaningless)} would mean nothing to it"
        raise RefusedError(message)


def _given(text: str | None, option: str) -> str:
    if text is None:
        raise RefusedError(f"{option} is missing")
    return text
