"""Are the published rows the truth? Pure: rows as the warehouse gives them, truth as the local exchange tells it, every field as text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

TRADE_FIELDS = {
    "native_id": "native_id",
    "base": "base",
    "quote": "quote",
    "side": "side",
    "price": "price_text",
    "amount": "amount",
    "cost": "cost",
    "fee_asset": "fee_asset",
    "fee_amount": "fee_amount",
    "executed_at_us": "executed_at",
}
"""The truth's field, and the column that must say the same."""
MOVEMENT_FIELDS = {
    "native_id": "native_id",
    "group_key": "group_key",
    "kind": "kind",
    "role": "role",
    "asset": "asset",
    "amount": "amount",
    "wallet": "wallet",
    "occurred_at_us": "occurred_at",
}
_AMOUNTS = {"price", "price_text", "amount", "cost", "fee_amount"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way in which a row is not the truth."""

    key: str
    field: str
    truth: str
    ours: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.key}: {self.field} is {self.ours or 'empty'}, in truth {self.truth or 'empty'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How many records the truth has, how many of them stand here exactly, and what differs."""

    expected: int
    exact: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Every record is there once, every field is the same, and there is nothing else."""
        return self.exact == self.expected and not self.differences


def compare_trades(truth: Sequence[Mapping[str, object]], ours: Sequence[Mapping[str, object]]) -> Verdict:
    """Compare by trade_key: `truth` as the admin port tells it, `ours` as rows of the table trades."""
    return _compare(truth, ours, "trade_key", TRADE_FIELDS)


def compare_movements(truth: Sequence[Mapping[str, object]], ours: Sequence[Mapping[str, object]]) -> Verdict:
    """The same by movement_key for rows of the table movements."""
    return _compare(truth, ours, "movement_key", MOVEMENT_FIELDS)


def added_up(verdicts: Iterable[Verdict]) -> Verdict:
    """Several as one."""
    parts = list(verdicts)
    return Verdict(
        expected=sum(part.expected for part in parts),
        exact=sum(part.exact for part in parts),
        differences=tuple(difference for part in parts for difference in part.differences),
    )


def _compare(
    truth: Sequence[Mapping[str, object]],
    ours: Sequence[Mapping[str, object]],
    key_name: str,
    fields: Mapping[str, str],
) -> Verdict:
    times = Counter(str(row[key_name]) for row in ours)
    found = {str(row[key_name]): row for row in ours}
    wrong: list[Difference] = []
    exact = 0
    for record in truth:
        key = str(record[key_name])
        differences = _differences(key, record, found.get(key), times[key], fields)
        wrong += differences
        exact += not differences
    known = {str(record[key_name]) for record in truth}
    wrong += [Difference(key=key, field="row", truth="not there", ours="there") for key in found if key not in known]
    return Verdict(expected=len(truth), exact=exact, differences=tuple(wrong))


def _differences(
    key: str, record: Mapping[str, object], row: Mapping[str, object] | None, times: int, fields: Mapping[str, str]
) -> list[Difference]:
    if row is None:
        return [Difference(key=key, field="row", truth="there", ours="missing")]
    if times > 1:
        return [Difference(key=key, field="row", truth="there once", ours=f"there {times} times")]
    pairs = ((name, as_text(name, record[name]), as_text(column, row[column])) for name, column in fields.items())
    return [Difference(key=key, field=name, truth=true, ours=own) for name, true, own in pairs if true != own]


def as_text(name: str, value: object) -> str:
    """One field as text: amounts with all digits and no idle zeros, times as microseconds since 1970, nothing as empty."""
    match value:
        case None:
            return ""
        case datetime():
            return str((value - EPOCH) // MICROSECOND)
        case _ if name in _AMOUNTS:
            return _amount(str(value))
        case _:
            return str(value)


def _amount(text: str) -> str:
    try:
        plain = f"{Decimal(text):f}"
    except InvalidOperation:
        return text
    trimmed = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if trimmed in {"-0", ""} else trimmed
