"""Rendering once: what a dialect makes of an account is kept until the account changes or time shows something new."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from metrifly_pipeline.sandbox.truth import TruthAccount, TruthMovement, TruthTrade

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An account as the exchange shows it at one moment."""

    account: TruthAccount
    now_us: int
    trades: list[TruthTrade]
    movements: list[TruthMovement]
    """Without the hidden ones."""
    balances: dict[str, Decimal]
    """With the hidden ones: they happened."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    fingerprint: tuple[int, ...]
    from_us: int
    until_us: int | None


class Rendered(Generic[T]):
    """A dialect's rendering of each account: sorted rows, indexes, whatever makes a page a slice."""

    def __init__(self, render: Callable[[Snapshot], T]) -> None:
        self._render = render
        self._kept: dict[int, _Kept[T]] = {}

    def of(self, account: TruthAccount, now_us: int) -> T:
        """The rendering that holds at that moment."""
        kept = self._kept.get(id(account))
        if (
            kept is None
            or kept.fingerprint != account.fingerprint()
            or now_us < kept.from_us
            or (kept.until_us is not None and now_us >= kept.until_us)
        ):
            kept = self._rendered(account, now_us)
            self._kept[id(account)] = kept
        return kept.value

    def _rendered(self, account: TruthAccount, now_us: int) -> _Kept[T]:
        snapshot = Snapshot(
            account=account,
            now_us=now_us,
            trades=account.shown_trades(now_us),
            movements=account.shown_movements(now_us),
            balances=account.balances(now_us),
        )
        return _Kept(self._render(snapshot), account.fingerprint(), now_us, account.next_change_us(now_us))
