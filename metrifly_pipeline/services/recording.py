"""What people record by hand: from typed words to a stored entry, its edits and its end. Nothing is stored before every word is right."""

from collections.abc import Sequence
from dataclasses import replace

from metrifly_pipeline.domain.entries import TRADES, Amount, Draft, Entry, EntryKind, draft_of, with_main
from metrifly_pipeline.domain.entry_input import read_moment, read_note
from metrifly_pipeline.domain.ids import AccountId
from metrifly_pipeline.domain.lookalikes import Lookalike
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.drafting import (
    Names,
    Places,
    Typed,
    amount_in,
    asset_in,
    drafted,
    paid,
    pair,
    refuse_both,
)
from metrifly_pipeline.services.lookalikes import lookalikes

NONE = "none"
"""Typed in place of a fee or a value, it takes them away."""

_OPTIONS = Names(
    place="--portfolio NAME or --connection ID",
    to="--to NAME",
    date="--date",
    asset="--asset",
    quantity="--quantity",
    counter_asset="--quote",
    counter_quantity="--cost",
    price="--price",
    fee="--fee",
    fee_asset="--fee-asset",
    value="--value",
    value_currency="--value-currency",
)
_OPTIONS_OF = dict.fromkeys(TRADES, replace(_OPTIONS, asset="--base", quantity="--amount")) | {
    EntryKind.SWAP: replace(
        _OPTIONS,
        asset="--disposed",
        quantity="--disposed-quantity",
        counter_asset="--received",
        counter_quantity="--received-quantity",
    )
}
"""Where what is typed has names of its own."""


class Recording:
    """The verb *record*, and what follows it: list, edit, delete."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
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
        names = _OPTIONS_OF.get(kind, _OPTIONS)
        draft = drafted(kind, typed, Places(self._control, account), names, now, outgoing=outgoing)
        return self._control.add_entry(account, draft, now)

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

    def lookalikes(self, account: AccountId, entries: Sequence[Entry]) -> list[Lookalike]:
        """What connections imported that says the same as these entries, which their numbers tell: both count."""
        return lookalikes(self._control, self._lake, account, [draft_of(entry) for entry in entries])

    def delete(self, account: AccountId, entry: str) -> Entry:
        """Take an entry out of everything that is added up; its versions stay. NotFoundError where there is no such entry."""
        return self._control.delete_entry(self._control.entry(account, entry), self._clock())


def _edited(draft: Draft, typed: Typed) -> Draft:
    """What was typed in place of what stood there."""
    main = Amount(
        asset=draft.main.asset if typed.asset is None else asset_in(typed.asset, _OPTIONS.asset),
        quantity=draft.main.quantity if typed.quantity is None else amount_in(typed.quantity, _OPTIONS.quantity),
    )
    draft = with_main(draft, main)
    refuse_both(typed, _OPTIONS)
    if draft.counter is not None and typed.counter_asset is not None:
        quote = asset_in(typed.counter_asset, _OPTIONS.counter_asset)
        draft = replace(draft, counter=replace(draft.counter, asset=quote))
    if draft.counter is not None and (typed.price is not None or typed.counter_quantity is not None):
        draft = paid(draft, draft.counter.asset, typed, _OPTIONS)
    return replace(
        draft,
        fee=_changed(draft.fee, typed.fee, typed.fee_asset, _OPTIONS.fee, _OPTIONS.fee_asset),
        value=_changed(draft.value, typed.value, typed.value_currency, _OPTIONS.value, _OPTIONS.value_currency),
        note=draft.note if typed.note is None else read_note(typed.note),
    )


def _changed(
    before: Amount | None, quantity: str | None, asset: str | None, quantity_option: str, asset_option: str
) -> Amount | None:
    """Either part may change what stood there, and the word none takes it away; where nothing stood, both are needed."""
    if before is None:
        return pair(quantity, asset, quantity_option, asset_option)
    if quantity is not None and quantity.strip().lower() == NONE:
        return None
    return Amount(
        asset=before.asset if asset is None else asset_in(asset, asset_option),
        quantity=before.quantity if quantity is None else amount_in(quantity, quantity_option),
    )


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
