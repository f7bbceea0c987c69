"""The columns of the file that `metrifly import` reads, and what each kind of row takes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from metrifly_pipeline.domain.entries import EntryKind
from metrifly_pipeline.domain.sheets import Column


class RowKind(StrEnum):
    """What the column `kind` may say."""

    REWARD = "reward"
    AIRDROP = "airdrop"
    SWAP = "swap"
    BUY = "buy"
    SELL = "sell"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_OWN = "transfer_own"
    OPENING_BALANCE = "opening_balance"
    ADJUSTMENT = "adjustment"


COMMENT = "#"
"""A row whose kind begins with it explains and is passed over."""

COLUMNS: Sequence[Column] = (
    Column(
        name="kind",
        meaning="What happened: " + ", ".join(RowKind) + ". Needed. A row whose kind begins with # is passed over.",
        example="buy",
    ),
    Column(
        name="date",
        meaning="When: a day, its first moment in UTC, or a moment such as 2024-01-31T12:30:00+01:00; "
        "without a zone it is UTC. Needed.",
        example="2024-01-31",
    ),
    Column(
        name="asset",
        meaning="What it was about: the base of a buy or sell, what a swap gave away, else what came, went or was held. Needed.",
        example="BTC",
    ),
    Column(
        name="quantity",
        meaning="How much of the asset: digits and a point, at most 18 places; only an adjustment has a sign. Needed.",
        example="0.5",
    ),
    Column(
        name="counter_asset",
        meaning="Of a buy or sell: what it was paid in. Of a swap: what was received.",
        example="EUR",
    ),
    Column(
        name="counter_quantity",
        meaning="How much of the counter asset. A buy or sell may give a price instead.",
        example="15000",
    ),
    Column(name="price", meaning="Of a buy or sell, in place of counter_quantity: what one cost.", example=""),
    Column(name="fee", meaning="Of a buy, sell or swap: what was paid beside it; with fee_asset.", example="5"),
    Column(name="fee_asset", meaning="In what the fee was paid.", example="EUR"),
    Column(
        name="value",
        meaning="Of a reward, airdrop, swap or opening balance: what it was worth then, if you know; with value_currency.",
        example="",
    ),
    Column(name="value_currency", meaning="Currency of the value.", example=""),
    Column(
        name="connection",
        meaning="The id of the connection it happened on, if its balances shall be compared with it; "
        "it must flow into the portfolio that is imported into.",
        example="",
    ),
    Column(name="to_portfolio", meaning="Of transfer_own: your portfolio that it went to, name or id.", example=""),
    Column(name="to_connection", meaning="Of transfer_own: your connection that it went to, by its id.", example=""),
    Column(name="note", meaning="Words of your own.", example="from a statement"),
    Column(
        name="id",
        meaning="What tells this row from all others of the same portfolio or connection, such as the number that a "
        "statement gives it. Without one the row's content tells it apart.",
        example="",
    ),
)
NEEDED = ("kind", "date", "asset", "quantity")
MOST_OWN_ID = 100

_EVERYWHERE = frozenset({*NEEDED, "connection", "note", "id"})
_VALUE = frozenset({"value", "value_currency"})
_TRADE = frozenset({"counter_asset", "counter_quantity", "price", "fee", "fee_asset"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a kind of row is as an entry, and which columns mean something to it."""

    kind: EntryKind
    more: frozenset[str] = frozenset()
    outgoing: bool = False

    @property
    def takes(self) -> frozenset[str]:
        """Every column that may hold something."""
        return _EVERYWHERE | self.more


FORMS = {
    RowKind.REWARD: Form(kind=EntryKind.REWARD, more=_VALUE),
    RowKind.AIRDROP: Form(kind=EntryKind.AIRDROP, more=_VALUE),
    RowKind.SWAP: Form(kind=EntryKind.SWAP, more=(_TRADE - {"price"}) | _VALUE),
    RowKind.BUY: Form(kind=EntryKind.BUY, more=_TRADE),
    RowKind.SELL: Form(kind=EntryKind.SELL, more=_TRADE),
    RowKind.TRANSFER_IN: Form(kind=EntryKind.TRANSFER),
    RowKind.TRANSFER_OUT: Form(kind=EntryKind.TRANSFER, outgoing=True),
    RowKind.TRANSFER_OWN: Form(
        kind=EntryKind.TRANSFER, outgoing=True, more=frozenset({"to_portfolio", "to_connection"})
    ),
    RowKind.OPENING_BALANCE: Form(kind=EntryKind.OPENING_BALANCE, more=_VALUE),
    RowKind.ADJUSTMENT: Form(kind=EntryKind.ADJUSTMENT),
}
