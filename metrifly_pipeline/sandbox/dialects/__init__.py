"""Dialects: how each exchange speaks. One module or package a dialect, named as it, with `build(venue) -> Dialect`."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey
from metrifly_pipeline.sandbox.wire import Handler, Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """What a dialect serves: all accounts of one exchange, told apart by API key."""

    exchange: str
    accounts: list[TruthAccount]
    """Live: accounts and keys may be added, changed and removed while it serves."""
    seed: int
    scale: float
    """Every rate limit is multiplied by it."""

    def by_key(self, api_key: str) -> tuple[TruthAccount, TruthKey] | None:
        """The account that this API key opens."""
        for account in self.accounts:
            if key := account.keys.get(api_key):
                return account, key
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFields:
    """The names of a served row's fields, so that a fault can spoil the right one."""

    time: str
    amount: str
    price: str | None = None


class Dialect(Protocol):
    """One exchange's way to speak: paths, parameters, signatures, limits, number formats, errors."""

    @property
    def name(self) -> str:
        """The exchange's name, as in `TruthAccount.exchange`."""

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Handlers by (METHOD, path); they check key, signature and limits themselves."""

    def unknown(self, request: Request) -> Response:
        """What the exchange answers to a path it doesn't have."""

    def rows(self, path: str, payload: Any) -> list[dict[str, Any]]:
        """The records inside a decoded answer, as live references; [] where the path serves no records."""

    def row_fields(self, path: str) -> RowFields | None:
        """How those records call their time and amount; None where the path serves no records."""


def build(venue: Venue) -> Dialect:
    """Make the dialect of the venue's exchange.

    Raises:
        ModuleNotFoundError: There is no dialect for this exchange.
    """
    module = importlib.import_module(f"{__name__}.{venue.exchange}")
    return cast("Dialect", module.build(venue))
