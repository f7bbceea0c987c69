"""From words to the draft of an entry, whether they were typed as options or stand in the columns of a file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from metrifly_pipeline.domain.entries import TRADES, Amount, Draft, EntryKind, Place, cost_of
from metrifly_pipeline.domain.entry_input import read_amount, read_asset, read_moment, read_note
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.ports import ControlStore
from metrifly_pipeline.domain.status import Connection, Portfolio
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What people call the fields where they write them."""

    place: str
    to: str
    date: str
    asset: str
    quantity: str
    counter_asset: str
    counter_quantity: str
    price: str
    fee: str
    fee_asset: str
    value: str
    value_currency: str


class WrongFieldError(RefusedError):
    """One field can't be read or found; says which."""

    def __init__(self, field: str, text: str) -> None:
        """Keep the field, by the name that people know."""
        super().__init__(text)
        self.field = field


class Places:
    """Portfolios and connections of one account, each looked up once: a file may name them, or miss them, on every line."""

    def __init__(self, control: ControlStore, account: AccountId) -> None:
        """Nothing is looked up yet."""
        self._control = control
        self._account = account
        self._portfolios: dict[str, Portfolio | NotFoundError] = {}
        self._connections: dict[ConnectionId, Connection] | None = None

    def portfolio(self, name_or_id: str) -> Portfolio:
        """By name or id; NotFoundError."""
        if name_or_id not in self._portfolios:
            self._portfolios[name_or_id] = self._look_up(name_or_id)
        found = self._portfolios[name_or_id]
        if isinstance(found, NotFoundError):
            raise NotFoundError(str(found))
        return found

    def _look_up(self, name_or_id: str) -> Portfolio | NotFoundError:
        try:
            return self._control.find_portfolio(self._account, name_or_id)
        except NotFoundError as missing:
            return missing

    def find(self, portfolio: str | None, connection: str | None, name: str) -> Place:
        """A connection says by itself into which portfolio it flows; where both are given, they must agree.

        Raises:
            RefusedError: Neither is given (`name` says how to), or they don't agree.
            NotFoundError: There is no such portfolio or connection.
        """
        if connection is None:
            return Place(self.portfolio(given(portfolio, name)).id)
        found = self._own_connections().get(ConnectionId(connection.strip().lower()))
        if found is None:
            raise NotFoundError(f"There is no connection {connection}; `metrifly connections` lists them")
        if portfolio is not None and self.portfolio(portfolio).id != found.portfolio:
            own = self.portfolio(found.portfolio).name
            message = (
                f"{found.id} flows into another portfolio than {portfolio!r}; name {own!r}, or leave one of the two out"
            )
            raise RefusedError(message)
        return Place(found.portfolio, found.id)

    def overlap(self, one: str, other: str) -> bool:
        """Whether one of two ids is a connection and the other the portfolio that it flows into."""
        own = self._own_connections()
        return any(
            connection in own and own[connection].portfolio == portfolio
            for connection, portfolio in ((ConnectionId(one), other), (ConnectionId(other), one))
        )

    def _own_connections(self) -> Mapping[ConnectionId, Connection]:
        if self._connections is None:
            self._connections = {each.id: each for each in self._control.connections(self._account)}
        return self._connections


def drafted(
    kind: EntryKind,
    typed: Typed,
    places: Places,
    names: Names,
    now: datetime,
    *,
    outgoing: bool,
    zoneless: bool = False,
) -> Draft:
    """The draft that words mean.

    Args:
        kind: What happened.
        typed: The words.
        places: Where an entry may count.
        names: What the fields are called in what is said about them.
        now: Nothing happens later.
        outgoing: Of a transfer: whether it left.
        zoneless: Whether a moment without a zone is one in UTC; else it is refused.

    Raises:
        WrongFieldError: A field is missing or can't be read.
        RefusedError: Fields don't go together.
    """
    with about(names.place):
        place = places.find(typed.portfolio, typed.connection, names.place)
    with about(names.date):
        occurred_at = read_moment(given(typed.date, names.date), now, zoneless=zoneless)
    draft = Draft(
        kind=kind,
        place=place,
        occurred_at=occurred_at,
        main=Amount(
            asset=asset_in(given(typed.asset, names.asset), names.asset),
            quantity=amount_in(given(typed.quantity, names.quantity), names.quantity),
        ),
        value=pair(typed.value, typed.value_currency, names.value, names.value_currency),
        fee=pair(typed.fee, typed.fee_asset, names.fee, names.fee_asset),
        outgoing=outgoing,
        to=_destination(typed, places, names),
        note=read_note(typed.note or ""),
    )
    return _with_counter(draft, typed, names)


def paid(draft: Draft, quote: str, typed: Typed, names: Names) -> Draft:
    """The trade with a price, from which its cost follows, or with a cost."""
    if typed.price is None:
        cost = amount_in(given(typed.counter_quantity, names.counter_quantity), names.counter_quantity)
        return replace(draft, counter=Amount(asset=quote, quantity=cost), price=None)
    price = amount_in(typed.price, names.price)
    with about(names.price):
        cost = cost_of(draft.main.quantity, price)
    return replace(draft, counter=Amount(asset=quote, quantity=cost), price=price)


def refuse_both(typed: Typed, names: Names) -> None:
    """A price and a cost might disagree."""
    if typed.price is not None and typed.counter_quantity is not None:
        raise _either(names)


def given(text: str | None, name: str) -> str:
    """The words of a field that is needed."""
    if text is None:
        raise WrongFieldError(name, f"{name} is missing")
    return text


def amount_in(text: str, name: str) -> Decimal:
    """A field's decimal."""
    with about(name):
        return read_amount(text, name)


def asset_in(text: str, name: str) -> str:
    """A field's asset."""
    with about(name):
        return read_asset(text, name)


@contextmanager
def about(name: str) -> Iterator[None]:
    """What is refused within is about this field."""
    try:
        yield
    except WrongFieldError:
        raise
    except RefusedError as trouble:
        raise WrongFieldError(name, str(trouble)) from None


def _destination(typed: Typed, places: Places, names: Names) -> Place | None:
    if typed.to_portfolio is None and typed.to_connection is None:
        return None
    with about(names.to):
        return places.find(typed.to_portfolio, typed.to_connection, names.to)


def _with_counter(draft: Draft, typed: Typed, names: Names) -> Draft:
    """A trade's quote and cost, or what a swap received."""
    if draft.kind is EntryKind.SWAP:
        received = pair(typed.counter_quantity, typed.counter_asset, names.counter_quantity, names.counter_asset)
        if received is None:
            message = f"Give {names.counter_asset} and {names.counter_quantity}: what the swap brought"
            raise WrongFieldError(names.counter_asset, message)
        return replace(draft, counter=received)
    if draft.kind not in TRADES:
        return draft
    quote = asset_in(given(typed.counter_asset, names.counter_asset), names.counter_asset)
    if (typed.price is None) == (typed.counter_quantity is None):
        raise _either(names)
    return paid(draft, quote, typed, names)


def _either(names: Names) -> WrongFieldError:
    message = f"Give either {names.price} or {names.counter_quantity}, not both: each follows from the other"
    return WrongFieldError(names.price, message)


def pair(quantity: str | None, asset: str | None, quantity_name: str, asset_name: str) -> Amount | None:
    """An amount and its asset: both or neither."""
    if quantity is None and asset is None:
        return None
    if quantity is None or asset is None:
        missing = quantity_name if quantity is None else asset_name
        raise WrongFieldError(missing, f"Give {quantity_name} and {asset_name} together, or neither")
    return Amount(asset=asset_in(asset, asset_name), quantity=amount_in(quantity, quantity_name))
